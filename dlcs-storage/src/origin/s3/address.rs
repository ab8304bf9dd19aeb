//! Addresses of objects in S3, in all their spellings. Pure.

use url::{Host, Url};

use super::error::Failure;
use crate::origin::object::decode;
use crate::s3::{is_bucket, is_region};

/// Where a bucket is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// At AWS, in a region if the address says it.
    Aws { region: Option<String> },
    /// At a root with the bucket as the first part of the path.
    Path {
        root: String,
        region: Option<String>,
    },
    /// At a root that has the bucket in its host.
    Host {
        root: String,
        region: Option<String>,
    },
}

/// The address of an object, or of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct S3Address {
    pub(super) place: Place,
    pub(super) bucket: String,
    /// Decoded; without a slash in front, and empty for the whole bucket.
    pub(super) key: String,
    /// The version of the object.
    pub(super) version: Option<String>,
}

impl S3Address {
    /// Reads an address; `endpoint` is where the service is, if not at AWS.
    ///
    /// # Errors
    /// The [`Failure`] that says what is wrong with it.
    pub(super) fn parse(url: &Url, endpoint: Option<&Url>) -> Result<Self, Failure> {
        if url.fragment().is_some() {
            return Err(Failure::Fragment);
        }
        let version = version(url)?;
        let path = url.path();
        let path = path.strip_prefix('/').unwrap_or(path);
        let (place, bucket, key) = match (url.scheme(), url.host()) {
            ("s3", Some(_)) => by_scheme(url, path, endpoint)?,
            ("http" | "https", Some(Host::Domain(host))) => by_host(url, host, path, endpoint)?,
            ("http" | "https", Some(_)) if endpoint.is_some_and(|it| same_place(it, url)) => {
                let (bucket, key) = first_part(path);
                (at(url, None), bucket, key)
            }
            _ => return Err(Failure::NotS3),
        };
        if !is_bucket(&bucket) {
            return Err(Failure::Bucket);
        }
        Ok(Self {
            place,
            bucket,
            key: decode(key)?,
            version,
        })
    }

    /// Whose turns a fetch takes: at AWS each bucket has its own.
    pub(super) fn turns(&self) -> &str {
        match &self.place {
            Place::Aws { .. } => &self.bucket,
            Place::Path { root, .. } | Place::Host { root, .. } => root,
        }
    }

    /// The region that the address says.
    pub(super) fn region(&self) -> Option<&str> {
        let (Place::Aws { region } | Place::Path { region, .. } | Place::Host { region, .. }) =
            &self.place;
        region.as_deref()
    }
}

/// The one query that S3 has for reading: a version. Signatures of others are not ours to send.
fn version(url: &Url) -> Result<Option<String>, Failure> {
    match url.query() {
        None => Ok(None),
        Some(_) => match url.query_pairs().collect::<Vec<_>>().as_slice() {
            [(name, version)] if name == "versionId" && !version.is_empty() => {
                Ok(Some(version.clone().into_owned()))
            }
            _ => Err(Failure::Query),
        },
    }
}

type Parts<'a> = (Place, String, &'a str);

/// `s3://bucket/key` and `s3://region/bucket/key`.
fn by_scheme<'a>(url: &Url, path: &'a str, endpoint: Option<&Url>) -> Result<Parts<'a>, Failure> {
    if url.port().is_some() {
        return Err(Failure::Bucket);
    }
    let host = url.host_str().unwrap_or_default();
    let (region, bucket, key) = if is_region(host) {
        let (bucket, key) = first_part(path);
        (Some(host.to_owned()), bucket, key)
    } else {
        (None, host.to_owned(), path)
    };
    let place = match endpoint {
        Some(endpoint) => at(endpoint, region),
        None => Place::Aws { region },
    };
    Ok((place, bucket, key))
}

/// The addresses of AWS, and of the endpoint.
fn by_host<'a>(
    url: &Url,
    host: &str,
    path: &'a str,
    endpoint: Option<&Url>,
) -> Result<Parts<'a>, Failure> {
    if let Some(endpoint) = endpoint {
        if same_place(endpoint, url) {
            let (bucket, key) = first_part(path);
            return Ok((at(url, None), bucket, key));
        }
        let bucket = endpoint
            .host_str()
            .and_then(|root| host.strip_suffix(root)?.strip_suffix('.'));
        if let Some(bucket) = bucket
            && endpoint.scheme() == url.scheme()
            && endpoint.port_or_known_default() == url.port_or_known_default()
        {
            let root = root(url);
            return Ok((Place::Host { root, region: None }, bucket.to_owned(), path));
        }
    }
    let (bucket, region) = aws_host(host).ok_or(Failure::NotS3)?;
    if url.port().is_some() {
        return Err(Failure::NotS3);
    }
    // Never in the clear: what signs a request could be used again by whoever sees it.
    let root = format!("https://{host}");
    Ok(match bucket {
        Some(bucket) => (Place::Host { root, region }, bucket, path),
        None => {
            let (bucket, key) = first_part(path);
            (Place::Path { root, region }, bucket, key)
        }
    })
}

