//! Names of buckets and regions. Pure.

/// Whether a text is the name of a region of AWS, which are few: a bucket may look much like one.
pub(crate) fn is_region(text: &str) -> bool {
    const AREAS: [&str; 16] = [
        "af", "ap", "ca", "cn", "eu", "eu-isoe", "eusc-de", "il", "me", "mx", "sa", "us", "us-gov",
        "us-iso", "us-isob", "us-isof",
    ];
    const SIDES: [&str; 9] = [
        "central",
        "east",
        "north",
        "northeast",
        "northwest",
        "south",
        "southeast",
        "southwest",
        "west",
    ];
    let mut parts = text.rsplitn(3, '-');
    let (Some(number), Some(side), Some(area)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let numbered = matches!(
        number.as_bytes(),
        [b'1'..=b'9'] | [b'1'..=b'9', b'0'..=b'9']
    );
    numbered && SIDES.contains(&side) && AREAS.contains(&area)
}

/// Whether a text can be the name of a bucket, old ones and those of other services included, and nothing else in an address.
pub(crate) fn is_bucket(text: &str) -> bool {
    let bytes = text.as_bytes();
    (3..=255).contains(&bytes.len())
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b))
        && !text.contains("..")
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_those_of_aws() {
        for region in [
            "eu-west-1",
            "ap-northeast-3",
            "us-gov-east-1",
            "us-iso-east-1",
            "mx-central-1",
        ] {
            assert!(is_region(region), "{region}");
        }
        for bucket in [
            "",
            "eu-west",
            "eu-west-0",
            "eu-west-a",
            "xx-west-1",
            "eu-up-1",
            "eu-west-1-x",
        ] {
            assert!(!is_region(bucket), "{bucket}");
        }
    }
}
