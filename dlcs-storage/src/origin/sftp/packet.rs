//! The packets of SFTP version 3 (draft-ietf-secsh-filexfer-02), as far as files are read with them. Pure.

use bytes::{Buf, BufMut, Bytes};

use super::error::Failure;

const VERSION: u8 = 2;
const STATUS: u8 = 101;
const HANDLE: u8 = 102;
const DATA: u8 = 103;
const NAME: u8 = 104;
const ATTRS: u8 = 105;

/// A request, with what it needs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Request<'a> {
    Open(&'a [u8]),
    Read {
        handle: &'a [u8],
        offset: u64,
        length: u32,
    },
    StatHandle(&'a [u8]),
    OpenFolder(&'a [u8]),
    ReadFolder(&'a [u8]),
    Stat(&'a [u8]),
}

impl Request<'_> {
    /// The request as it goes over the wire.
    pub(super) fn encode(self, id: u32) -> Vec<u8> {
        let (kind, text) = match self {
            Request::Open(path) => (3, path),
            Request::Read { handle, .. } => (5, handle),
            Request::StatHandle(handle) => (8, handle),
            Request::OpenFolder(path) => (11, path),
            Request::ReadFolder(handle) => (12, handle),
            Request::Stat(path) => (17, path),
        };
        let mut body = vec![kind];
        body.put_u32(id);
        put_text(&mut body, text);
        match self {
            Request::Open(_) => {
                // For reading, without attributes.
                body.put_u32(1);
                body.put_u32(0);
            }
            Request::Read { offset, length, .. } => {
                body.put_u64(offset);
                body.put_u32(length);
            }
            _ => {}
        }
        framed(&body)
    }
}

/// The first packet: which version is spoken.
pub(super) fn init() -> Vec<u8> {
    framed(&[1, 0, 0, 0, 3])
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(4 + body.len());
    // A request holds a name of an address, or a handle that came in a packet.
    put_text(&mut packet, body);
    packet
}

fn put_text(packet: &mut Vec<u8>, text: &[u8]) {
    packet.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
    packet.put_slice(text);
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Version,
    Status(u32),
    Handle(Bytes),
    Data(Bytes),
    Names(Vec<(Bytes, Attributes)>),
    Attributes(Attributes),
}

/// What a server says of a file, where it says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) size: Option<u64>,
    pub(super) mode: Option<u32>,
    /// Seconds since 1970.
    pub(super) modified: Option<u32>,
}

/// What the mode says that something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    Other,
    /// The server does not say it.
    Unsaid,
}

impl Attributes {
    pub(super) const fn kind(&self) -> Kind {
        match self.mode {
            None => Kind::Unsaid,
            Some(mode) => match mode & 0o170_000 {
                0 => Kind::Unsaid,
                0o100_000 => Kind::File,
                0o040_000 => Kind::Folder,
                0o120_000 => Kind::Link,
                _ => Kind::Other,
            },
        }
    }
}

/// Reads a packet without its length; returns the id of the request that it answers, which the version has none of.
pub(super) fn decode(mut packet: Bytes) -> Result<(u32, Reply), Failure> {
    let packet = &mut packet;
    let kind = packet.try_get_u8().map_err(|_| Failure::BadPacket)?;
    let id = number(packet)?;
    let reply = match kind {
        // What follows is the version, and extensions that nobody asked for.
        VERSION => return Ok((0, Reply::Version)),
        STATUS => Reply::Status(number(packet)?),
        HANDLE => Reply::Handle(text(packet)?),
        DATA => Reply::Data(text(packet)?),
        NAME => {
            let count = number(packet)?;
            let mut names = Vec::new();
            for _ in 0..count {
                let name = text(packet)?;
                // The line that `ls -l` would write.
                text(packet)?;
                names.push((name, attributes(packet)?));
            }
            Reply::Names(names)
        }
        ATTRS => Reply::Attributes(attributes(packet)?),
        _ => return Err(Failure::BadPacket),
    };
    Ok((id, reply))
}

fn number(packet: &mut Bytes) -> Result<u32, Failure> {
    packet.try_get_u32().map_err(|_| Failure::BadPacket)
}

fn text(packet: &mut Bytes) -> Result<Bytes, Failure> {
    let length = usize::try_from(number(packet)?).map_err(|_| Failure::BadPacket)?;
    if length > packet.len() {
        return Err(Failure::BadPacket);
    }
    Ok(packet.split_to(length))
}

fn attributes(packet: &mut Bytes) -> Result<Attributes, Failure> {
    let flags = number(packet)?;
    let mut attributes = Attributes::default();
    if flags & 1 != 0 {
        let size = packet.try_get_u64().map_err(|_| Failure::BadPacket)?;
        attributes.size = Some(size);
    }
    if flags & 2 != 0 {
        number(packet)?;
        number(packet)?;
    }
    if flags & 4 != 0 {
        attributes.mode = Some(number(packet)?);
    }
    if flags & 8 != 0 {
        number(packet)?;
        attributes.modified = Some(number(packet)?);
    }
    if flags & 0x8000_0000 != 0 {
        for _ in 0..number(packet)? {
            text(packet)?;
            text(packet)?;
        }
    }
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_framed() {
        let packet = Request::Read {
            handle: b"h",
            offset: 5,
            length: 7,
        }
        .encode(9);
        let expected = [
            &[0, 0, 0, 22, 5, 0, 0, 0, 9, 0, 0, 0, 1, b'h'][..],
            &[0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 7],
        ];
        assert_eq!(packet, expected.concat());
        assert_eq!(init(), [0, 0, 0, 5, 1, 0, 0, 0, 3]);
    }

    #[test]
    fn replies_are_read_and_bad_ones_are_refused_wherever_they_end() {
        let mut names = vec![NAME, 0, 0, 0, 9, 0, 0, 0, 1];
        put_text(&mut names, b"a\xff");
        put_text(&mut names, b"-rw-r--r--");
        names.put_u32(0x8000_000f);
        names.put_u64(1024);
        names.put_slice(&[0; 8]);
        names.put_u32(0o100_644);
        names.put_u32(1);
        names.put_u32(2);
        names.put_u32(1);
        put_text(&mut names, b"x");
        put_text(&mut names, b"y");
        let attributes = Attributes {
            size: Some(1024),
            mode: Some(0o100_644),
            modified: Some(2),
        };
        let expected = Reply::Names(vec![(Bytes::from_static(b"a\xff"), attributes)]);
        assert_eq!(decode(Bytes::from(names.clone())).unwrap(), (9, expected));
        assert_eq!(attributes.kind(), Kind::File);
        for end in 0..names.len() {
            let part = Bytes::copy_from_slice(&names[..end]);
            assert_eq!(decode(part), Err(Failure::BadPacket), "{end}");
        }
        let many = [NAME, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff];
        assert!(decode(Bytes::copy_from_slice(&many)).is_err());
        let long = [DATA, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff, 1];
        assert!(decode(Bytes::copy_from_slice(&long)).is_err());
        assert!(decode(Bytes::copy_from_slice(&[200, 0, 0, 0, 9])).is_err());
    }
}
