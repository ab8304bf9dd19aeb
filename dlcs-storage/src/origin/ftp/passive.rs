//! Passive mode: which port a server offers its data at. Pure; the host that it names is never looked at.

/// Reads the port of a reply to EPSV (RFC 2428): `(|||6446|)`.
pub(super) fn extended(text: &[u8]) -> Option<u16> {
    let text = inner(text)?;
    let (delimiter, rest) = text.split_first()?;
    let parts: Vec<_> = rest.split(|byte| byte == delimiter).collect();
    let [b"", b"", port, b""] = parts[..] else {
        return None;
    };
    number(port)
}

/// Reads the port of a reply to PASV (RFC 959): `(h1,h2,h3,h4,p1,p2)`, the parentheses often left out.
pub(super) fn plain(text: &[u8]) -> Option<u16> {
    let text = inner(text).unwrap_or_else(|| {
        // After the code and the words.
        let start = text.get(4..).unwrap_or_default();
        let digits = start.iter().position(u8::is_ascii_digit);
        &start[digits.unwrap_or(start.len())..]
    });
    let parts: Vec<_> = text.split(|byte| *byte == b',').collect();
    let [_, _, _, _, high, low] = parts[..] else {
        return None;
    };
    let end = low
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(low.len());
    let byte = |digits| u8::try_from(number(digits)?).ok();
    Some(u16::from_be_bytes([byte(high)?, byte(&low[..end])?]))
}

/// What is between the first parentheses.
fn inner(text: &[u8]) -> Option<&[u8]> {
    let start = text.iter().position(|byte| *byte == b'(')? + 1;
    let length = text[start..].iter().position(|byte| *byte == b')')?;
    Some(&text[start..start + length])
}

fn number(digits: &[u8]) -> Option<u16> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_and_hosts_are_not() {
        for (text, port) in [
            ("229 Entering Extended Passive Mode (|||6446|)", Some(6446)),
            ("229 ok (!!!65535!)", Some(65535)),
            ("229 ok (|||65536|)", None),
            ("229 ok (|1|10.0.0.1|6446|)", None),
            ("229 ok (|||+6446|)", None),
            ("229 ok (|||6446)", None),
            ("229 ok ()", None),
            ("229 ok", None),
        ] {
            assert_eq!(extended(text.as_bytes()), port, "{text}");
        }
        for (text, port) in [
            ("227 Entering Passive Mode (10,0,0,1,25,46)", Some(6446)),
            ("227 Entering Passive Mode (10,0,0,1,25,46).", Some(6446)),
            ("227 Entering Passive Mode. 10,0,0,1,25,46", Some(6446)),
            ("227 =10,0,0,1,25,46.", Some(6446)),
            ("227 ok (999,x,,-1,0,21)", Some(21)),
            ("227 ok (10,0,0,1,256,0)", None),
            ("227 ok (10,0,0,1,1)", None),
            ("227 ok (10,0,0,1,1,2,3)", None),
            ("227", None),
        ] {
            assert_eq!(plain(text.as_bytes()), port, "{text}");
        }
    }
}
