//! From flags, environment and file to a checked configuration.

mod quantity;
mod roles;
mod storage;
mod webhooks;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ArgMatches;
use clap::parser::ValueSource;
use dlcs_core::dlcs::FirstKey;
use dlcs_core::iiif::{Format, FormatSet, Limits};
use dlcs_core::origin::Secret;
use dlcs_core::storage::StoragePolicies;
use dlcs_http::TrustedProxies;
use dlcs_storage::catalogue::SealingKey;
use dlcs_storage::catalogue::postgres::PostgresCatalogueConfig;
use dlcs_storage::derivative::s3::S3DerivativesConfig;
use dlcs_storage::origin::authorities::Authorities;
use dlcs_storage::origin::file::FileOriginConfig;
use dlcs_storage::origin::opened::OpenedNetworks;
use dlcs_storage::origin::s3::BucketGrants;
use url::Url;

pub(crate) use roles::Roles;
pub(crate) use webhooks::Webhooks;

use crate::file::{self, Entry};
use crate::log::Filter;
use crate::setting::{self, Setting};
use crate::stop::Stop;

/// The most images that may be processed at once; more would only compete for the same memory.
const WORKERS_MAX: usize = 256;
/// The most connections of one process: no server of a database likes more.
const CONNECTIONS_MAX: usize = 1000;
/// As many connections as the listener has in all.
const PER_ADDRESS_MAX: usize = 4096;
/// The most images that one batch may be allowed to hold: it is one transaction.
const BATCH_MAX: usize = 100_000;
/// The longest lease, and the longest that a stop may be allowed to take, in seconds.
const SECONDS_MAX: usize = 3600;
/// The longest side that sources and results may be allowed to have: no codec writes a longer one.
const SIDE_MAX: usize = 65_500;

/// What `dlcs serve` was asked to do.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    /// The bucket that derivatives are kept in, if not in the data directory.
    pub(crate) store: Option<S3DerivativesConfig>,
    /// The database that several processes share, if not one in the data directory.
    pub(crate) database: Option<PostgresCatalogueConfig>,
    pub(crate) roles: Roles,
    pub(crate) public_url: Option<Url>,
    pub(crate) delivery_url: Option<Url>,
    pub(crate) proxies: TrustedProxies,
    pub(crate) connections_per_address: usize,
    pub(crate) first_key: Option<FirstKey>,
    pub(crate) allowed: OpenedNetworks,
    /// Certificate authorities of origins besides those of the machine.
    pub(crate) authorities: Authorities,
    /// The buckets that customers may read with the credentials of this program.
    pub(crate) grants: BucketGrants,
    /// The directories that `file` origins are read from.
    pub(crate) files: FileOriginConfig,
    /// The keys of SFTP hosts, if not in the data directory.
    pub(crate) known_hosts: Option<PathBuf>,
    /// What credentials are sealed with, if not with the key in the data directory.
    pub(crate) sealing_key: Option<SealingKey>,
    pub(crate) old_sealing_key: Option<SealingKey>,
    /// The largest bodies of requests, in bytes.
    pub(crate) max_body_size: u64,
    pub(crate) max_upload_size: u64,
    /// Who is told that batches have finished.
    pub(crate) webhooks: Option<Webhooks>,
    pub(crate) workers: usize,
    /// How many images of one host are processed at once.
    pub(crate) per_host: u32,
    /// How long a stop waits for what is in work.
    pub(crate) drain: Duration,
    /// How long an image is held without a word.
    pub(crate) lease: Duration,
    pub(crate) attempt_limit: Duration,
    pub(crate) max_batch_size: usize,
    pub(crate) storage: StoragePolicies,
    /// The largest results of image requests.
    pub(crate) limits: Limits,
    /// The largest source in pixels.
    pub(crate) max_side: u32,
    pub(crate) max_pixels: u64,
    /// The formats that are served.
    pub(crate) formats: FormatSet,
    /// The most bytes of rendered results that are kept.
    pub(crate) cache_size: u64,
    /// The most bytes that decoded sources may take together.
    pub(crate) decode_budget: u64,
    pub(crate) log: Filter,
    /// The file that settings were read from.
    pub(crate) file: Option<PathBuf>,
}

