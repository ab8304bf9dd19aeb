//! What the order of system calls proves: pure.

use std::path::Path;

use crate::strace::Call;

/// Calls that send bytes over a connection.
const SENDS: [&str; 4] = ["sendto", "sendmsg", "write", "writev"];
/// Calls that receive them.
const RECEIVES: [&str; 3] = ["recvfrom", "read", "recvmsg"];

/// What a registration did to the disk before it was answered, as lines of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) request: usize,
    /// The end of what makes the derivative durable; 0 where none was to be.
    pub(crate) published: usize,
    /// The end of what makes the row durable.
    pub(crate) committed: usize,
    pub(crate) response: usize,
}

/// Checks an immediate registration: data on the disk, then its name, then its directory, then the row, then the answer.
///
/// # Errors
/// What came too early, or not at all.
pub(crate) fn put(calls: &[Call], wal: &str, id: &str) -> Result<Proof, String> {
    let (request, response) = answered(calls, "PUT /")?;
    let published = publish(calls, request.ended)?;
    let committed = commit(calls, wal, request.ended, &[id, "ready"])?;
    if committed.written <= published {
        return Err("the row says `ready` before the derivative is durable".to_owned());
    }
    if committed.synced >= response.begun {
        return Err("the answer was sent before the row was durable".to_owned());
    }
    Ok(Proof {
        request: request.ended,
        published,
        committed: committed.synced,
        response: response.begun,
    })
}

/// Checks a batch of one image: the job on the disk, then the answer; and the image as [`put`] does, whenever that is.
///
/// # Errors
/// What came too early, or not at all.
pub(crate) fn batch(calls: &[Call], wal: &str, id: &str) -> Result<Proof, String> {
    let (request, response) = answered(calls, "POST /")?;
    let stored = commit(calls, wal, request.ended, &[id])?;
    if stored.synced >= response.begun {
        return Err("the answer was sent before the batch was durable".to_owned());
    }
    let published = publish(calls, request.ended)?;
    let done = commit(calls, wal, request.ended, &[id, "ready"])?;
    if done.written <= published {
        return Err("the row says `ready` before the derivative is durable".to_owned());
    }
    Ok(Proof {
        request: request.ended,
        published,
        committed: stored.synced,
        response: response.begun,
    })
}

/// The request that begins like this, and its answer, which must be a success.
fn answered<'c>(calls: &'c [Call], start: &str) -> Result<(&'c Call, &'c Call), String> {
    let says = |call: &Call, text: &str| call.texts().iter().any(|sent| sent.starts_with(text));
    let request = calls
        .iter()
        .find(|call| RECEIVES.contains(&call.name.as_str()) && says(call, start))
        .ok_or_else(|| format!("no request `{start}…` was seen"))?;
    let response = calls
        .iter()
        .find(|call| {
            SENDS.contains(&call.name.as_str())
                && call.begun > request.ended
                && call.descriptor() == request.descriptor()
                && says(call, "HTTP/1.1 ")
        })
        .ok_or_else(|| format!("no answer to `{start}…` was seen"))?;
    if says(response, "HTTP/1.1 20") {
        Ok((request, response))
    } else {
        Err(format!(
            "`{start}…` was not answered with a success: {}",
            response.arguments
        ))
    }
}

/// The end of what made one derivative durable: its data, its name, its directory and every directory that was made for it.
fn publish(calls: &[Call], after: usize) -> Result<usize, String> {
    let since = || {
        calls
            .iter()
            .filter(|call| call.begun > after && call.has_worked())
    };
    let is_rename = |call: &&Call| call.name.starts_with("rename") || call.name.starts_with("link");
    let renamed = since()
        .filter(is_rename)
        .find(|call| call.texts().last().is_some_and(|to| to.ends_with(".tif")))
        .ok_or("no derivative was published")?;
    let texts = renamed.texts();
    let [from, to] = texts[..] else {
        return Err(format!(
            "a name was given in another way: {}",
            renamed.arguments
        ));
    };
    let written = since()
        .filter(|call| {
            matches!(
                call.name.as_str(),
                "write" | "pwrite64" | "writev" | "pwritev"
            )
        })
        .filter(|call| call.descriptor() == Some(from))
        .map(|call| call.ended)
        .max()
        .ok_or_else(|| format!("nothing was written to `{from}`"))?;
    let synced = sync(calls, from, written)
        .ok_or_else(|| format!("the data of `{from}` was never synced under that name"))?;
    if synced >= renamed.begun {
        return Err(format!("`{from}` got its name before its data was durable"));
    }
    let parent = parent(to);
    let mut end = sync(calls, &parent, renamed.ended)
        .ok_or_else(|| format!("`{parent}` was not synced after the name was given"))?;
    for made in since().filter(|call| call.name.starts_with("mkdir") && call.begun < renamed.begun)
    {
        let directory = made
            .texts()
            .last()
            .map(|path| (*path).to_owned())
            .unwrap_or_default();
        if !Path::new(to).starts_with(&directory) {
            continue;
        }
        let above = self::parent(&directory);
        let synced = sync(calls, &above, made.ended)
            .ok_or_else(|| format!("`{above}` was not synced after `{directory}` was made"))?;
        end = end.max(synced);
    }
    Ok(end)
}

fn parent(path: &str) -> String {
    Path::new(path)
        .parent()
        .map(|parent| parent.display().to_string())
        .unwrap_or_default()
}

/// The end of the first sync of a file or a directory that began after a line.
fn sync(calls: &[Call], path: &str, after: usize) -> Option<usize> {
    let is_sync =
        |call: &&Call| matches!(call.name.as_str(), "fsync" | "fdatasync") && call.has_worked();
    let mut syncs = calls.iter().filter(is_sync);
    let found = syncs.find(|call| call.begun > after && call.descriptor() == Some(path))?;
    Some(found.ended)
}

/// A transaction: when its page was written, and when that was durable.
#[derive(Debug, Clone, Copy)]
struct Commit {
    written: usize,
    synced: usize,
}

/// The first page in the write-ahead log after a line that holds all of these words.
fn commit(calls: &[Call], wal: &str, after: usize, words: &[&str]) -> Result<Commit, String> {
    let page = calls
        .iter()
        .filter(|call| {
            call.name == "pwrite64" && call.descriptor() == Some(wal) && call.has_worked()
        })
        .filter(|call| call.begun > after)
        .find(|call| {
            words
                .iter()
                .all(|word| call.texts().iter().any(|text| text.contains(word)))
        })
        .ok_or_else(|| format!("no page with {words:?} was written to the log"))?;
    let synced = sync(calls, wal, page.ended);
    Ok(Commit {
        written: page.begun,
        synced: synced.ok_or_else(|| format!("the page with {words:?} was never synced"))?,
    })
}
