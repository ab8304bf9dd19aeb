//! What the arguments of a call say, to the byte: pure.

use super::Call;

/// A descriptor among the arguments, as `strace -y` writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descriptor {
    /// `None` for the working directory.
    pub(crate) number: Option<i64>,
    /// What it stands for: a path, or a socket.
    pub(crate) target: String,
    /// Its file has no name any more.
    pub(crate) is_deleted: bool,
}

impl Call {
    /// The arguments, each as it is written.
    pub(crate) fn split(&self) -> Vec<&str> {
        split(&self.arguments)
    }
}

/// Parts a list at its commas, but for those in texts, in brackets and in what a descriptor stands for.
fn split(list: &str) -> Vec<&str> {
    let bytes = list.as_bytes();
    let (mut parts, mut start, mut depth, mut at) = (Vec::new(), 0, 0_usize, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_text(bytes, at + 1),
            b'<' if is_target(bytes, at) => {
                at = list[at..].find('>').map_or(bytes.len(), |end| at + end);
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    let last = list[start.min(list.len())..].trim();
    if !last.is_empty() {
        parts.push(last);
    }
    parts
}

/// Where the quote is that ends a text.
fn end_of_text(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at
}

/// Whether an angle begins what a descriptor stands for, and is no shift of bits.
fn is_target(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| bytes[before]);
    before.is_some_and(|byte| byte.is_ascii_digit() || byte == b'D')
        && bytes.get(at + 1).is_some_and(|byte| *byte != b'<')
}

/// Reads a descriptor: `7</a/path>`, `7</a/path>(deleted)`, `AT_FDCWD</a/path>`.
pub(crate) fn descriptor(argument: &str) -> Option<Descriptor> {
    let (number, target) = argument.split_once('<')?;
    let number = match number {
        "AT_FDCWD" => None,
        number => Some(number.parse().ok()?),
    };
    let (target, rest) = target.split_once('>')?;
    Some(Descriptor {
        number,
        target: String::from_utf8(unescape(target)?).ok()?,
        is_deleted: rest == "(deleted)",
    })
}

/// The bytes of an argument that is a text, or `None` when it is none, or was cut short.
pub(crate) fn text(argument: &str) -> Option<Vec<u8>> {
    unescape(argument.strip_prefix('"')?.strip_suffix('"')?)
}

/// The bytes of an argument that is a list of buffers, one after the other.
pub(crate) fn buffers(argument: &str) -> Option<Vec<u8>> {
    let list = argument.strip_prefix('[')?.strip_suffix(']')?;
    let mut bytes = Vec::new();
    for buffer in split(list) {
        let fields = buffer.strip_prefix("{iov_base=")?.strip_suffix('}')?;
        let [base, length] = split(fields)[..] else {
            return None;
        };
        let (base, length) = (text(base)?, length.strip_prefix("iov_len=")?);
        if base.len() != length.parse::<usize>().ok()? {
            return None;
        }
        bytes.extend(base);
    }
    Some(bytes)
}

/// Turns what `strace` writes of bytes into these.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'v' => 0x0b,
            b'f' => 0x0c,
            byte @ (b'"' | b'\\') => byte,
            digit @ b'0'..=b'7' => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    let Some(digit) = rest.next_if(|byte| matches!(byte, b'0'..=b'7')) else {
                        break;
                    };
                    value = value * 8 + u32::from(digit - b'0');
                }
                u8::try_from(value).ok()?
            }
            _ => return None,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_parted_at_their_commas() {
        let list = r#"3</d/a\76b,c>(deleted), "\0\0001\377\"\\\n<>,(", {a=1, b=[2, 3]}, 1<<3, 0"#;
        let parts = split(list);
        assert_eq!(parts.len(), 5, "{parts:?}");
        let found = descriptor(parts[0]).unwrap();
        assert_eq!((found.number, found.is_deleted), (Some(3), true));
        assert_eq!(found.target, "/d/a>b,c");
        assert_eq!(text(parts[1]).unwrap(), b"\0\x001\xff\"\\\n<>,(");
        let here = descriptor("AT_FDCWD</d>").unwrap();
        assert_eq!((here.number, here.target.as_str()), (None, "/d"));
        assert_eq!(descriptor("1<<3"), None);
        assert_eq!(split(""), Vec::<&str>::new());
    }

    #[test]
    fn bytes_that_were_cut_short_are_none() {
        assert_eq!(text(r#""abc"..."#), None);
        let list = r#"[{iov_base="ab", iov_len=2}, {iov_base="c,}", iov_len=3}]"#;
        assert_eq!(buffers(list).unwrap(), b"abc,}");
        assert_eq!(buffers(r#"[{iov_base="ab"..., iov_len=9}]"#), None);
        assert_eq!(buffers(r#"[{iov_base="ab", iov_len=3}]"#), None);
        assert_eq!(buffers(r#"[{iov_base="ab", iov_len=2}, ...]"#), None);
    }
}