impl Config {
    /// Reads and checks every setting: a flag wins over the environment, which wins over the file, which wins over the default.
    ///
    /// # Errors
    /// One sentence that says which setting is wrong and what to do.
    pub(crate) fn read(
        flags: &ArgMatches,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Stop> {
        let mut sources = Sources {
            flags,
            environment: &environment,
            file: None,
        };
        sources.check_variables()?;
        let path = sources
            .text(&setting::CONFIG)?
            .map(|given| PathBuf::from(given.value));
        if let Some(path) = &path {
            sources.file = Some((path, file::read(path)?));
        }
        let config = Self::check(&sources)?;
        Ok(Self {
            file: path,
            ..config
        })
    }

    fn check(sources: &Sources<'_>) -> Result<Self, Stop> {
        let workers = sources.required(&setting::WORKERS, |text| number(text, 0, WORKERS_MAX))?;
        Ok(Self {
            listen: sources.required(&setting::LISTEN, |text| {
                text.parse().map_err(|_| {
                    "write an IP address and a port, such as 127.0.0.1:8080 or [::]:80".to_owned()
                })
            })?,
            data_dir: sources.required(&setting::DATA_DIR, |text| Ok(PathBuf::from(text)))?,
            store: sources.parsed(&setting::STORE_URL, |text| {
                S3DerivativesConfig::parse(text).map_err(|error| error.to_string())
            })?,
            database: database(sources)?,
            roles: sources.required(&setting::ROLES, Roles::parse)?,
            public_url: sources.parsed(&setting::PUBLIC_URL, base_url)?,
            delivery_url: sources.parsed(&setting::DELIVERY_URL, base_url)?,
            proxies: sources.together(&setting::TRUSTED_PROXY, TrustedProxies::parse)?,
            connections_per_address: sources
                .required(&setting::CONNECTIONS_PER_ADDRESS, |text| {
                    number(text, 1, PER_ADDRESS_MAX)
                })?,
            first_key: first_key(sources)?,
            allowed: sources.together(&setting::ALLOW_PRIVATE, OpenedNetworks::parse)?,
            authorities: sources
                .parsed(&setting::ORIGIN_CA, authorities)?
                .unwrap_or_default(),
            grants: sources.together(&setting::GRANT_BUCKET, BucketGrants::parse)?,
            files: directories(sources)?,
            known_hosts: sources.parsed(&setting::KNOWN_HOSTS, |text| Ok(PathBuf::from(text)))?,
            sealing_key: sources.parsed(&setting::SEALING_KEY, sealing_key)?,
            old_sealing_key: sources.parsed(&setting::OLD_SEALING_KEY, sealing_key)?,
            max_body_size: sources.required(&setting::MAX_BODY_SIZE, quantity::bytes)?,
            max_upload_size: sources.required(&setting::MAX_UPLOAD_SIZE, quantity::bytes)?,
            webhooks: webhooks::read(sources)?,
            workers,
            per_host: sources
                .parsed(&setting::PER_HOST, |text| number(text, 1, WORKERS_MAX))?
                .map_or_else(|| per_host(workers), |images| images as u32),
            lease: sources.required(&setting::LEASE, |text| seconds(text, 1))?,
            attempt_limit: sources.required(&setting::ATTEMPT_LIMIT, |text| seconds(text, 1))?,
            drain: sources.required(&setting::DRAIN, |text| seconds(text, 0))?,
            storage: storage::read(sources)?,
            max_batch_size: sources
                .required(&setting::MAX_BATCH_SIZE, |text| number(text, 1, BATCH_MAX))?,
            limits: limits(sources)?,
            max_side: sources.required(&setting::MAX_SIDE, side)?,
            max_pixels: sources.required(&setting::MAX_PIXELS, quantity::pixels)?,
            formats: sources
                .parsed(&setting::FORMATS, formats)?
                .unwrap_or(FormatSet::ALL),
            cache_size: sources.required(&setting::CACHE_SIZE, quantity::bytes)?,
            decode_budget: sources.required(&setting::DECODE_BUDGET, quantity::bytes)?,
            log: sources.required(&setting::LOG, Filter::parse)?,
            file: None,
        })
    }
}

/// A value and where it was given.
#[derive(Debug)]
struct Given {
    value: String,
    place: String,
}

/// Where settings are looked for.
struct Sources<'s> {
    flags: &'s ArgMatches,
    environment: &'s dyn Fn(&str) -> Option<OsString>,
    file: Option<(&'s Path, Vec<Entry>)>,
}

impl Sources<'_> {
    /// Refuses variables that are not text, whether or not something else wins over them.
    fn check_variables(&self) -> Result<(), Stop> {
        for setting in setting::ALL {
            let variable = setting.variable();
            if (self.environment)(&variable).is_some_and(|value| value.to_str().is_none()) {
                return Err(Stop::Usage(format!(
                    "{variable} is not UTF-8: write it as UTF-8 text"
                )));
            }
        }
        Ok(())
    }

