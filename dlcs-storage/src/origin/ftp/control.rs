//! The control connection: commands go out, replies come in, none of them longer than it may be.

use std::io::{self, ErrorKind};
use std::time::Duration;

use dlcs_core::origin::{OriginError, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::error::{Failure, broken, handshake, refusal};
use super::tls::{Encryption, Wire};
use crate::origin::bounds::Deadline;

/// The most bytes of a line, its end included.
const LINE_BYTES: usize = 8 << 10;
/// The most lines of a reply.
const REPLY_LINES: usize = 64;

/// A reply: three digits, and a text that is read where it must be and shown nowhere.
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) text: Vec<u8>,
}

impl Reply {
    /// Returns the reply if its code is one of these.
    pub(super) fn expect(self, codes: &[u16]) -> Result<Self> {
        if codes.contains(&self.code) {
            return Ok(self);
        }
        Err(match self.code {
            400..600 => refusal(self.code),
            _ => Failure::UnexpectedReply.into(),
        })
    }

    /// Whether the server does not know the command, or not with what it was given.
    pub(super) const fn is_unknown(&self) -> bool {
        matches!(self.code, 500..=504 | 522)
    }
}

/// How long to wait for a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    pub(super) patience: Duration,
    pub(super) connecting: Duration,
    pub(super) deadline: Deadline,
}

/// The connection that commands go over.
pub(super) struct Control {
    wire: Wire,
    waits: Waits,
    /// What has come and has not been read.
    ahead: Vec<u8>,
}

impl Control {
    pub(super) const fn new(wire: Wire, waits: Waits) -> Self {
        Self {
            wire,
            waits,
            ahead: Vec::new(),
        }
    }

    pub(super) const fn waits(&self) -> Waits {
        self.waits
    }

    /// Encrypts the connection, which both sides have agreed on.
    pub(super) async fn encrypt(self, encryption: &Encryption) -> Result<Self> {
        let (Wire::Plain(stream), true) = (self.wire, self.ahead.is_empty()) else {
            // Whoever is in the middle could have put it there, to be taken for what comes encrypted.
            return Err(Failure::AheadOfEncryption.into());
        };
        let Waits {
            connecting,
            deadline,
            ..
        } = self.waits;
        let wire = deadline.wait(connecting, encryption.start(stream)).await?;
        let wire = wire.map_err(|error| handshake(&error))?;
        Ok(Self::new(wire, self.waits))
    }

    /// Sends a command, and returns the reply.
    pub(super) async fn command(&mut self, verb: &str, argument: &[u8]) -> Result<Reply> {
        self.send(verb, argument).await?;
        self.reply().await
    }

    /// Sends a command without waiting for the reply.
    pub(super) async fn send(&mut self, verb: &str, argument: &[u8]) -> Result<()> {
        if argument.iter().any(u8::is_ascii_control) {
            return Err(Failure::Command.into());
        }
        let mut line = verb.as_bytes().to_vec();
        if !argument.is_empty() {
            line.push(b' ');
            line.extend_from_slice(argument);
        }
        line.extend_from_slice(b"\r\n");
        let Waits {
            patience, deadline, ..
        } = self.waits;
        let sent = async {
            self.wire.write_all(&line).await?;
            self.wire.flush().await
        };
        let sent = deadline.wait(patience, sent).await?;
        sent.map_err(|error| broken(&error))
    }

    /// Reads a reply.
    pub(super) async fn reply(&mut self) -> Result<Reply> {
        let Waits {
            patience, deadline, ..
        } = self.waits;
        deadline.wait(patience, self.read()).await?
    }

    async fn read(&mut self) -> Result<Reply> {
        let mut text = self.line().await?;
        let (code, more) = head(&text).ok_or(Failure::NotAReply)?;
        if more {
            for lines in 2.. {
                if lines > REPLY_LINES {
                    return Err(Failure::LongReply.into());
                }
                let line = self.line().await?;
                text.push(b'\n');
                text.extend_from_slice(&line);
                if head(&line) == Some((code, false)) {
                    break;
                }
            }
        }
        if code == 421 {
            return Err(refusal(code));
        }
        Ok(Reply { code, text })
    }

    /// Reads a line, without its end.
    async fn line(&mut self) -> Result<Vec<u8>> {
        let mut looked_at = 0;
        loop {
            let fresh = &self.ahead[looked_at..];
            if let Some(at) = fresh.iter().position(|byte| *byte == b'\n') {
                let rest = self.ahead.split_off(looked_at + at + 1);
                let mut line = std::mem::replace(&mut self.ahead, rest);
                while line.last().is_some_and(u8::is_ascii_control) {
                    line.pop();
                }
                return Ok(line);
            }
            looked_at = self.ahead.len();
            let room = LINE_BYTES.saturating_sub(looked_at);
            if room == 0 {
                return Err(Failure::LongLine.into());
            }
            let mut part = [0; 1024];
            let part = &mut part[..room.min(1024)];
            match self.wire.read(part).await {
                Ok(0) => return Err(broken(&io::Error::from(ErrorKind::UnexpectedEof))),
                Ok(read) => self.ahead.extend_from_slice(&part[..read]),
                Err(error) => return Err(broken(&error)),
            }
        }
    }
}

/// Reads the code of a line, and whether lines follow that belong to it.
fn head(line: &[u8]) -> Option<(u16, bool)> {
    let (digits, rest) = line.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let more = match rest.first() {
        None | Some(b' ') => false,
        Some(b'-') => true,
        Some(_) => return None,
    };
    let code = digits
        .iter()
        .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    Some((code, more))
}

/// Whether a failure is the end of a connection, or silence on it.
pub(super) const fn is_silence(error: &OriginError) -> bool {
    matches!(
        error,
        OriginError::Connection { .. } | OriginError::TimedOut { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_begin_with_three_digits() {
        for (line, expected) in [
            ("220 hello", Some((220, false))),
            ("220-hello", Some((220, true))),
            ("220", Some((220, false))),
            ("22", None),
            ("2200 x", None),
            (" 220 x", None),
            ("HTTP/1.1 200", None),
            ("SSH-2.0-x", None),
        ] {
            assert_eq!(head(line.as_bytes()), expected, "{line}");
        }
    }
}
