//! Why no connection was made, for people.

use std::io::ErrorKind;

/// What kept a connection from being made: the category alone.
pub(super) const fn unconnected(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ConnectionRefused => "nothing listens at that address",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "the host cannot be reached",
        _ => "no connection could be made",
    }
}
