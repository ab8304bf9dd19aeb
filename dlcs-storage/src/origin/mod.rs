//! Origins: the backends that fetch master images, and the guard of the addresses they may dial.

#[cfg(any(feature = "origin-http", feature = "origin-s3", feature = "origin-ftp"))]
pub mod authorities;
mod bounds;
#[cfg(any(feature = "origin-http", feature = "origin-s3"))]
mod client;
#[cfg(any(feature = "origin-ftp", feature = "origin-sftp"))]
mod dial;
#[cfg(feature = "origin-file")]
pub mod file;
#[cfg(feature = "origin-ftp")]
pub mod ftp;
pub mod guard;
#[cfg(feature = "origin-http")]
pub mod http;
pub mod network;
pub mod object;
pub mod opened;
#[cfg(any(
    feature = "origin-ftp",
    feature = "origin-sftp",
    feature = "origin-file"
))]
mod path;
#[cfg(any(feature = "origin-http", feature = "origin-s3"))]
mod resolver;
#[cfg(feature = "origin-s3")]
pub mod s3;
#[cfg(feature = "origin-sftp")]
pub mod sftp;
#[cfg(any(
    feature = "origin-http",
    feature = "origin-s3",
    feature = "origin-ftp",
    feature = "origin-sftp"
))]
mod slots;
#[cfg(any(feature = "origin-http", feature = "origin-s3"))]
mod unanswered;
#[cfg(any(
    feature = "origin-http",
    feature = "origin-s3",
    feature = "origin-ftp",
    feature = "origin-sftp"
))]
mod unconnected;
#[cfg(any(feature = "origin-http", feature = "origin-s3", feature = "origin-ftp"))]
mod untrusted;
#[cfg(any(
    feature = "origin-http",
    feature = "origin-s3",
    feature = "notifier-webhook"
))]
pub(crate) mod wait;
