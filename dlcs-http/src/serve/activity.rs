//! What a connection is doing, and until when it may go on with that. Pure: times are given.

use std::time::Duration;

use tokio::time::Instant;

/// How long a new connection may say nothing.
const FIRST_BYTE: Duration = Duration::from_secs(10);
/// How long the head of a request may take, or what a connection of HTTP/2 begins with.
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may stay open without a request.
const IDLE: Duration = Duration::from_secs(75);
/// The most bytes of an answer of HTTP/2 that are handed over at once.
const H2_PIECE: usize = 16 << 10;
/// How long a client may take nothing of what it is answered.
pub(super) const STALL: Duration = Duration::from_secs(30);

/// What every connection of HTTP/2 begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection is doing.
#[derive(Debug)]
pub(super) struct Activity {
    protocol: Protocol,
    phase: Phase,
    /// When the phase began.
    since: Instant,
    /// How many requests are being answered.
    open: usize,
    /// What of HTTP/2 waits for the client to take it, and since when. Of HTTP/1 the socket itself shows that.
    untaken: Vec<(u64, Instant)>,
    /// The number of the next answer.
    next: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// So many bytes of the preface have come, and nothing else.
    Unknown(usize),
    First,
    Second,
}

/// What goes on while no request is being answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Head,
    Idle,
}

impl Activity {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            protocol: Protocol::Unknown(0),
            phase: Phase::New,
            since: now,
            open: 0,
            untaken: Vec::new(),
            next: 0,
        }
    }

    /// Bytes have come.
    pub(super) fn read(&mut self, bytes: &[u8], now: Instant) {
        if self.protocol != Protocol::Second && self.open == 0 && self.phase != Phase::Head {
            self.enter(Phase::Head, now);
        }
        if let Protocol::Unknown(seen) = self.protocol {
            let expected = &PREFACE[seen..];
            let length = expected.len().min(bytes.len());
            self.protocol = if bytes[..length] != expected[..length] {
                Protocol::First
            } else if length < expected.len() {
                Protocol::Unknown(seen + length)
            } else {
                self.enter(Phase::Idle, now);
                Protocol::Second
            };
        }
    }

    /// A request has come; returns the number of its answer.
    pub(super) const fn begin(&mut self) -> u64 {
        self.open += 1;
        self.next += 1;
        self.next
    }

    /// Part of an answer is there for the client to take.
    pub(super) fn offer(&mut self, answer: u64, now: Instant) {
        if self.protocol == Protocol::Second {
            self.withdraw(answer);
            self.untaken.push((answer, now));
        }
    }

    /// There is nothing of an answer to take.
    pub(super) fn withdraw(&mut self, answer: u64) {
        self.untaken.retain(|(untaken, _)| *untaken != answer);
    }

    /// An answer has ended.
    pub(super) fn end(&mut self, answer: u64, now: Instant) {
        self.withdraw(answer);
        self.open -= 1;
        if self.open == 0 {
            self.enter(Phase::Idle, now);
        }
    }

    /// Bytes have gone out: an answer of HTTP/1 may be handed over long before all of it has.
    pub(super) fn wrote(&mut self, now: Instant) {
        if self.protocol != Protocol::Second && self.open == 0 && self.phase == Phase::Idle {
            self.since = now;
        }
    }

    /// The most bytes that are handed over at once; `None` where it does not matter. A piece of HTTP/2 is kept for its client however little of it
    /// may be sent: what waits is to be seen here instead.
    pub(super) fn piece(&self) -> Option<usize> {
        (self.protocol == Protocol::Second).then_some(H2_PIECE)
    }

    /// When the connection is to be closed if nothing happens until then.
    pub(super) fn limit(&self) -> Option<Instant> {
        if self.open > 0 {
            // Others on the connection may read on: only when nobody does is it of no use.
            let untaken = self.untaken.iter();
            return untaken.map(|(_, since)| *since + STALL).max();
        }
        Some(match self.phase {
            Phase::New => self.since + FIRST_BYTE,
            Phase::Head => self.since + HEAD,
            Phase::Idle => self.since + IDLE,
        })
    }

    const fn enter(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_head_must_come_soon_and_a_next_request_later() {
        let begun = Instant::now();
        let mut activity = Activity::new(begun);
        assert_eq!(activity.limit(), Some(begun + FIRST_BYTE));
        activity.read(b"GET / HT", begun + seconds(9));
        activity.read(b"TP", begun + seconds(12));
        assert_eq!(activity.limit(), Some(begun + seconds(9) + HEAD));
        let answer = activity.begin();
        assert_eq!(activity.limit(), None);
        // A body, or the next request: neither is waited for.
        activity.read(b"{}", begun + seconds(20));
        activity.offer(answer, begun + seconds(20));
        assert_eq!(activity.limit(), None);
        activity.end(answer, begun + seconds(30));
        assert_eq!(activity.limit(), Some(begun + seconds(30) + IDLE));
        // The rest of the answer goes out late.
        activity.wrote(begun + seconds(70));
        assert_eq!(activity.limit(), Some(begun + seconds(70) + IDLE));
        activity.read(b"G", begun + seconds(90));
        assert_eq!(activity.limit(), Some(begun + seconds(90) + HEAD));
    }

    #[test]
    fn what_may_become_http_2_must_become_it_soon() {
        let begun = Instant::now();
        let mut activity = Activity::new(begun);
        for (at, byte) in PREFACE.iter().enumerate() {
            assert!(activity.limit() <= Some(begun + HEAD), "at {at}");
            activity.read(&[*byte], begun);
        }
        assert_eq!(activity.protocol, Protocol::Second);
        assert_eq!(activity.limit(), Some(begun + IDLE));
        // Frames that ask for nothing change nothing.
        activity.read(b"\0\0\0\x04\x01\0\0\0\0", begun + seconds(5));
        assert_eq!(activity.limit(), Some(begun + IDLE));
    }

    #[test]
    fn what_only_begins_like_http_2_is_http_1() {
        let begun = Instant::now();
        let mut activity = Activity::new(begun);
        activity.read(b"PR", begun);
        activity.read(b"OPFIND / HTTP/1.1\r\n", begun + seconds(1));
        assert_eq!(activity.protocol, Protocol::First);
        assert_eq!(activity.limit(), Some(begun + HEAD));
    }

    #[test]
    fn a_connection_is_let_go_when_nothing_on_it_is_taken() {
        let begun = Instant::now();
        let mut activity = Activity::new(begun);
        activity.read(PREFACE, begun);
        let (first, second) = (activity.begin(), activity.begin());
        assert_eq!(activity.limit(), None, "nothing can be taken yet");
        activity.offer(first, begun);
        activity.offer(second, begun + seconds(5));
        assert_eq!(activity.limit(), Some(begun + seconds(5) + STALL));
        activity.offer(first, begun + seconds(9));
        assert_eq!(activity.limit(), Some(begun + seconds(9) + STALL));
        activity.withdraw(first);
        assert_eq!(activity.limit(), Some(begun + seconds(5) + STALL));
        activity.withdraw(second);
        activity.end(first, begun + seconds(10));
        assert_eq!(activity.limit(), None);
        activity.end(second, begun + seconds(11));
        assert_eq!(activity.limit(), Some(begun + seconds(11) + IDLE));
    }
}
