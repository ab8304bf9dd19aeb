//! The keys of hosts: taken at the first fetch, and held to from then on.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::known_hosts::known_host_keys_path;
use russh::keys::{HashAlg, PublicKey};
use tokio::task::spawn_blocking;
use url::Host;

use super::error::Failure;
use crate::lock::Lock;
use crate::origin::dial::Target;

/// A host and a port, as OpenSSH names them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Name {
    host: String,
    port: u16,
}

impl Name {
    pub(super) fn of(target: &Target) -> Self {
        let host = match target.host() {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => IpAddr::from(*address).to_string(),
            // Without the brackets of a URL.
            Host::Ipv6(address) => IpAddr::from(*address).to_string(),
        };
        Self {
            host,
            port: target.port(),
        }
    }

    /// How a line of the file begins.
    fn pattern(&self) -> String {
        match self {
            Self { host, port: 22 } => host.clone(),
            Self { host, port } => format!("[{host}]:{port}"),
        }
    }
}

/// Whether a key is the one that a host had before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Trusted, by this fingerprint.
    Known(String),
    Changed,
}

/// The keys of hosts.
#[derive(Debug, Clone)]
pub(super) struct KnownHosts(Arc<Keeper>);

#[derive(Debug)]
struct Keeper {
    file: Option<PathBuf>,
    /// The keys where there is no file. Its lock makes of two first fetches a first and a second.
    kept: Lock<HashMap<Name, Vec<PublicKey>>>,
}

impl KnownHosts {
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self(Arc::new(Keeper {
            file,
            kept: Lock::default(),
        }))
    }

    /// Returns the keys of a host.
    pub(super) async fn of(&self, name: &Name) -> Result<Vec<PublicKey>, Failure> {
        let (keeper, name) = (Arc::clone(&self.0), name.clone());
        in_background(move || keeper.read(&name)).await
    }

    /// Compares a key with those of its host; the first key of a host is taken.
    pub(super) async fn check(&self, name: &Name, key: &PublicKey) -> Result<Verdict, Failure> {
        let (keeper, name, key) = (Arc::clone(&self.0), name.clone(), key.clone());
        in_background(move || keeper.check(&name, &key)).await
    }
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let result = spawn_blocking(work).await;
    result
        .expect("reading known hosts does not panic")
        .map_err(|error| {
            tracing::warn!(%error, "the known hosts cannot be read or written");
            Failure::KnownHosts
        })
}

impl Keeper {
    fn read(&self, name: &Name) -> io::Result<Vec<PublicKey>> {
        match &self.file {
            Some(file) => read(file, name),
            None => {
                let kept = self.kept.lock();
                Ok(kept.get(name).cloned().unwrap_or_default())
            }
        }
    }

    fn check(&self, name: &Name, key: &PublicKey) -> io::Result<Verdict> {
        let mut kept = self.kept.lock();
        // Another process may keep its keys in the same file.
        let opened = self.file.as_deref().map(open).transpose()?;
        let known = match &self.file {
            Some(file) => read(file, name)?,
            None => kept.get(name).cloned().unwrap_or_default(),
        };
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        if known.iter().any(|it| it.key_data() == key.key_data()) {
            return Ok(Verdict::Known(fingerprint));
        }
        if !known.is_empty() {
            tracing::warn!(host = name.pattern(), %fingerprint, "a host shows another key than before");
            return Ok(Verdict::Changed);
        }
        match opened {
            Some(file) => append(file, name, key)?,
            None => {
                kept.insert(name.clone(), vec![key.clone()]);
            }
        }
        tracing::info!(host = name.pattern(), %fingerprint, "the key of a host is taken at its first fetch");
        Ok(Verdict::Known(fingerprint))
    }
}

/// Reads the keys of a host; a file that is not there has none.
fn read(file: &Path, name: &Name) -> io::Result<Vec<PublicKey>> {
    // The library takes a file that it may not read for one that is not there.
    match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let keys = known_host_keys_path(&name.host, name.port, file).map_err(invalid)?;
    Ok(keys.into_iter().map(|(_, key)| key).collect())
}

/// Opens the file to add to it, alone until it is closed.
fn open(file: &Path) -> io::Result<File> {
    let opened = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)?;
    rustix::fs::flock(&opened, rustix::fs::FlockOperation::LockExclusive)?;
    Ok(opened)
}

fn append(mut file: File, name: &Name, key: &PublicKey) -> io::Result<()> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let key = key.to_openssh().map_err(invalid)?;
    let mut line = format!("{} {key}\n", name.pattern());
    // An editor may have left the last line without an end.
    if file.seek(SeekFrom::End(-1)).is_ok() {
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            line.insert(0, '\n');
        }
    }
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use futures_util::future::join_all;

    use super::*;

    const FIRST: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const SECOND: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    fn key(text: &str) -> PublicKey {
        PublicKey::from_openssh(text).unwrap()
    }

    fn name(host: &str, port: u16) -> Name {
        Name {
            host: host.to_owned(),
            port,
        }
    }

    #[tokio::test]
    async fn the_first_key_is_taken_and_another_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("known_hosts");
        for kept in [Some(file.clone()), None] {
            let hosts = KnownHosts::new(kept);
            let known = Verdict::Known(key(FIRST).fingerprint(HashAlg::Sha256).to_string());
            for _ in 0..2 {
                let got = hosts.check(&name("a", 22), &key(FIRST)).await;
                assert_eq!(got.unwrap(), known);
            }
            let got = hosts.check(&name("a", 22), &key(SECOND)).await;
            assert_eq!(got.unwrap(), Verdict::Changed);
            // Another port is another host.
            let got = hosts.check(&name("a", 2222), &key(SECOND)).await;
            assert!(matches!(got.unwrap(), Verdict::Known(_)));
        }
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text, format!("a {FIRST}\n[a]:2222 {SECOND}\n"));
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[tokio::test]
    async fn a_file_of_the_operator_is_read_and_added_to() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("known_hosts");
        fs::write(&file, format!("# ours\nb,a,192.0.2.1 {SECOND} comment")).unwrap();
        let hosts = KnownHosts::new(Some(file.clone()));
        let got = hosts.check(&name("a", 22), &key(FIRST)).await;
        assert_eq!(got.unwrap(), Verdict::Changed);
        let got = hosts.check(&name("c", 22), &key(FIRST)).await;
        assert!(matches!(got.unwrap(), Verdict::Known(_)));
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.ends_with(&format!("comment\nc {FIRST}\n")), "{text}");
        // What cannot be read trusts nobody.
        fs::write(&file, "a ssh-ed25519 !!!\n").unwrap();
        let got = hosts.check(&name("a", 22), &key(FIRST)).await;
        assert_eq!(got, Err(Failure::KnownHosts));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_first_fetches_one_is_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("known_hosts");
        // Two processes would be two keepers.
        let hosts = [(); 2].map(|()| KnownHosts::new(Some(file.clone())));
        let (first, second, a) = (key(FIRST), key(SECOND), name("a", 22));
        let checks =
            (0..64).map(|n| hosts[n % 2].check(&a, if n % 4 < 2 { &first } else { &second }));
        let verdicts = join_all(checks).await;
        let known = verdicts
            .iter()
            .filter(|it| matches!(it, Ok(Verdict::Known(_))))
            .count();
        assert_eq!(known, 32, "{verdicts:?}");
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1);
    }
}