    /// Every value of a setting, from the first source that has any. Empty variables count as unset, as they do in service files.
    fn all(&self, setting: &Setting) -> Vec<Given> {
        let at = |place: &str, values: Vec<String>| {
            let place = place.to_owned();
            let given = |value| Given {
                value,
                place: place.clone(),
            };
            values.into_iter().map(given).collect()
        };
        if self.flags.value_source(setting.name) == Some(ValueSource::CommandLine) {
            let values = self.flags.get_many(setting.name).into_iter().flatten();
            return at(&format!("--{}", setting.name), values.cloned().collect());
        }
        let variable = setting.variable();
        let value = (self.environment)(&variable).and_then(|value| value.into_string().ok());
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            return at(&variable, vec![value]);
        }
        if let Some((path, entries)) = &self.file
            && let Some(entry) = entries.iter().find(|entry| entry.name == setting.name)
        {
            let place = format!(
                "`{}` in line {} of `{}`",
                setting.name,
                entry.line,
                path.display()
            );
            return at(&place, entry.values.clone());
        }
        let default = setting.default.map(ToOwned::to_owned);
        at(
            &format!("--{}", setting.name),
            default.into_iter().collect(),
        )
    }

    /// The value of a setting that is given once.
    fn text(&self, setting: &Setting) -> Result<Option<Given>, Stop> {
        let Some(given) = self.all(setting).pop() else {
            return Ok(None);
        };
        if given.value.is_empty() {
            return Err(Stop::Usage(format!(
                "{} is empty: give it a value or leave it out",
                given.place
            )));
        }
        Ok(Some(given))
    }

    /// The value of a setting, checked.
    fn parsed<T>(
        &self,
        setting: &Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Stop> {
        let Some(given) = self.text(setting)? else {
            return Ok(None);
        };
        match parse(&given.value) {
            Ok(value) => Ok(Some(value)),
            Err(advice) => Err(refused(setting, &given, &advice)),
        }
    }

    /// Every value of a setting, read together; the error names the value.
    fn together<T, E: fmt::Display>(
        &self,
        setting: &Setting,
        parse: impl Fn(Vec<String>) -> Result<T, E>,
    ) -> Result<T, Stop> {
        let given = self.all(setting);
        let place = given
            .first()
            .map_or_else(String::new, |first| first.place.clone());
        parse(given.into_iter().map(|given| given.value).collect())
            .map_err(|error| Stop::Usage(format!("{place} cannot be used: {error}")))
    }

    /// The value of a setting that has a default.
    fn required<T>(
        &self,
        setting: &Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Stop> {
        Ok(self
            .parsed(setting, parse)?
            .expect("the setting has a default"))
    }
}

fn refused(setting: &Setting, given: &Given, advice: &str) -> Stop {
    let place = &given.place;
    if setting.secret {
        Stop::Usage(format!("{place} cannot be used: {advice}"))
    } else {
        let value = without_user(&given.value);
        let value = value.escape_debug();
        Stop::Usage(format!("{place} cannot be `{value}`: {advice}"))
    }
}

/// A value without the user and the password that an address may begin with, even one that is no URL.
fn without_user(value: &str) -> String {
    let Some((before, after)) = value.rsplit_once('@') else {
        return value.to_owned();
    };
    let scheme = before
        .find("://")
        .map_or("", |place| &before[..place + "://".len()]);
    format!("{scheme}***@{after}")
}

fn number(text: &str, least: usize, most: usize) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("write a whole number from {least} to {most}"))
}

fn side(text: &str) -> Result<u32, String> {
    number(text, 1, SIDE_MAX).map(|side| side as u32)
}

fn seconds(text: &str, least: usize) -> Result<Duration, String> {
    number(text, least, SECONDS_MAX).map(|seconds| Duration::from_secs(seconds as u64))
}

fn database(sources: &Sources<'_>) -> Result<Option<PostgresCatalogueConfig>, Stop> {
    let connections = sources.required(&setting::DATABASE_CONNECTIONS, |text| {
        number(text, 1, CONNECTIONS_MAX)
    })?;
    let database = sources.parsed(&setting::DATABASE_URL, |text| {
        PostgresCatalogueConfig::parse(text).map_err(|error| error.to_string())
    })?;
    Ok(database.map(|database| database.with_connections(connections)))
}

