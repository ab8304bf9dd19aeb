//! The grammar of an image request.

use super::number::{Decimal, NumberError, whole};
use super::{Format, FormatSet, Quality, RequestError, Rotation};

/// The grammar that a request is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GrammarVersion {
    /// Image API 2.1.
    V2,
    /// Image API 3.0.
    V3,
    /// Image API 3.0, and the size `full` of 2.x as well: for addresses without a version.
    Unversioned,
}

impl GrammarVersion {
    const fn sizes(self) -> &'static str {
        match self {
            Self::V2 => {
                "`full`, `max`, `w,`, `,h`, `pct:n`, `w,h` or `!w,h` with plain decimal numbers"
            }
            Self::V3 => {
                "`max`, `w,`, `,h`, `pct:n`, `w,h` or `!w,h` with plain decimal numbers, with `^` before it to enlarge"
            }
            Self::Unversioned => {
                "`max`, `full`, `w,`, `,h`, `pct:n`, `w,h` or `!w,h` with plain decimal numbers, with `^` before it to enlarge"
            }
        }
    }
}

/// The region as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Region {
    Full,
    Square,
    Pixels([u32; 4]),
    Percent([Decimal; 4]),
}

impl Region {
    fn parse(text: &str) -> Result<Self, RequestError> {
        let error = |error| match error {
            NumberError::Syntax => RequestError::RegionSyntax,
            NumberError::TooLarge => RequestError::NumberTooLarge {
                parameter: "region",
            },
        };
        match text {
            "full" => return Ok(Self::Full),
            "square" => return Ok(Self::Square),
            _ => {}
        }
        if let Some(text) = text.strip_prefix("pct:") {
            let [x, y, w, h] = four(text).ok_or(RequestError::RegionSyntax)?;
            let number = |text| Decimal::parse(text).map_err(error);
            return Ok(Self::Percent([
                number(x)?,
                number(y)?,
                number(w)?,
                number(h)?,
            ]));
        }
        let [x, y, w, h] = four(text).ok_or(RequestError::RegionSyntax)?;
        let number = |text| whole(text).map_err(error);
        Ok(Self::Pixels([
            number(x)?,
            number(y)?,
            number(w)?,
            number(h)?,
        ]))
    }
}

fn four(text: &str) -> Option<[&str; 4]> {
    let mut parts = text.split(',');
    let four = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(four)
}

/// The size as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Size {
    /// Unscaled, whatever the limits say.
    Full,
    /// As large as the limits allow.
    Max,
    Width(u32),
    Height(u32),
    Percent(Decimal),
    Exact(u32, u32),
    Confined(u32, u32),
}

impl Size {
    fn parse(text: &str, version: GrammarVersion) -> Result<Self, RequestError> {
        let syntax = RequestError::SizeSyntax {
            accepted: version.sizes(),
        };
        let error = |error| match error {
            NumberError::Syntax => syntax,
            NumberError::TooLarge => RequestError::NumberTooLarge { parameter: "size" },
        };
        let number = |text| whole(text).map_err(error);
        if text == "max" {
            return Ok(Self::Max);
        }
        if let Some(percent) = text.strip_prefix("pct:") {
            return Ok(Self::Percent(Decimal::parse(percent).map_err(error)?));
        }
        if let Some(confined) = text.strip_prefix('!') {
            let (width, height) = confined.split_once(',').ok_or(syntax)?;
            return Ok(Self::Confined(number(width)?, number(height)?));
        }
        match text.split_once(',').ok_or(syntax)? {
            ("", "") => Err(syntax),
            (width, "") => Ok(Self::Width(number(width)?)),
            ("", height) => Ok(Self::Height(number(height)?)),
            (width, height) => Ok(Self::Exact(number(width)?, number(height)?)),
        }
    }
}

/// An image request that has been read and not yet resolved against an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRequest {
    pub(super) version: GrammarVersion,
    pub(super) region: Region,
    pub(super) size: Size,
    pub(super) enlarge: bool,
    pub(super) mirror: bool,
    pub(super) rotation: Rotation,
    pub(super) quality: Quality,
    pub(super) format: Format,
}

impl ImageRequest {
    /// Reads the four last segments of a request, already percent-decoded.
    ///
    /// # Errors
    /// [`RequestError`] names the first parameter that is not understood.
    pub fn parse(
        version: GrammarVersion,
        region: &str,
        size: &str,
        rotation: &str,
        quality_dot_format: &str,
    ) -> Result<Self, RequestError> {
        let region = Region::parse(region)?;
        let (size, enlarge) = match (version, size, size.strip_prefix('^')) {
            (GrammarVersion::V2 | GrammarVersion::Unversioned, "full", _) => (Size::Full, false),
            (GrammarVersion::V3 | GrammarVersion::Unversioned, _, Some(size)) => {
                (Size::parse(size, version)?, true)
            }
            _ => (Size::parse(size, version)?, false),
        };
        let (mirror, rotation) = match rotation.strip_prefix('!') {
            Some(rotation) => (true, rotation),
            None => (false, rotation),
        };
        let rotation = Rotation::parse(rotation)?;
        let (quality, format) = quality_dot_format
            .rsplit_once('.')
            .ok_or(RequestError::Format)?;
        Ok(Self {
            version,
            region,
            size,
            enlarge,
            mirror,
            rotation,
            quality: quality.parse()?,
            format: format.parse()?,
        })
    }

