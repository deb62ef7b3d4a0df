//! A probe of any kind, prepared for one address.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::SemaphorePermit;

use crate::checks::checked::Probe;
use crate::health::probe::answer::ProbeAnswer;
use crate::health::probe::ask::{Ask, Subject};
use crate::health::probe::conversation::Connection;
use crate::health::probe::failure::Failure;
use crate::health::probe::simulated::SimulatedAnswers;

/// How one kind of check is probed and simulated; implemented by its checked settings.
pub trait ProbeKind {
    type Prober: Ask;

    /// Prepares the probe; `None` for a kind that sends nothing.
    fn prober(&self, subject: &Subject) -> Option<Self::Prober>;

    /// What the probe asks of the address, in words.
    fn describe(&self, address: IpAddr) -> String;

    /// The answers of a node in a simulation.
    fn simulated_answers(&self) -> SimulatedAnswers;
}

macro_rules! define_prober {
    ($($(#[$doc:meta])* $kind:ident: $folder:ident($settings:ident, $prober:ident)
        { $($key:ident: $raw:ident),* })*) => {
        /// Probes one address. Boxed, because each target keeps one and most kinds are small.
        #[derive(Debug)]
        pub enum Prober {
            $($(#[$doc])* $kind(Box<crate::checks::$folder::probe::$prober>),)*
        }

        impl Prober {
            /// `None` for a push, for which nothing is sent.
            pub fn new(subject: &Subject, probe: &Probe) -> Option<Prober> {
                match probe {
                    $(Probe::$kind(settings) => {
                        settings.prober(subject).map(Box::new).map(Prober::$kind)
                    })*
                }
            }
        }

        impl Ask for Prober {
            fn silence(&self, within: Duration) -> Failure {
                match self {
                    $(Prober::$kind(prober) => prober.silence(within),)*
                }
            }

            fn certificate(&self) -> Option<Timestamp> {
                match self {
                    $(Prober::$kind(prober) => prober.certificate(),)*
                }
            }

            async fn turn(&self) -> Option<SemaphorePermit<'static>> {
                match self {
                    $(Prober::$kind(prober) => prober.turn().await,)*
                }
            }

            async fn ask(&self) -> Result<ProbeAnswer, Failure> {
                match self {
                    // Boxed while it runs: between two probes a task would otherwise have the
                    // size of the largest kind.
                    $(Prober::$kind(prober) => Box::pin(prober.ask()).await,)*
                }
            }

            async fn ask_over(&self, stream: Connection) -> Option<Result<ProbeAnswer, Failure>> {
                match self {
                    $(Prober::$kind(prober) => prober.ask_over(stream).await,)*
                }
            }
        }

        /// What the probe asks of the address, in words.
        pub fn describe(address: IpAddr, probe: &Probe) -> String {
            match probe {
                $(Probe::$kind(settings) => settings.describe(address),)*
            }
        }

        /// The answers of a node to the probe in a simulation.
        pub fn simulated_answers(probe: &Probe) -> SimulatedAnswers {
            match probe {
                $(Probe::$kind(settings) => settings.simulated_answers(),)*
            }
        }
    };
}
for_each_kind!(define_prober);
