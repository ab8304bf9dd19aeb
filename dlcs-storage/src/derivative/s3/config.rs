//! Where the objects of [`S3Derivatives`](super::S3Derivatives) live.

use std::fmt;

use dlcs_core::origin::S3Credentials;
use object_store::path::Path;
use url::Url;

use super::error::StoreUrlError;
use crate::s3::is_bucket;

/// A bucket, or a part of one, that holds derivatives.
///
/// ```
/// use dlcs_storage::derivative::s3::S3DerivativesConfig;
///
/// let at_aws = S3DerivativesConfig::parse("s3://derivatives/iiif?region=eu-west-1")?;
/// let nearby = S3DerivativesConfig::parse("s3://derivatives?endpoint=http://127.0.0.1:9000")?;
/// # Ok::<(), dlcs_storage::derivative::s3::StoreUrlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3DerivativesConfig {
    pub(super) bucket: String,
    /// What every key begins with; may be empty.
    pub(super) prefix: Path,
    pub(super) endpoint: Option<Url>,
    pub(super) region: Option<String>,
    pub(super) credentials: Option<S3Credentials>,
}

impl S3DerivativesConfig {
    /// Reads `s3://BUCKET/PREFIX`, with the address of the service as `endpoint` where that is not AWS, and a `region`, after a `?`.
    ///
    /// What is not said comes from [`Self::with_credentials`], or else from the `AWS_*` variables of the environment.
    ///
    /// # Errors
    /// [`StoreUrlError`]: what to write instead.
    pub fn parse(text: &str) -> Result<Self, StoreUrlError> {
        let url = Url::parse(text).map_err(|_| StoreUrlError::NotS3)?;
        if url.scheme() != "s3" {
            return Err(StoreUrlError::NotS3);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(StoreUrlError::User);
        }
        if url.port().is_some() {
            return Err(StoreUrlError::Port);
        }
        if url.fragment().is_some() {
            return Err(StoreUrlError::Fragment);
        }
        let bucket = url.host_str().unwrap_or_default().to_owned();
        if !is_bucket(&bucket) {
            return Err(StoreUrlError::Bucket { bucket });
        }
        let (mut endpoint, mut region) = (None, None);
        for (name, value) in url.query_pairs() {
            let place = match name.as_ref() {
                "endpoint" => &mut endpoint,
                "region" => &mut region,
                _ => {
                    return Err(StoreUrlError::Parameter {
                        name: name.into_owned(),
                    });
                }
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(StoreUrlError::Twice {
                    name: name.into_owned(),
                });
            }
        }
        Ok(Self {
            bucket,
            prefix: prefix(url.path())?,
            endpoint: endpoint.as_deref().map(service).transpose()?,
            region: region.map(checked_region).transpose()?,
            credentials: None,
        })
    }

    /// Signs with these credentials and not with those of the environment; their region and endpoint count where the address has none.
    #[must_use]
    pub fn with_credentials(mut self, credentials: S3Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }
}

impl fmt::Display for S3DerivativesConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)?;
        match &self.endpoint {
            Some(endpoint) => write!(f, " at {endpoint}"),
            None => Ok(()),
        }
    }
}

/// What keys begin with: only signs that mean themselves everywhere, so that no two prefixes are one.
fn prefix(path: &str) -> Result<Path, StoreUrlError> {
    let path = path.strip_prefix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Path::default());
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    let is_plain = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !matches!(part, "" | "." | "..") && part.bytes().all(plain)
    };
    if !path.split('/').all(is_plain) {
        return Err(StoreUrlError::Prefix);
    }
    Path::parse(path).map_err(|_| StoreUrlError::Prefix)
}

fn service(text: &str) -> Result<Url, StoreUrlError> {
    let url = Url::parse(text).map_err(|_| StoreUrlError::Endpoint)?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    is_plain.then_some(url).ok_or(StoreUrlError::Endpoint)
}

