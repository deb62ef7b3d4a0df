//! What each kind of check tells the rest of the program.

use crate::cluster::trust::Tls;

/// The checked settings of one kind. No method has a default, so that a new kind must answer each.
pub trait CheckKind {
    /// The key of config.yaml.
    fn key(&self) -> &'static str;

    /// Whether the probe is sent to an address. A command or a report is about the node as a whole.
    fn has_a_family(&self) -> bool;

    /// Whether the node reports its capacity.
    fn tells_load(&self) -> bool;

    /// The TLS settings; `None` without TLS.
    fn tls(&self) -> Option<&Tls>;

    /// The port to connect to, which `check:` of a node may replace; `None` for a kind without one.
    fn port_mut(&mut self) -> Option<&mut u16>;
}
