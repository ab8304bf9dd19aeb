//! What a failure of the file system means to the caller.

use std::io;

use dlcs_core::origin::OriginError;
use rustix::io::Errno;

/// Why a file is not read. Nothing of it tells whether there is something outside the directories that are open.
#[derive(Debug)]
pub(super) enum Failure {
    OtherHost,
    Outside,
    NotAFile,
    TooManyEntries,
    System(Errno),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        match errno {
            // Beneath a directory, a link would lead out of it; and links are not followed at all where that cannot be known.
            Errno::XDEV => Self::Outside,
            errno => Self::System(errno),
        }
    }
}

impl From<Failure> for OriginError {
    fn from(failure: Failure) -> Self {
        let errno = match failure {
            Failure::OtherHost => {
                return Self::AddressNotAllowed {
                    reason: "a `file` address names no other host than `localhost`",
                };
            }
            Failure::Outside => {
                return Self::AddressNotAllowed {
                    reason: "it is not below a directory that is open to origins; ask the operator to open it with `allow-file-origin`",
                };
            }
            Failure::NotAFile => return Self::NotAFile,
            Failure::TooManyEntries => {
                return Self::Backend {
                    backend: "file",
                    reason: "the folder has more than 100000 entries",
                    source: Box::new(io::Error::from(io::ErrorKind::InvalidData)),
                };
            }
            Failure::System(errno) => errno,
        };
        match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::LOOP => {
                Self::NotFound { status: None }
            }
            Errno::ACCESS | Errno::PERM => Self::Denied { status: None },
            Errno::NXIO | Errno::NODEV | Errno::ISDIR => Self::NotAFile,
            errno => Self::Connection {
                reason: "the file could not be read",
                source: Box::new(io::Error::from(errno)),
            },
        }
    }
}
