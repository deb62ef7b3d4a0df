//! Up when a TLS handshake succeeds, with a certificate that lasts long enough.
//!
//! Nothing is asked within TLS. What the certificate must be for, and who must have signed it, is
//! the check's `sni`, `verify` and `ca_file`; its end is read from the certificate itself, also
//! where nothing is verified.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use jiff::Timestamp;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::clock::{Wall, wall};
use crate::cluster::check::TlsProbe;
use crate::cluster::validity;
use crate::health::probe::failure::Failure;
use crate::health::probe::{Ask, Said, trust};

pub struct TlsProber {
    socket: SocketAddr,
    /// `None` when no handshake can be made of what is configured; each probe then says so.
    ready: Option<(TlsConnector, ServerName<'static>)>,
    min_days: Option<u32>,
}

impl TlsProber {
    pub fn new(address: IpAddr, probe: &TlsProbe) -> TlsProber {
        let ready = trust::client_config(&probe.tls.trust).and_then(|config| {
            let name = trust::server_name(&probe.tls, address)?;
            Some((TlsConnector::from(Arc::new(config)), name))
        });
        let socket = SocketAddr::new(address, probe.port);
        TlsProber { socket, ready, min_days: probe.min_days }
    }
}

impl std::fmt::Debug for TlsProber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsProber").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Ask for TlsProber {
    async fn ask(&self) -> Result<Said, Failure> {
        let (connector, name) = self.ready.as_ref().ok_or(Failure::Unsendable)?;
        let stream = TcpStream::connect(self.socket).await?;
        let stream = connector.connect(name.clone(), stream).await?;
        let first = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let unreadable = Failure::Certificate("the certificate cannot be read");
        let (_, end) = first.and_then(|first| validity::of(first)).ok_or(unreadable)?;
        judge(end, wall(Wall::Certificate), self.min_days)
    }
}

fn judge(end: Timestamp, now: Timestamp, min_days: Option<u32>) -> Result<Said, Failure> {
    let days = days_left(end, now);
    match min_days {
        Some(least) if days < i64::from(least) && days < 0 => {
            Err(Failure::Expired { days: -days - 1 })
        }
        Some(least) if days < i64::from(least) => Err(Failure::ExpiresSoon { days, least }),
        _ => Ok(Said::Certificate { days }),
    }
}

/// Whole days, rounded down: 0 on the last day, -1 on the first day after the end.
fn days_left(end: Timestamp, now: Timestamp) -> i64 {
    const DAY: i64 = 86_400;
    (end.as_second() - now.as_second()).div_euclid(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_that_are_left_are_whole_ones() {
        let at = |hours: i64| Timestamp::from_second(1_000_000_000 + hours * 3600).unwrap();
        for (hours, days) in [(49, 2), (48, 2), (47, 1), (1, 0), (0, 0), (-1, -1), (-25, -2)] {
            assert_eq!(days_left(at(hours), at(0)), days, "{hours} hours");
        }
    }

    #[test]
    fn a_certificate_that_ends_soon_fails_only_where_days_are_asked_for() {
        let at = |days: i64| Timestamp::from_second(1_000_000_000 + days * 86_400).unwrap();
        let told = |days, least| match judge(at(days), at(0), least) {
            Ok(said) => said.to_string(),
            Err(failure) => failure.to_string(),
        };
        assert_eq!(told(12, None), "TLS, certificate expires in 12 days");
        assert_eq!(told(1, None), "TLS, certificate expires in 1 day");
        assert_eq!(told(0, None), "TLS, certificate expires today");
        assert_eq!(told(-3, None), "TLS, certificate expired");
        assert_eq!(told(14, Some(14)), "TLS, certificate expires in 14 days");
        assert_eq!(told(13, Some(14)), "the certificate expires in 13 days, expected at least 14");
        assert_eq!(told(-3, Some(14)), "the certificate expired 2 days ago");
    }
}
