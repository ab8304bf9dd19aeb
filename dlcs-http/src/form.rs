//! Forms of parts (RFC 7578): read as they come, with bounds on everything that is held in memory.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use dlcs_core::derivative::{DerivativeBody, DerivativeError};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt, TryStreamExt};
use tokio::sync::Mutex;

use crate::error::{ApiError, Kind};

/// The most bytes before the first boundary, and the most in the head of a part.
const MOST: usize = 64 << 10;
/// The longest boundary (RFC 2046 section 5.1.1), in bytes.
const LONGEST_BOUNDARY: usize = 70;
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A form on its way in.
pub(crate) struct Form {
    parser: Parser,
    body: BoxStream<'static, Result<Bytes, DerivativeError>>,
}

impl Form {
    /// Reads a form whose parts this text stands between.
    pub(crate) fn new(
        boundary: &str,
        body: impl Stream<Item = Result<Bytes, DerivativeError>> + Send + 'static,
    ) -> Self {
        Self {
            parser: Parser::new(boundary),
            body: body.boxed(),
        }
    }

    /// Goes to the next part, past what is left of the one before; `None` after the last.
    ///
    /// # Errors
    /// When the body fails or ends early, or is no form, or one whose bounds it exceeds.
    pub(crate) async fn next_part(&mut self) -> Result<Option<Head>, ApiError> {
        loop {
            match self.event().await? {
                Event::Head(head) => return Ok(Some(head)),
                Event::Data(_) | Event::PartEnd => {}
                Event::FormEnd => return Ok(None),
            }
        }
    }

    /// The next bytes of the part that [`Self::next_part`] went to; `None` at its end.
    ///
    /// # Errors
    /// As [`Self::next_part`].
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        match self.event().await? {
            Event::Data(bytes) => Ok(Some(bytes)),
            _ => Ok(None),
        }
    }

    /// The bytes of that part as they come, for a store; an [`ApiError`] in it is the source of the store's.
    pub(crate) fn rest_of_part(form: Arc<Mutex<Self>>) -> DerivativeBody {
        stream::try_unfold(form, |form| async move {
            let chunk = form.lock().await.chunk().await;
            let chunk = chunk.map_err(|error| DerivativeError::Body {
                source: Box::new(error),
            })?;
            Ok(chunk.map(|chunk| (chunk, form)))
        })
        .boxed()
    }

    async fn event(&mut self) -> Result<Event, ApiError> {
        loop {
            if let Some(event) = self.parser.next().map_err(|fault| fault.refuse())? {
                if event == Event::FormEnd {
                    // What comes after it says nothing, and is a part of the body all the same.
                    while self.body.try_next().await?.is_some() {}
                }
                return Ok(event);
            }
            match self.body.next().await {
                Some(chunk) => self.parser.push(&chunk?),
                None => return Err(Fault::NoForm.refuse()),
            }
        }
    }
}

/// What stands before the bytes of a part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// The name of its field.
    pub(crate) name: Option<String>,
    /// Its media type, in lower case and without parameters, where it is written like one.
    pub(crate) media_type: Option<String>,
}

impl Head {
    /// Reads the rest of a boundary's line, which is empty but for blanks, and the lines after it; `None` when they are none of a head.
    fn parse(bytes: &[u8]) -> Option<Self> {
        // What is of use here is ASCII; names of files come in any encoding.
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split("\r\n");
        if !lines.next()?.trim_matches([' ', '\t']).is_empty() {
            return None;
        }
        let mut head = Self::default();
        for line in lines {
            let (name, value) = line.split_once(':')?;
            if name.eq_ignore_ascii_case("content-disposition") {
                head.name = parameter(value, "name");
            } else if name.eq_ignore_ascii_case("content-type") {
                let media_type = value.split(';').next().unwrap_or_default();
                let media_type = media_type.trim().to_ascii_lowercase();
                // RFC 6838 section 4.2.
                let is_restricted =
                    |byte: u8| byte.is_ascii_alphanumeric() || b"/!#$&-^_.+".contains(&byte);
                head.media_type = (media_type.contains('/')
                    && media_type.bytes().all(is_restricted))
                .then_some(media_type);
            }
        }
        Some(head)
    }
}

/// What comes next in a form.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Head(Head),
    /// Bytes of a part, at least one.
    Data(Bytes),
    PartEnd,
    FormEnd,
}

/// What is wrong with a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    LongPreamble,
    LongHead,
    /// It is written otherwise, or ended.
    NoForm,
}

impl Fault {
    fn refuse(self) -> ApiError {
        let detail = match self {
            Self::LongPreamble => format!(
                "more than {MOST} bytes come before the first boundary of the form: let the client make it"
            ),
            Self::LongHead => format!(
                "the head of a part of the form is longer than {MOST} bytes: let the client make it"
            ),
            Self::NoForm => "the body is not a form of parts with this boundary, or ended early: let the client make it".to_owned(),
        };
        ApiError::new(Kind::MalformedBody, detail)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Before the first boundary, so many bytes into it.
    Preamble(usize),
    /// Behind a boundary; so many bytes are known not to be the start of the head's end.
    Head(usize),
    Data,
    End,
}

/// Takes a form apart, whatever pieces it comes in.
///
/// It holds what it was given last, and before that at most the beginning of a boundary or of a head.
#[derive(Debug)]
struct Parser {
    /// The end of a line, and the boundary of the next: only its first byte is a carriage return.
    delimiter: Vec<u8>,
    buffer: BytesMut,
    stage: Stage,
}

impl Parser {
    fn new(boundary: &str) -> Self {
        Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            // The first line follows no other, and may be a boundary.
            buffer: BytesMut::from(&b"\r\n"[..]),
            stage: Stage::Preamble(0),
        }
    }

    fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// What comes next; `None` when that takes more bytes.
    fn next(&mut self) -> Result<Option<Event>, Fault> {
        loop {
            match self.stage {
                Stage::Preamble(passed) => {
                    let found = find(&self.buffer, &self.delimiter);
                    let passed = passed + found.before();
                    // Besides the end of a line that was put before it.
                    if passed > MOST + 2 {
                        return Err(Fault::LongPreamble);
                    }
                    if !self.pass(found) {
                        self.stage = Stage::Preamble(passed);
                        return Ok(None);
                    }
                    self.stage = Stage::Head(0);
                }
                Stage::Head(searched) => {
                    if self.buffer.starts_with(b"--") {
                        self.stage = Stage::End;
                        continue;
                    }
                    let found = find(&self.buffer[searched..], HEAD_END);
                    let length = searched + found.before();
                    if length > MOST {
                        return Err(Fault::LongHead);
                    }
                    if let Found::Perhaps(_) = found {
                        self.stage = Stage::Head(length);
                        return Ok(None);
                    }
                    let head = self.buffer.split_to(length + HEAD_END.len());
                    let head = Head::parse(&head[..length]).ok_or(Fault::NoForm)?;
                    // A part without bytes may have the boundary right behind its head.
                    self.stage = Stage::Data;
                    return Ok(Some(Event::Head(head)));
                }
                Stage::Data => {
                    let found = find(&self.buffer, &self.delimiter);
                    if found.before() > 0 {
                        let data = self.buffer.split_to(found.before()).freeze();
                        return Ok(Some(Event::Data(data)));
                    }
                    if !self.pass(found) {
                        return Ok(None);
                    }
                    self.stage = Stage::Head(0);
                    return Ok(Some(Event::PartEnd));
                }
                Stage::End => return Ok(Some(Event::FormEnd)),
            }
        }
    }

    /// Drops what comes before a delimiter, and the delimiter; `false` when it is not there yet.
    fn pass(&mut self, found: Found) -> bool {
        let (length, is_here) = match found {
            Found::At(at) => (at + self.delimiter.len(), true),
            Found::Perhaps(at) => (at, false),
        };
        drop(self.buffer.split_to(length));
        is_here
    }
}

/// Where a delimiter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    At(usize),
    /// Not before this; from here on the bytes end as it begins.
    Perhaps(usize),
}

impl Found {
    const fn before(self) -> usize {
        match self {
            Self::At(at) | Self::Perhaps(at) => at,
        }
    }
}

/// Looks for a delimiter that begins with a carriage return.
fn find(bytes: &[u8], delimiter: &[u8]) -> Found {
    let mut start = 0;
    while let Some(at) = bytes[start..].iter().position(|byte| *byte == b'\r') {
        let at = start + at;
        let rest = &bytes[at..];
        if rest.starts_with(delimiter) {
            return Found::At(at);
        }
        if delimiter.starts_with(rest) {
            return Found::Perhaps(at);
        }
        start = at + 1;
    }
    Found::Perhaps(bytes.len())
}

/// The boundary in the content type of a form; `None` when there is none, or none of use.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let boundary = parameter(content_type, "boundary")?;
    let is_usable = (1..=LONGEST_BOUNDARY).contains(&boundary.len())
        && boundary.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && !boundary.ends_with(' ');
    is_usable.then_some(boundary)
}

/// The value of a parameter, after the semicolons of a header's value, in quotes or without.
fn parameter(value: &str, name: &str) -> Option<String> {
    let (_, mut rest) = value.split_once(';')?;
    loop {
        let (given, after) = rest.split_once('=')?;
        let (text, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let (text, after) = after.split_once(';').unwrap_or((after, ""));
                (text.trim().to_owned(), after)
            }
        };
        // One without a value may stand before it.
        let given = given.rsplit(';').next().unwrap_or_default();
        if given.trim().eq_ignore_ascii_case(name) {
            return Some(text);
        }
        rest = after;
    }
}