/// Takes a host of AWS apart: a bucket, if it has one, and a region.
fn aws_host(host: &str) -> Option<(Option<String>, Option<String>)> {
    let rest = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let labels: Vec<&str> = rest.split('.').collect();
    let region = |label: &str| is_region(label).then(|| label.to_owned());
    let (bucket, region) = match labels.as_slice() {
        [bucket @ .., "s3" | "s3-fips", "dualstack", last] => (bucket, Some(region(last)?)),
        [bucket @ .., "s3" | "s3-fips", last] if is_region(last) => (bucket, region(last)),
        [bucket @ .., "s3-accelerate", "dualstack"] | [bucket @ .., "s3-accelerate"]
            if !bucket.is_empty() =>
        {
            (bucket, None)
        }
        [bucket @ .., "s3-external-1"] => (bucket, Some("us-east-1".to_owned())),
        [bucket @ .., "s3"] => (bucket, None),
        [bucket @ .., last] => (bucket, Some(region(last.strip_prefix("s3-")?)?)),
        [] => return None,
    };
    let bucket = (!bucket.is_empty()).then(|| bucket.join("."));
    Some((bucket, region))
}

/// The first part of a path, and what comes after it.
fn first_part(path: &str) -> (String, &str) {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    (first.to_owned(), rest)
}

fn at(url: &Url, region: Option<String>) -> Place {
    Place::Path {
        root: root(url),
        region,
    }
}

