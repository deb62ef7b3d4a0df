//! Up when a TLS handshake succeeds, with a certificate that lasts long enough.
//!
//! Nothing is asked within TLS. What the certificate must be for, and who must have signed it, is
//! the check's `sni`, `verify` and `ca_file`; its end is read from the certificate itself, also
//! where nothing is verified.

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;

use crate::checks::probe::ProbeKind;
use crate::checks::tls::checked::TlsProbe;
use crate::clock::{Wall, wall};
use crate::cluster::validity;
use crate::health::probe::answer::ProbeAnswer;
use crate::health::probe::ask::Subject;
use crate::health::probe::connection::{Connector, Handshake, certificate};
use crate::health::probe::conversation::Connection;
use crate::health::probe::converse::Converse;
use crate::health::probe::failure::Failure;
use crate::health::probe::simulated::SimulatedAnswers;

/// Days until a simulated certificate ends.
const SIMULATED_DAYS: i64 = 90;

#[derive(Debug)]
pub struct TlsProber {
    connector: Connector,
    handshake: Handshake,
    min_days: Option<u32>,
}

impl TlsProber {
    pub fn new(address: IpAddr, probe: &TlsProbe) -> TlsProber {
        let socket = SocketAddr::new(address, probe.port);
        TlsProber {
            connector: Connector::plain(socket).asking(probe.start_tls).proxied(probe.proxy),
            handshake: Handshake::new(&probe.tls, socket, &[]),
            min_days: probe.min_days,
        }
    }
}

impl Converse for TlsProber {
    fn connector(&self) -> &Connector {
        &self.connector
    }

    async fn converse(&self, stream: Connection) -> Result<ProbeAnswer, Failure> {
        let stream = self.handshake.shake(self.connector.wrap(stream).await?).await?;
        let unreadable = Failure::Certificate("the certificate cannot be read");
        let validity = certificate(&stream).and_then(|first| validity::of(first));
        judge(validity.ok_or(unreadable)?.ends, wall(Wall::Certificate), self.min_days)
    }

    fn certificate(&self) -> Option<Timestamp> {
        self.handshake.certificate()
    }
}

impl ProbeKind for TlsProbe {
    type Prober = TlsProber;

    fn prober(&self, subject: &Subject) -> Option<TlsProber> {
        Some(TlsProber::new(subject.address, self))
    }

    fn describe(&self, address: IpAddr) -> String {
        format!("TLS handshake with {}", SocketAddr::new(address, self.port))
    }

    fn simulated_answers(&self) -> SimulatedAnswers {
        let days = Some(SIMULATED_DAYS);
        SimulatedAnswers {
            well: ProbeAnswer::Certificate { days },
            hung: None,
            failing: Ok(ProbeAnswer::Certificate { days }),
            closed: Err(Failure::Refused),
        }
    }
}

fn judge(
    end: Option<Timestamp>,
    now: Timestamp,
    least: Option<u32>,
) -> Result<ProbeAnswer, Failure> {
    let Some(end) = end else { return Ok(ProbeAnswer::Certificate { days: None }) };
    let days = days_left(end, now);
    match least {
        Some(least) if days < i64::from(least) && days < 0 => {
            Err(Failure::Expired { days: -days - 1 })
        }
        Some(least) if days < i64::from(least) => Err(Failure::ExpiresSoon { days, least }),
        _ => Ok(ProbeAnswer::Certificate { days: Some(days) }),
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
        let told = |days, least| match judge(Some(at(days)), at(0), least) {
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
