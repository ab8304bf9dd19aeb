//! What a start says on standard output: where everything is, the first key, and a line to begin with.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use dlcs_core::dlcs::Bootstrap;
use url::Url;

use crate::config::Config;

/// What a start found out besides its settings.
#[derive(Debug)]
pub(crate) struct Started<'s> {
    /// Where it listens: the real port.
    pub(crate) address: SocketAddr,
    /// What became of the first key.
    pub(crate) bootstrap: &'s Bootstrap,
    /// How long the start took.
    pub(crate) took: Duration,
}

/// Writes the banner.
pub(crate) fn write(
    out: &mut impl Write,
    config: &Config,
    started: &Started<'_>,
) -> io::Result<()> {
    let local = local_address(started.address);
    let api = config.public_url.as_ref().map_or_else(|| local, base);
    let delivery = config
        .delivery_url
        .as_ref()
        .map_or_else(|| api.clone(), base);
    // Also when an earlier start has failed half-way.
    let is_new = matches!(started.bootstrap, Bootstrap::Created(_));
    writeln!(
        out,
        "dlcs {}   listening on {}   data {}{}   config {}",
        env!("CARGO_PKG_VERSION"),
        started.address,
        config.data_dir.display(),
        if is_new { " (new)" } else { "" },
        config
            .file
            .as_ref()
            .map_or_else(|| "none".into(), |file| file.display().to_string()),
    )?;
    if let Some(store) = &config.store {
        writeln!(out, "  Store    {store}")?;
    }
    writeln!(out, "  API      {api}/")?;
    writeln!(
        out,
        "  IIIF     {delivery}/iiif-img/   health /health /ready"
    )?;
    let user = write_first_key(out, config, started.bootstrap)?;
    if config.allowed.is_none() {
        writeln!(
            out,
            "  Origins allowed: http, https, S3, ftp, ftps and sftp at public addresses; private ones are refused, see --allow-private."
        )?;
    } else {
        writeln!(
            out,
            "  Origins allowed: http, https, S3, ftp, ftps and sftp at public addresses, and in: {}.",
            config.allowed
        )?;
    }
    let files: Vec<_> = config
        .files
        .directories()
        .map(|directory| format!("`{}`", directory.display()))
        .collect();
    if !files.is_empty() {
        writeln!(
            out,
            "  Origins allowed, too: files below {}, for every customer.",
            files.join(", ")
        )?;
    }
    if config.workers == 0 {
        writeln!(
            out,
            "  Workers: none; queued images wait for a start with some."
        )?;
    }
    writeln!(out, "  Register an image:")?;
    writeln!(
        out,
        "    curl --user {} -X PUT -d '{{\"origin\":\"https://example.org/image.jpg\"}}' {api}/customers/1/spaces/1/images/my-new-image-id",
        quoted(&user)
    )?;
    writeln!(out, "ready in {:.1} s", started.took.as_secs_f64())?;
    out.flush()
}

/// Writes what became of the first key; returns what to put into the line for `curl`.
fn write_first_key(
    out: &mut impl Write,
    config: &Config,
    bootstrap: &Bootstrap,
) -> io::Result<String> {
    let chosen = config.first_key.as_ref().map(|chosen| chosen.key.as_str());
    match (bootstrap, chosen) {
        // Who chose the secret knows it; it has no place in the log of a service manager.
        (Bootstrap::Created(_), Some(key)) => {
            writeln!(
                out,
                "  First customer 1 created, with the key `{key}` as chosen."
            )?;
            Ok(format!("{key}:SECRET"))
        }
        (Bootstrap::Created(made), None) => {
            let secret = made.secret.expose();
            writeln!(
                out,
                "  First customer 1 created.  Key: {}   Secret: {secret}   (shown once: keep it)",
                made.key
            )?;
            Ok(format!("{}:{secret}", made.key))
        }
        (
            Bootstrap::Existing {
                chosen_key_exists: Some(false),
            },
            Some(key),
        ) => {
            writeln!(
                out,
                "  There is no key `{key}`: --admin-key and --admin-secret only set the first key, at the first start."
            )?;
            Ok("KEY:SECRET".to_owned())
        }
        _ => Ok("KEY:SECRET".to_owned()),
    }
}

/// An address that a program on this machine can open, without a slash at the end.
fn local_address(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// An address without a slash at the end.
fn base(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~:+=@%/,".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        assert_eq!(quoted("a1:b-2"), "a1:b-2");
        assert_eq!(quoted("a:b c"), "'a:b c'");
        assert_eq!(quoted("a:it's"), r"'a:it'\''s'");
    }

    #[test]
    fn addresses_can_be_opened() {
        let at = |text: &str| local_address(text.parse().unwrap());
        assert_eq!(at("0.0.0.0:80"), "http://127.0.0.1:80");
        assert_eq!(at("[::]:80"), "http://[::1]:80");
        assert_eq!(at("10.0.0.1:8080"), "http://10.0.0.1:8080");
    }
}