fn root(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn same_place(endpoint: &Url, url: &Url) -> bool {
    endpoint.origin() == url.origin()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, endpoint: Option<&str>) -> Result<S3Address, Failure> {
        let endpoint = endpoint.map(|endpoint| Url::parse(endpoint).unwrap());
        S3Address::parse(&Url::parse(text).unwrap(), endpoint.as_ref())
    }

    /// An address as one line: root or region, bucket, key.
    fn said(text: &str, endpoint: Option<&str>) -> String {
        let address = parse(text, endpoint).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let region = address.region().unwrap_or("-").to_owned();
        let place = match address.place {
            Place::Aws { .. } => "aws".to_owned(),
            Place::Path { root, .. } => format!("path {root}"),
            Place::Host { root, .. } => format!("host {root}"),
        };
        format!("{place} {region} {} {}", address.bucket, address.key)
    }

    #[test]
    fn every_spelling_is_read() {
        for (text, expected) in [
            ("s3://bucket/a.tif", "aws - bucket a.tif"),
            ("s3://bucket/a/b/c.tif", "aws - bucket a/b/c.tif"),
            ("s3://my.Old_bucket/a", "aws - my.Old_bucket a"),
            ("s3://my-bucket-1/dir/a.tif", "aws - my-bucket-1 dir/a.tif"),
            ("s3://up-north-1/dir/a.tif", "aws - up-north-1 dir/a.tif"),
            ("s3://eu-west-1/bucket/a.tif", "aws eu-west-1 bucket a.tif"),
            (
                "s3://us-gov-west-1/bucket/a/b",
                "aws us-gov-west-1 bucket a/b",
            ),
            ("s3://ap-southeast-2/bucket/", "aws ap-southeast-2 bucket "),
            ("s3://bucket", "aws - bucket "),
            ("s3://bucket/", "aws - bucket "),
            ("s3://bucket/dir/", "aws - bucket dir/"),
            ("s3://bucket/a%20b%2Fc%25.tif", "aws - bucket a b/c%.tif"),
            ("s3://bucket/a+b.tif", "aws - bucket a+b.tif"),
            ("s3://bucket/%C3%BC.tif", "aws - bucket ü.tif"),
            ("s3://bucket/ü.tif", "aws - bucket ü.tif"),
            (
                "https://bucket.s3.amazonaws.com/a/b",
                "host https://bucket.s3.amazonaws.com - bucket a/b",
            ),
            (
                "http://bucket.s3.amazonaws.com/a",
                "host https://bucket.s3.amazonaws.com - bucket a",
            ),
            (
                "https://my.bucket.s3.eu-west-1.amazonaws.com/a",
                "host https://my.bucket.s3.eu-west-1.amazonaws.com eu-west-1 my.bucket a",
            ),
            (
                "https://bucket.s3-eu-west-1.amazonaws.com/a",
                "host https://bucket.s3-eu-west-1.amazonaws.com eu-west-1 bucket a",
            ),
            (
                "https://bucket.s3.dualstack.eu-west-1.amazonaws.com/a",
                "host https://bucket.s3.dualstack.eu-west-1.amazonaws.com eu-west-1 bucket a",
            ),
            (
                "https://bucket.s3-accelerate.amazonaws.com/a",
                "host https://bucket.s3-accelerate.amazonaws.com - bucket a",
            ),
            (
                "https://s3.amazonaws.com/bucket/a/b",
                "path https://s3.amazonaws.com - bucket a/b",
            ),
            (
                "https://s3.eu-west-1.amazonaws.com/bucket/a",
                "path https://s3.eu-west-1.amazonaws.com eu-west-1 bucket a",
            ),
            (
                "https://s3-eu-west-1.amazonaws.com/bucket/a",
                "path https://s3-eu-west-1.amazonaws.com eu-west-1 bucket a",
            ),
            (
                "https://s3.dualstack.us-east-2.amazonaws.com/bucket/a",
                "path https://s3.dualstack.us-east-2.amazonaws.com us-east-2 bucket a",
            ),
            (
                "https://s3-fips.us-gov-west-1.amazonaws.com/bucket/a",
                "path https://s3-fips.us-gov-west-1.amazonaws.com us-gov-west-1 bucket a",
            ),
            (
                "https://s3-external-1.amazonaws.com/bucket/a",
                "path https://s3-external-1.amazonaws.com us-east-1 bucket a",
            ),
            (
                "https://bucket.s3.cn-north-1.amazonaws.com.cn/a",
                "host https://bucket.s3.cn-north-1.amazonaws.com.cn cn-north-1 bucket a",
            ),
        ] {
            assert_eq!(said(text, None), expected, "{text}");
        }
    }

    #[test]
    fn an_endpoint_is_where_its_addresses_are() {
        const ENDPOINT: Option<&str> = Some("https://minio.example.org:9000");
        for (text, expected) in [
            (
                "s3://bucket/a",
                "path https://minio.example.org:9000 - bucket a",
            ),
            (
                "s3://eu-west-1/bucket/a",
                "path https://minio.example.org:9000 eu-west-1 bucket a",
            ),
            (
                "https://minio.example.org:9000/bucket/a",
                "path https://minio.example.org:9000 - bucket a",
            ),
            (
                "https://bucket.minio.example.org:9000/a/b",
                "host https://bucket.minio.example.org:9000 - bucket a/b",
            ),
            (
                "https://bucket.s3.amazonaws.com/a",
                "host https://bucket.s3.amazonaws.com - bucket a",
            ),
        ] {
            assert_eq!(said(text, ENDPOINT), expected, "{text}");
        }
        for text in [
            "http://minio.example.org:9000/bucket/a",
            "https://minio.example.org/bucket/a",
            "https://bucket.minio.example.org/a",
            "https://notminio.example.org:9000/bucket/a",
        ] {
            assert_eq!(parse(text, ENDPOINT), Err(Failure::NotS3), "{text}");
        }
        let literal = Some("http://127.0.0.1:9000");
        assert_eq!(
            said("http://127.0.0.1:9000/bucket/a", literal),
            "path http://127.0.0.1:9000 - bucket a"
        );
    }

    #[test]
    fn other_addresses_are_refused_and_never_read_as_another_object() {
        for (text, failure) in [
            ("https://example.org/bucket/a", Failure::NotS3),
            ("https://amazonaws.com/bucket/a", Failure::NotS3),
            (
                "https://s3.amazonaws.com.example.org/bucket/a",
                Failure::NotS3,
            ),
            ("https://evils3.amazonaws.com/bucket/a", Failure::NotS3),
            (
                "https://bucket.s3-website-eu-west-1.amazonaws.com/a",
                Failure::NotS3,
            ),
            (
                "https://ec2.eu-west-1.amazonaws.com/bucket/a",
                Failure::NotS3,
            ),
            ("https://s3.amazonaws.com:8443/bucket/a", Failure::NotS3),
            (
                "https://s3-accelerate.amazonaws.com/bucket/a",
                Failure::NotS3,
            ),
            ("https://127.0.0.1/bucket/a", Failure::NotS3),
            ("ftp://bucket/a", Failure::NotS3),
            ("s3://bucket:9000/a", Failure::Bucket),
            ("s3://b/a", Failure::Bucket),
            ("s3://b%2Fx/a", Failure::Bucket),
            ("s3://..a/a", Failure::Bucket),
            ("s3://eu-west-1/", Failure::Bucket),
            ("https://s3.amazonaws.com/", Failure::Bucket),
            ("https://s3.amazonaws.com//a", Failure::Bucket),
            ("https://s3.amazonaws.com/bu%2Fcket/a", Failure::Bucket),
            ("s3://bucket/a?b=c", Failure::Query),
            ("s3://bucket/a?", Failure::Query),
            ("s3://bucket/a?versionId=", Failure::Query),
            (
                "https://bucket.s3.amazonaws.com/a?X-Amz-Signature=canary",
                Failure::Query,
            ),
            ("s3://bucket/a#b", Failure::Fragment),
            ("s3://bucket/%FF", Failure::NotUtf8),
        ] {
            assert_eq!(parse(text, None), Err(failure), "{text}");
        }
        let versioned = parse("s3://bucket/a?versionId=x%2B1", None).unwrap();
        assert_eq!(versioned.version.as_deref(), Some("x+1"));
    }
}
