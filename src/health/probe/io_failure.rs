//! Errors of the system and of TLS as failures.

use std::io;

use crate::health::probe::failure::Failure;
use crate::health::probe::trust;

/// Too many open files in this process, or in the whole system (errno of Linux).
const NO_SOCKET_LEFT: [i32; 2] = [24, 23];

impl From<&io::Error> for Failure {
    fn from(error: &io::Error) -> Failure {
        if error.raw_os_error().is_some_and(|code| NO_SOCKET_LEFT.contains(&code)) {
            return Failure::NoSocket;
        }
        if let Some(inner) = error.get_ref() {
            // Clients of HTTP wrap what their connector says once more.
            if let Some(error) = inner.downcast_ref::<io::Error>() {
                return Failure::from(error);
            }
            if let Some(error) = inner.downcast_ref::<rustls::Error>() {
                return trust::failure(error);
            }
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Failure::Refused,
            io::ErrorKind::HostUnreachable => Failure::NoRoute,
            io::ErrorKind::NetworkUnreachable => Failure::NetworkUnreachable,
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Failure::Reset,
            io::ErrorKind::UnexpectedEof => Failure::Closed,
            // Every local port towards this address is in use.
            io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable => Failure::NoSocket,
            kind => Failure::Other(kind),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::from(&error)
    }
}
