//! The checked settings of a probe of any kind.

use std::path::PathBuf;

use crate::cluster::check_kind::CheckKind;
use crate::cluster::trust::Trust;

macro_rules! define_probe {
    ($($(#[$doc:meta])* $kind:ident: $folder:ident($settings:ident, $prober:ident)
        { $($key:ident: $raw:ident),* })*) => {
        /// What a probe sends and expects. The address comes from the member.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Probe {
            $($(#[$doc])* $kind(crate::checks::$folder::checked::$settings),)*
        }

        impl Probe {
            fn settings(&self) -> &dyn CheckKind {
                match self {
                    $(Probe::$kind(settings) => settings,)*
                }
            }

            fn settings_mut(&mut self) -> &mut dyn CheckKind {
                match self {
                    $(Probe::$kind(settings) => settings,)*
                }
            }
        }
    };
}
for_each_kind!(define_probe);

impl Probe {
    /// The key of config.yaml.
    pub fn kind(&self) -> &'static str {
        self.settings().key()
    }

    /// Whether it is sent to an address. A command or a report is about the node as a whole.
    pub fn has_a_family(&self) -> bool {
        self.settings().has_a_family()
    }

    /// Whether the node reports its capacity.
    pub fn tells_load(&self) -> bool {
        self.settings().tells_load()
    }

    /// The `ca_file` of the probe, if it has one.
    pub fn file(&self) -> Option<&PathBuf> {
        match &self.settings().tls()?.trust {
            Trust::Authorities(authorities) => Some(&authorities.file),
            Trust::Anyone | Trust::Public => None,
        }
    }

    /// The port to connect to; `None` for a kind without a port.
    pub fn port_mut(&mut self) -> Option<&mut u16> {
        self.settings_mut().port_mut()
    }
}
