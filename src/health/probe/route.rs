//! Whether this machine has a way to an address at all.
//!
//! "Network unreachable" is said by a router on the way, too. Then it is about the node; but when
//! this machine itself has no IPv6, no node's IPv6 can be judged from here.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, UdpSocket};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::SemaphorePermit;

use crate::health::probe::answer::ProbeAnswer;
use crate::health::probe::ask::Ask;
use crate::health::probe::failure::Failure;

/// Any will do: nothing is sent there.
const PORT: u16 = 9;

/// A probe and where it goes.
#[derive(Debug)]
pub struct Routed<A> {
    pub address: IpAddr,
    pub ask: A,
}

impl<A: Ask> Ask for Routed<A> {
    fn turn(&self) -> impl Future<Output = Option<SemaphorePermit<'static>>> + Send {
        self.ask.turn()
    }

    fn silence(&self, within: Duration) -> Failure {
        self.ask.silence(within)
    }

    fn certificate(&self) -> Option<Timestamp> {
        self.ask.certificate()
    }

    async fn ask(&self) -> Result<ProbeAnswer, Failure> {
        self.ask.ask().await.map_err(|failure| match failure {
            Failure::NetworkUnreachable | Failure::NoRoute | Failure::Other(_)
                if is_missing(self.address) =>
            {
                Failure::NoNetwork
            }
            failure => failure,
        })
    }
}

/// Whether there is no IPv6 route to the address. Asks the routing table: nothing is sent.
fn is_missing(address: IpAddr) -> bool {
    let IpAddr::V6(address) = address else { return false };
    let Ok(socket) = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)) else { return true };
    let connected = socket.connect((address, PORT)).map_err(|error| error.kind());
    matches!(connected, Err(ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_reaches_itself() {
        assert!(!is_missing(Ipv6Addr::LOCALHOST.into()));
        assert!(!is_missing([192, 0, 2, 1].into()), "IPv4 is never asked about");
    }

    struct Certified;

    impl Ask for Certified {
        async fn ask(&self) -> Result<ProbeAnswer, Failure> {
            Ok(ProbeAnswer::Accepted)
        }

        fn silence(&self, _: Duration) -> Failure {
            Failure::Closed
        }

        fn certificate(&self) -> Option<Timestamp> {
            Some(Timestamp::UNIX_EPOCH)
        }
    }

    #[test]
    fn what_a_probe_says_of_itself_is_passed_on() {
        let routed = Routed { address: Ipv6Addr::LOCALHOST.into(), ask: Certified };
        assert_eq!(routed.certificate(), Some(Timestamp::UNIX_EPOCH));
        assert_eq!(routed.silence(Duration::ZERO), Failure::Closed);
    }
}