    /// Passes on a request for a format that is served.
    ///
    /// # Errors
    /// [`RequestError::Format`] for one that is not.
    pub fn served_in(self, formats: FormatSet) -> Result<Self, RequestError> {
        if formats.contains(self.format) {
            Ok(self)
        } else {
            Err(RequestError::Format)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(version: GrammarVersion, path: &str) -> Result<ImageRequest, RequestError> {
        let parts: Vec<&str> = path.split('/').collect();
        ImageRequest::parse(version, parts[0], parts[1], parts[2], parts[3])
    }

    #[test]
    fn what_the_grammar_does_not_know_is_refused() {
        use GrammarVersion::{Unversioned, V2, V3};
        for version in [V2, V3, Unversioned] {
            for region in [
                "",
                "Full",
                "full ",
                "0,0,1",
                "0,0,1,1,",
                "0,0,1,1,1",
                ",,,",
                "-1,0,1,1",
                "+1,0,1,1",
                "1e9,0,1,1",
                "1.5,0,1,1",
                "NaN,0,1,1",
                "pct:",
                "pct:0,0,1",
                "pct:-1,0,1,1",
                "pct:1e1,0,1,1",
                "pct:NaN,0,1,1",
                "pct:inf,0,1,1",
                "pct:0,0,1,1,",
                "pct: 0,0,1,1",
                "PCT:0,0,1,1",
                "0;0;1;1",
                "٣,0,1,1",
                "square,",
            ] {
                assert_eq!(
                    parse(version, &format!("{region}/max/0/default.jpg")),
                    Err(RequestError::RegionSyntax),
                    "{region}"
                );
            }
            for size in [
                "", ",", "1", "1,1,", "1,1,1", "!1", "!1,", "!,1", "!,", "!max", "!!1,1", "-1,",
                "+1,", "1e3,", "1.5,", "NaN,", "pct:", "pct:-1", "pct:1e1", "pct:NaN", "pct:1,1",
                "Max", "!^1,1", "^", "^^max", "^full", "!pct:5", "٣,",
            ] {
                assert!(
                    matches!(
                        parse(version, &format!("full/{size}/0/default.jpg")),
                        Err(RequestError::SizeSyntax { .. })
                    ),
                    "{size}"
                );
            }
            for rotation in [
                "",
                "!",
                "-1",
                "+90",
                "1e2",
                "360.0001",
                "361",
                "99999999999999999999",
                "NaN",
                "!!0",
                "0!",
                "90°",
                "90.",
            ] {
                assert_eq!(
                    parse(version, &format!("full/max/{rotation}/default.jpg")),
                    Err(RequestError::RotationSyntax),
                    "{rotation}"
                );
            }
            for (last, error) in [
                ("default", RequestError::Format),
                ("", RequestError::Format),
                ("default.", RequestError::Format),
                ("default.jpeg", RequestError::Format),
                ("default.JPG", RequestError::Format),
                ("default.tiff", RequestError::Format),
                (".jpg", RequestError::Quality),
                ("native.jpg", RequestError::Quality),
                ("grey.jpg", RequestError::Quality),
                ("default.jpg.png", RequestError::Quality),
            ] {
                assert_eq!(
                    parse(version, &format!("full/max/0/{last}")),
                    Err(error),
                    "{last}"
                );
            }
        }
        assert!(matches!(
            parse(V2, "full/^max/0/default.jpg"),
            Err(RequestError::SizeSyntax { .. })
        ));
        assert!(matches!(
            parse(V3, "full/full/0/default.jpg"),
            Err(RequestError::SizeSyntax { .. })
        ));
        assert!(parse(Unversioned, "full/full/0/default.jpg").is_ok());
    }

    #[test]
    fn numbers_larger_than_any_image_are_refused() {
        for (path, parameter) in [
            ("4294967296,0,1,1/max/0/default.jpg", "region"),
            (
                "0,0,99999999999999999999999999999999,1/max/0/default.jpg",
                "region",
            ),
            ("pct:0,0,99999999999999999999,1/max/0/default.jpg", "region"),
            ("full/4294967296,/0/default.jpg", "size"),
            ("full/!1,99999999999999999999/0/default.jpg", "size"),
            ("full/pct:99999999999999999999.5/0/default.jpg", "size"),
        ] {
            assert_eq!(
                parse(GrammarVersion::V3, path),
                Err(RequestError::NumberTooLarge { parameter }),
                "{path}"
            );
        }
    }

    #[test]
    fn turns_may_be_written_as_decimals() {
        for (rotation, mirror, degrees) in [
            ("0", false, "0"),
            ("360", false, "0"),
            ("!360.000", true, "0"),
            ("90.0", false, "90"),
            ("!180", true, "180"),
            ("0270", false, "270"),
            ("!22.50", true, "22.5"),
            (".5", false, "0.5"),
        ] {
            let request =
                parse(GrammarVersion::V2, &format!("full/max/{rotation}/gray.png")).unwrap();
            assert_eq!(
                (request.mirror, request.rotation.to_string().as_str()),
                (mirror, degrees),
                "{rotation}"
            );
            assert_eq!(
                (request.quality, request.format),
                (Quality::Gray, Format::Png)
            );
        }
    }

    #[test]
    fn only_formats_that_are_served_pass() {
        let formats = FormatSet::of(&[Format::Jpg, Format::Webp]);
        for format in Format::ALL {
            let path = format!("full/max/0/default.{}", format.extension());
            let request = parse(GrammarVersion::V3, &path).unwrap();
            let passed = request.clone().served_in(formats);
            if formats.contains(format) {
                assert_eq!(passed, Ok(request));
            } else {
                assert_eq!(passed, Err(RequestError::Format));
            }
        }
    }
}
