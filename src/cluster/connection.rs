//! What a probe's connection begins with, before the protocol of the check.

/// The version of the PROXY protocol, whose header begins the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyVersion {
    V1,
    V2,
}

/// The protocol in which the probe asks for TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartTls {
    Smtp,
    Imap,
    Pop3,
    Ftp,
}