/// Regions are not those of AWS alone: other services have names of their own.
fn checked_region(text: String) -> Result<String, StoreUrlError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
        return Err(StoreUrlError::Region);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_an_address_is_read() {
        for (text, expected) in [
            ("s3://bucket", "bucket|||"),
            ("s3://bucket/", "bucket|||"),
            ("s3://my.Old_bucket/a/b-1_2.c/", "my.Old_bucket|a/b-1_2.c||"),
            ("s3://eu-west-1/a", "eu-west-1|a||"),
            ("s3://bucket/a?region=eu-west-1", "bucket|a||eu-west-1"),
            (
                "s3://bucket?endpoint=http://127.0.0.1:9000&region=auto",
                "bucket||http://127.0.0.1:9000/|auto",
            ),
            (
                "s3://bucket/a?endpoint=https%3A%2F%2Fminio.example.org%2Fs3",
                "bucket|a|https://minio.example.org/s3|",
            ),
        ] {
            let config = S3DerivativesConfig::parse(text).unwrap();
            let endpoint = config.endpoint.as_ref().map_or("", Url::as_str);
            let region = config.region.as_deref().unwrap_or_default();
            let read = format!("{}|{}|{endpoint}|{region}", config.bucket, config.prefix);
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        for (text, part) in [
            ("", "s3://BUCKET/PREFIX"),
            ("bucket", "s3://BUCKET/PREFIX"),
            ("/var/lib/derivatives", "s3://BUCKET/PREFIX"),
            ("https://bucket.s3.amazonaws.com/", "s3://BUCKET/PREFIX"),
            ("s3:bucket", "not the name of a bucket"),
            ("s3:///prefix", "not the name of a bucket"),
            ("s3://b/prefix", "`b` is not the name of a bucket"),
            ("s3://bu%2Fcket/prefix", "not the name of a bucket"),
            ("s3://key:canary@bucket/", "AWS_SECRET_ACCESS_KEY"),
            ("s3://canary@bucket/", "AWS_SECRET_ACCESS_KEY"),
            ("s3://bucket:9000/", "leave out the port"),
            ("s3://bucket/#a", "leave out the `#`"),
            ("s3://bucket/a//b", "the prefix"),
            ("s3://bucket//", "the prefix"),
            ("s3://bucket/a%20b", "the prefix"),
            ("s3://bucket/ü", "the prefix"),
            ("s3://bucket?ssl=canary", "`ssl`"),
            (
                "s3://bucket?region=a&region=canary",
                "`region` is given twice",
            ),
            ("s3://bucket?region=", "`region`"),
            ("s3://bucket?region=canary/", "`region`"),
            ("s3://bucket?endpoint=canary:9000", "`endpoint`"),
            ("s3://bucket?endpoint=ftp://canary", "`endpoint`"),
            ("s3://bucket?endpoint=http://a:canary@b", "`endpoint`"),
            (
                "s3://bucket?endpoint=http%3A%2F%2Fb%2F%3Fcanary",
                "`endpoint`",
            ),
            ("s3://bucket?endpoint", "`endpoint`"),
        ] {
            let sentence = S3DerivativesConfig::parse(text).unwrap_err().to_string();
            assert!(sentence.contains(part), "{text}: {sentence}");
            assert!(!sentence.contains("canary"), "{text}: {sentence}");
            assert!(!sentence.contains('\n'), "{text}: {sentence}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let credentials = S3Credentials {
            access_key_id: "canary-id".to_owned(),
            secret_access_key: dlcs_core::origin::Secret::new("canary"),
            session_token: Some(dlcs_core::origin::Secret::new("canary")),
            region: None,
            endpoint: None,
        };
        let config = S3DerivativesConfig::parse("s3://bucket").unwrap();
        let config = config.with_credentials(credentials);
        assert!(!format!("{config:?} {config}").contains("canary"));
    }
}