/// A text up to the quotation mark that closes it, and what follows.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let (mut text, mut characters) = (String::new(), quoted.chars());
    loop {
        match characters.next()? {
            '"' => return Some((text, characters.as_str())),
            // Browsers of old send the paths of Windows as they are.
            '\\' => match characters.clone().next()? {
                escaped @ ('"' | '\\') => {
                    text.push(escaped);
                    characters.next();
                }
                _ => text.push('\\'),
            },
            character => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a form of chunks of so many bytes holds, its data joined.
    fn parts(form: &[u8], size: usize) -> Result<Vec<(Head, Vec<u8>)>, Fault> {
        let (mut parser, mut parts) = (Parser::new("edge"), Vec::new());
        let mut chunks = form.chunks(size);
        loop {
            match parser.next()? {
                Some(Event::Head(head)) => parts.push((head, Vec::new())),
                Some(Event::Data(bytes)) => parts.last_mut().unwrap().1.extend_from_slice(&bytes),
                Some(Event::PartEnd) => {}
                Some(Event::FormEnd) => return Ok(parts),
                None => parser.push(chunks.next().ok_or(Fault::NoForm)?),
            }
            assert!(parser.buffer.len() <= size + MOST + HEAD_END.len());
        }
    }

    fn part(name: &str, bytes: &str) -> (Head, Vec<u8>) {
        let name = (!name.is_empty()).then(|| name.to_owned());
        let head = Head {
            name,
            media_type: None,
        };
        (head, bytes.into())
    }

    #[test]
    fn forms_come_apart_the_same_in_all_pieces() {
        let a = "Content-Disposition: form-data; name=\"a\"\r\n\r\n";
        for (form, expected) in [
            ("--edge--".to_owned(), vec![]),
            (format!("--edge\r\n{a}\r\n--edge--"), vec![part("a", "")]),
            (
                format!("before\r\n--edge \t\r\n{a}x\r\n\r\n--edge--after"),
                vec![part("a", "x\r\n")],
            ),
            (
                format!("--edge\r\n\r\n\r\r\n--edg\r\n--edge\r\n{a}--edge--\r\n--edge--"),
                vec![part("", "\r\r\n--edg"), part("a", "--edge--")],
            ),
        ] {
            for size in 1..=form.len() {
                let found = parts(form.as_bytes(), size);
                assert_eq!(found.as_ref(), Ok(&expected), "{form:?} in {size}");
            }
        }
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for form in [
            "",
            "edge",
            "--edge",
            "--edge-",
            "x--edge--",
            "--edgy\r\n\r\n\r\n--edge",
            "--edge\r\n\r\nx",
            "--edge\r\n\r\nx\r\n--edge",
            "--edges\r\n\r\nx\r\n--edge--",
            "--edge\r\nno head\r\n\r\nx\r\n--edge--",
        ] {
            for size in 1..=form.len().max(1) {
                let found = parts(form.as_bytes(), size);
                assert_eq!(found, Err(Fault::NoForm), "{form:?} in {size}");
            }
        }
    }

    #[test]
    fn bounds_are_exact() {
        for size in [1, 1000, 1 << 20] {
            let preamble = |length| format!("{}\r\n--edge--", "x".repeat(length));
            assert_eq!(parts(preamble(MOST).as_bytes(), size), Ok(vec![]));
            let long = preamble(MOST + 1);
            assert_eq!(parts(long.as_bytes(), size), Err(Fault::LongPreamble));
            let head = |length| format!("--edge\r\na:{}\r\n\r\n\r\n--edge--", "x".repeat(length));
            let whole = parts(head(MOST - 4).as_bytes(), size);
            assert_eq!(whole, Ok(vec![part("", "")]));
            let long = head(MOST - 3);
            assert_eq!(parts(long.as_bytes(), size), Err(Fault::LongHead));
        }
    }

    #[test]
    fn heads_say_names_and_media_types() {
        let read = |text: &str| {
            let head = Head::parse(format!("\r\n{text}").as_bytes()).unwrap();
            (head.name, head.media_type)
        };
        for (value, name) in [
            ("form-data; name=\"a b\"", Some("a b")),
            ("form-data;filename=\"; name=x\" ; NAME = a ;x", Some("a")),
            (r#"form-data; name="a\"\\"; x=y"#, Some(r#"a"\"#)),
            (r#"form-data; filename="C:\dir\"; flag; name=a"#, None),
            (r#"form-data; filename="C:\dir\a"; flag; name=a"#, Some("a")),
            ("form-data; name=\"a", None),
            ("form-data; filename*=UTF-8''name; name=a", Some("a")),
            ("form-data", None),
        ] {
            let found = read(&format!("content-disposition: {value}")).0;
            assert_eq!(found.as_deref(), name, "{value}");
        }
        for (value, expected) in [
            ("IMAGE/Tiff; a=b", Some("image/tiff")),
            ("image", None),
            ("image/<b>", None),
        ] {
            let found = read(&format!("Content-Type:{value}")).1;
            assert_eq!(found.as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn boundaries_are_those_of_the_standard() {
        let of = |parameters: &str| boundary(&format!("multipart/form-data{parameters}"));
        assert_eq!(of("; boundary=a-b").as_deref(), Some("a-b"));
        assert_eq!(
            of("; charset=x; Boundary=\"a; b\"").as_deref(),
            Some("a; b")
        );
        assert!(of(&format!("; boundary={}", "x".repeat(70))).is_some());
        assert_eq!(of(&format!("; boundary={}", "x".repeat(71))), None);
        for none in [
            "",
            "; boundary",
            "; boundary=",
            "; boundary=\"a \"",
            "; boundary=ä",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
