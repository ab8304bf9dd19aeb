//! What a line of `strace -f -y` says: pure.

use std::collections::HashMap;

/// A system call that has been seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) thread: u32,
    pub(crate) name: String,
    /// Everything between the parentheses.
    pub(crate) arguments: String,
    /// What it returned; `None` when it never did.
    pub(crate) result: Option<i64>,
    /// It was made to fail.
    pub(crate) is_injected: bool,
    /// The lines of the log at which it began and ended: calls of other threads may lie between.
    pub(crate) begun: usize,
    pub(crate) ended: usize,
}

impl Call {
    /// Whether it did what it was to do.
    pub(crate) fn has_worked(&self) -> bool {
        self.result.is_some_and(|result| result >= 0)
    }

    /// What the descriptor stands for that comes first: a path, or a connection.
    pub(crate) fn descriptor(&self) -> Option<&str> {
        let rest = self
            .arguments
            .trim_start_matches(|digit: char| digit.is_ascii_digit());
        if rest.len() == self.arguments.len() {
            return None;
        }
        let target = rest.strip_prefix('<')?;
        // An address of a connection has an arrow in it.
        let end = target.find(">,").or_else(|| target.rfind('>'))?;
        Some(
            target[..end]
                .trim_end_matches("(deleted)")
                .trim_end_matches('>'),
        )
    }

    /// The texts among the arguments, as `strace` writes them.
    pub(crate) fn texts(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        let mut rest = self.arguments.as_str();
        while let Some(start) = rest.find('"') {
            let text = &rest[start + 1..];
            let mut end = 0;
            let bytes = text.as_bytes();
            while end < bytes.len() && bytes[end] != b'"' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            let end = end.min(text.len());
            texts.push(&text[..end]);
            rest = text.get(end + 1..).unwrap_or_default();
        }
        texts
    }

    /// The paths that it is about: of its descriptor, or in its arguments.
    pub(crate) fn paths(&self) -> Vec<&str> {
        match self.descriptor() {
            Some(path) => vec![path],
            None => self.texts(),
        }
    }
}

/// Reads a log; lines that are no calls, and calls that were never finished by then, are kept apart.
pub(crate) fn parse(log: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut begun: HashMap<(u32, String), (usize, String)> = HashMap::new();
    for (place, line) in log.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let (Ok(thread), rest) = (thread.parse::<u32>(), rest.trim_start()) else {
            continue;
        };
        if let Some(start) = rest.strip_suffix("<unfinished ...>") {
            if let Some((name, arguments)) = start.split_once('(') {
                begun.insert(
                    (thread, name.to_owned()),
                    (place, arguments.trim_end().to_owned()),
                );
            }
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let Some((name, end)) = resumed.split_once(" resumed>") else {
                continue;
            };
            if let Some((from, arguments)) = begun.remove(&(thread, name.to_owned())) {
                calls.extend(call(
                    thread,
                    name,
                    &format!("{arguments}{end}"),
                    from,
                    place,
                ));
            }
        } else if let Some((name, arguments)) = rest.split_once('(') {
            calls.extend(call(thread, name, arguments, place, place));
        }
    }
    for ((thread, name), (from, arguments)) in begun {
        calls.push(Call {
            thread,
            name,
            arguments,
            result: None,
            is_injected: false,
            begun: from,
            ended: usize::MAX,
        });
    }
    calls.sort_by_key(|call| call.begun);
    calls
}

/// A call from what follows its opening parenthesis.
fn call(thread: u32, name: &str, rest: &str, begun: usize, ended: usize) -> Option<Call> {
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    // The name of an error has parentheses, too.
    let mut ends = rest.rmatch_indices(')');
    let (arguments, result) = ends.find_map(|(end, _)| {
        let result = rest[end + 1..].trim_start().strip_prefix("= ")?;
        Some((&rest[..end], result))
    })?;
    let number = result
        .split(|end: char| end != '-' && !end.is_ascii_digit())
        .next();
    is_name.then(|| Call {
        thread,
        name: name.to_owned(),
        arguments: arguments.trim_end().to_owned(),
        result: number.and_then(|number| number.parse().ok()),
        is_injected: result.ends_with("(INJECTED)"),
        begun,
        ended,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"71 pwrite64(12</d/dlcs.sqlite-wal>, "7\177\6\202 \"ready\")", 4096, 32) = 4096
72 fdatasync(12</d/dlcs.sqlite-wal> <unfinished ...>
71 sendto(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, "HTTP/1.1 201 Created\r\n", 22, MSG_NOSIGNAL, NULL, 0) = 22
72 <... fdatasync resumed>)               = 0
71 openat(AT_FDCWD, "/d/derivatives/a.tif#1", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 7</d/derivatives/a.tif#1>
71 rename("/d/derivatives/a.tif#1", "/d/derivatives/a.tif") = -1 EIO (Input/output error) (INJECTED)
71 writev(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, [{iov_base="HTTP/1.1 503", iov_len=12}, {iov_base="x", iov_len=1}], 2) = 13
71 --- SIGCHLD {si_signo=SIGCHLD} ---
71 fsync(7</d/derivatives> <unfinished ...>
71 +++ killed by SIGKILL +++
"#;

    #[test]
    fn calls_are_read_with_what_they_are_about() {
        let calls = parse(LOG);
        let shown: Vec<_> = calls
            .iter()
            .map(|call| {
                (
                    call.thread,
                    call.name.as_str(),
                    call.paths()[0],
                    call.result,
                    call.begun,
                    call.ended,
                )
            })
            .collect();
        let connection = "TCP:[127.0.0.1:1->127.0.0.1:2]";
        assert_eq!(
            shown,
            [
                (71, "pwrite64", "/d/dlcs.sqlite-wal", Some(4096), 0, 0),
                (72, "fdatasync", "/d/dlcs.sqlite-wal", Some(0), 1, 3),
                (71, "sendto", connection, Some(22), 2, 2),
                (71, "openat", "/d/derivatives/a.tif#1", Some(7), 4, 4),
                (71, "rename", "/d/derivatives/a.tif#1", Some(-1), 5, 5),
                (71, "writev", connection, Some(13), 6, 6),
                (71, "fsync", "/d/derivatives", None, 8, usize::MAX),
            ]
        );
        assert_eq!(calls[0].texts(), [r#"7\177\6\202 \"ready\")"#]);
        assert_eq!(calls[4].paths()[1], "/d/derivatives/a.tif");
        assert!(calls[4].is_injected && !calls[4].has_worked());
        assert_eq!(calls[5].texts(), ["HTTP/1.1 503", "x"]);
        assert!(!calls[6].has_worked());
    }
}
