//! Bodies: JSON in, within limits, and bytes out.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Body, Frame, SizeHint};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::delivery::Pieces;
use crate::error::{ApiError, Kind};
use crate::events::Events;

/// Any error that can be sent between threads.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The largest body that goes out in one piece, as every tile does.
const WHOLE: usize = 256 << 10;
/// How many bytes of a larger one go out before other connections have their turn.
const TURN: usize = 16 << 10;

/// The body of every response: its bytes are all here, and go out in one piece, or where they are many in turns with other connections; or
/// they are events that come in time.
#[derive(Debug, Default)]
pub struct ResponseBody {
    bytes: Bytes,
    /// Whether the bytes are so many that they go out in turns.
    in_turns: bool,
    /// Whether a part has been sent, and the next one waits for its turn.
    waits: bool,
    /// Whether there would be bytes that are not sent: then nothing is said of their length.
    left_out: bool,
    /// What comes instead.
    events: Option<Events>,
    /// What comes instead, and how many bytes of it are to come.
    flow: Option<(Pieces, u64)>,
}

impl ResponseBody {
    /// The bytes, where all of them are here.
    pub(crate) fn held(&self) -> Option<&Bytes> {
        let is_held = !self.left_out && self.events.is_none() && self.flow.is_none();
        is_held.then_some(&self.bytes)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(events) = &mut self.events {
            let next = std::task::ready!(Pin::new(events).poll_next(context));
            return Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))));
        }
        if let Some((pieces, left)) = &mut self.flow {
            let next = std::task::ready!(Pin::new(pieces).poll_next(context));
            return Poll::Ready(next.map(|piece| {
                let bytes = piece?;
                *left = left.saturating_sub(bytes.len() as u64);
                Ok(Frame::data(bytes))
            }));
        }
        if std::mem::take(&mut self.waits) {
            // Many who are sent a lot at once would otherwise keep a thread from all others.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.in_turns |= self.bytes.len() > WHOLE;
        let most = if self.in_turns { TURN } else { WHOLE };
        let length = self.bytes.len().min(most);
        let bytes = self.bytes.split_to(length);
        self.waits = !self.bytes.is_empty();
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        let is_flowing = self.flow.as_ref().is_some_and(|(_, left)| *left > 0);
        self.bytes.is_empty() && !self.left_out && self.events.is_none() && !is_flowing
    }

    fn size_hint(&self) -> SizeHint {
        if let Some((_, left)) = &self.flow {
            SizeHint::with_exact(*left)
        } else if self.left_out || self.events.is_some() {
            SizeHint::default()
        } else {
            SizeHint::with_exact(self.bytes.len() as u64)
        }
    }
}

/// A response body whose bytes are all here.
pub(crate) fn full(bytes: impl Into<Bytes>) -> ResponseBody {
    ResponseBody {
        bytes: bytes.into(),
        ..ResponseBody::default()
    }
}

/// A response body of events.
pub(crate) fn streamed(events: Events) -> ResponseBody {
    ResponseBody {
        events: Some(events),
        ..ResponseBody::default()
    }
}

/// A response body of so many bytes that come in pieces.
pub(crate) fn flowing(pieces: Pieces, length: u64) -> ResponseBody {
    ResponseBody {
        flow: Some((pieces, length)),
        ..ResponseBody::default()
    }
}

/// A response body without bytes.
pub(crate) fn empty() -> ResponseBody {
    ResponseBody::default()
}

/// A body that is left out: unlike an empty one, it says nothing of its length.
pub(crate) fn left_out() -> ResponseBody {
    ResponseBody {
        left_out: true,
        ..ResponseBody::default()
    }
}

/// Parses one JSON object, and nothing else.
pub(crate) fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let malformed = |detail: String| ApiError::new(Kind::MalformedBody, detail);
    if bytes.is_empty() {
        return Err(malformed(
            "the body is empty: send a JSON object".to_owned(),
        ));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(malformed(
            "the body begins with a byte order mark: send it without".to_owned(),
        ));
    }
    match serde_json::from_slice(bytes) {
        Ok(Strict(Value::Object(object))) => Ok(object),
        Ok(Strict(_)) => Err(malformed(
            "the body is JSON but not an object: send one in braces".to_owned(),
        )),
        Err(error) => Err(malformed(format!("the body is not JSON: {error}"))),
    }
}

/// A JSON value in which no object has the same name twice, in whatever case.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Strict(list.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Strict, A::Error> {
        let mut object = Map::new();
        let mut seen = HashSet::new();
        while let Some(name) = entries.next_key::<String>()? {
            if !seen.insert(name.to_lowercase()) {
                let name = dlcs_core::image::shorten(&name);
                return Err(de::Error::custom(format_args!(
                    "the name `{name}` stands twice in one object"
                )));
            }
            let Strict(value) = entries.next_value()?;
            object.insert(name, value);
        }
        Ok(Strict(object.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_one_clean_object_is_refused() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let utf_16: Vec<u8> = "{\"a\":1}"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let bad: [&[u8]; 17] = [
            b"",
            b" ",
            b"null",
            b"[]",
            b"\"x\"",
            b"1",
            b"{",
            b"{\"a\":1}x",
            b"{\"a\":1}{}",
            b"\xef\xbb\xbf{}",
            &utf_16,
            br#"{"a":"\ud800"}"#,
            b"{\"a\":\"\xff\"}",
            br#"{"id":"a","id":"b"}"#,
            br#"{"id":"a","ID":"b"}"#,
            br#"{"member":[{"a":{"b":1,"B":2}}]}"#,
            deep.as_bytes(),
        ];
        for body in bad {
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            let error = parse_object(body).expect_err(&shown);
            assert_eq!(error.kind(), Kind::MalformedBody, "{shown}");
        }
    }

    #[test]
    fn the_order_of_names_is_kept() {
        let object = parse_object(br#"{"z":1,"a":{"b":[true,null,-1,1.5,"\u00e9"]}}"#).unwrap();
        assert_eq!(
            Value::Object(object).to_string(),
            r#"{"z":1,"a":{"b":[true,null,-1,1.5,"é"]}}"#
        );
    }

    #[test]
    fn large_bodies_take_turns_and_lose_nothing() {
        let bytes: Bytes = (0..WHOLE as u32 + 77).map(|place| place as u8).collect();
        let mut body = full(bytes.clone());
        assert_eq!(body.size_hint().exact(), Some(bytes.len() as u64));
        let mut context = Context::from_waker(std::task::Waker::noop());
        let (mut seen, mut turns) = (Vec::new(), 0);
        while !body.is_end_stream() {
            match Pin::new(&mut body).poll_frame(&mut context) {
                Poll::Pending => turns += 1,
                Poll::Ready(Some(Ok(frame))) => seen.extend(frame.into_data().unwrap()),
                Poll::Ready(other) => panic!("{other:?}"),
            }
        }
        assert!(seen == bytes);
        assert_eq!(turns, WHOLE / TURN);
    }
}
