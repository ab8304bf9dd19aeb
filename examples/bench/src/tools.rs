//! The programs of other people that this needs.

use std::path::{Path, PathBuf};

/// IIPImage, as Debian installs it.
pub(crate) const IIPSRV: &str = "/usr/lib/iipimage-server/iipsrv.fcgi";
/// Photographs, as Debian installs them.
pub(crate) const PHOTOGRAPHS: &str = "/usr/share/backgrounds/mate/nature";

const PROGRAMS: [(&str, &str); 5] = [
    ("nginx", "nginx"),
    ("spawn-fcgi", "spawn-fcgi"),
    ("taskset", "util-linux"),
    ("vips", "libvips-tools"),
    ("wrk", "wrk"),
];

/// The Debian packages that are not there.
pub(crate) fn missing() -> Vec<&'static str> {
    let mut missing: Vec<_> = PROGRAMS
        .into_iter()
        .filter(|(name, _)| find(name).is_none())
        .map(|(_, package)| package)
        .collect();
    if !Path::new(IIPSRV).is_file() {
        missing.push("iipimage-server");
    }
    if !Path::new(PHOTOGRAPHS).is_dir() {
        missing.push("mate-backgrounds");
    }
    missing
}

/// Whether it is a failure when something is missing.
pub(crate) fn are_required() -> bool {
    let required = std::env::var("DLCS_TEST_REQUIRE").unwrap_or_default();
    required.split(',').any(|name| name.trim() == "tools")
}

/// Where a program is; nginx is often not in the path of ordinary users.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|directory| directory.join(name))
        .find(|place| place.is_file())
}