/// How many images of one host are processed at once, unless that is said: some workers are left to the others.
fn per_host(workers: usize) -> u32 {
    (workers - workers / 4).clamp(1, 8) as u32
}

fn limits(sources: &Sources<'_>) -> Result<Limits, Stop> {
    let limits = Limits {
        max_width: sources.parsed(&setting::MAX_WIDTH, side)?,
        max_height: sources.parsed(&setting::MAX_HEIGHT, side)?,
        max_area: sources.parsed(&setting::MAX_AREA, quantity::pixels)?,
    };
    if limits.max_height.is_some() && limits.max_width.is_none() {
        return Err(Stop::Usage(
            "--max-height is given without --max-width: give that too, because info.json cannot say a height alone"
                .to_owned(),
        ));
    }
    Ok(limits)
}

fn formats(text: &str) -> Result<FormatSet, String> {
    let names = || Format::ALL.map(Format::extension).join(", ");
    let formats = text.split(',').map(|name| name.trim().parse());
    let formats = formats
        .collect::<Result<FormatSet, _>>()
        .map_err(|_| format!("write names from {} with commas between them", names()))?;
    if !formats.contains_all(FormatSet::LEVEL_2) {
        return Err("add jpg and png, which every service of level 2 has".to_owned());
    }
    Ok(formats)
}

fn base_url(text: &str) -> Result<Url, String> {
    let advice = || "write an http or https URL such as https://dlcs.example.org".to_owned();
    let url = Url::parse(text).map_err(|_| advice())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(advice());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("leave out the user and the password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("leave out the query and the fragment".to_owned());
    }
    Ok(url)
}

fn sealing_key(text: &str) -> Result<SealingKey, String> {
    match text.strip_prefix('@') {
        Some(path) => SealingKey::from_file(Path::new(path)).map_err(|error| error.to_string()),
        None => SealingKey::from_hex(text)
            .ok_or_else(|| "write 64 hexadecimal digits, or @ and the path of a file".to_owned()),
    }
}

fn authorities(path: &str) -> Result<Authorities, String> {
    let bundle = std::fs::read(path)
        .map_err(|error| format!("give the path of a file that can be read ({error})"))?;
    Authorities::from_pem(&bundle).map_err(|error| error.to_string())
}

fn directories(sources: &Sources<'_>) -> Result<FileOriginConfig, Stop> {
    let mut files = FileOriginConfig::default();
    for given in sources.all(&setting::ALLOW_FILE_ORIGIN) {
        if given.value.is_empty() {
            return Err(Stop::Usage(format!(
                "{} is empty: give it a value or leave it out",
                given.place
            )));
        }
        files = files.with_directory(&given.value).map_err(|error| {
            let advice = format!("{error}; name a directory that is there");
            refused(&setting::ALLOW_FILE_ORIGIN, &given, &advice)
        })?;
    }
    Ok(files)
}

fn first_key(sources: &Sources<'_>) -> Result<Option<FirstKey>, Stop> {
    let key = sources.parsed(&setting::ADMIN_KEY, |key| {
        if key.len() > 128 || !key.bytes().all(|b| b.is_ascii_graphic()) || key.contains(':') {
            Err("use up to 128 ASCII letters, digits and signs, without `:` and spaces".to_owned())
        } else {
            Ok(key.to_owned())
        }
    })?;
    let secret = sources.parsed(&setting::ADMIN_SECRET, |secret| {
        if secret.len() > 1024 || secret.chars().any(char::is_control) {
            Err("use up to 1024 bytes without control characters".to_owned())
        } else {
            Ok(Secret::new(secret))
        }
    })?;
    let alone = |given: &str, missing: &str| {
        Err(Stop::Usage(format!(
            "--{given} is given without --{missing}: give both or neither"
        )))
    };
    match (key, secret) {
        (Some(key), Some(secret)) => Ok(Some(FirstKey { key, secret })),
        (None, None) => Ok(None),
        (Some(_), None) => alone(setting::ADMIN_KEY.name, setting::ADMIN_SECRET.name),
        (None, Some(_)) => alone(setting::ADMIN_SECRET.name, setting::ADMIN_KEY.name),
    }
}

#[cfg(test)]
mod tests;
