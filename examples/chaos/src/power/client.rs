//! What a client asks for, and when it was told: as lines of a trace.

use std::time::{Duration, Instant};

use crate::client::{Change, Client};
use crate::ledger::{Kind, Ledger, Name, Outcome};
use crate::random::Random;
use crate::strace::Call;
use crate::{Result, found};

/// Calls that receive bytes over a connection, and such as send them.
const RECEIVES: [&str; 3] = ["recvfrom", "read", "recvmsg"];
const SENDS: [&str; 4] = ["sendto", "sendmsg", "write", "writev"];

/// Something to ask for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ask {
    Batch(&'static [&'static str]),
    /// An immediate registration.
    Put(&'static str),
    /// One that brings its bytes.
    Send(&'static str),
    Delete(&'static str),
    /// Waits until the queue is empty.
    Drain,
}

/// Something that was asked for and done.
#[derive(Debug, Clone)]
pub(super) struct Step {
    kind: Kind,
    names: Vec<Name>,
    batch: Option<String>,
}

/// The lines at which a request arrived and its answer was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) asked: usize,
    pub(super) answered: usize,
}

/// Asks for one thing after the other, each of which must be done.
pub(super) async fn perform(
    client: &Client,
    ledger: &mut Ledger,
    asks: &[Ask],
) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for ask in asks {
        let (kind, ids) = match ask {
            Ask::Batch(ids) => (Kind::Batch, *ids),
            Ask::Put(id) | Ask::Send(id) => (Kind::Put, std::slice::from_ref(id)),
            Ask::Delete(id) => (Kind::Delete, std::slice::from_ref(id)),
            Ask::Drain => {
                found::drain(client, &[1], Duration::from_secs(60)).await?;
                continue;
            }
        };
        let name = |id: &&str| Name {
            customer: 1,
            id: (*id).to_owned(),
        };
        let names: Vec<_> = ids.iter().map(name).collect();
        let versions: Vec<_> = names.iter().map(|name| ledger.next_version(name)).collect();
        let request = ledger.begin(kind, &names);
        let changed = if let Ask::Send(_) = ask {
            client.send(&names[0], versions[0]).await?
        } else {
            let change = Change {
                kind,
                names: names.clone(),
                versions,
                // Both lanes have work.
                is_urgent: request % 2 == 1,
                is_wrong: false,
            };
            client.change(&change, &mut Random::new(1)).await
        };
        if changed.outcome != Outcome::Acknowledged || changed.was_missing {
            return Err(format!("{ask:?} was not done: {changed:?}").into());
        }
        ledger.end(
            request,
            changed.outcome,
            changed.batch.clone(),
            Instant::now(),
        );
        steps.push(Step {
            kind,
            names,
            batch: changed.batch,
        });
    }
    Ok(steps)
}

/// Finds the steps in a trace.
///
/// # Errors
/// One is not there.
pub(super) fn moments(calls: &[Call], steps: &[Step]) -> Result<Vec<Moment>, String> {
    let says = |call: &Call, start: &str| call.texts().iter().any(|text| text.starts_with(start));
    let is_one = |names: &[&str], call: &Call| names.contains(&call.name.as_str());
    let mut moments = Vec::new();
    let mut after = 0;
    for step in steps {
        let start = step.start();
        let received: Vec<_> = calls
            .iter()
            .filter(|call| call.begun >= after && is_one(&RECEIVES, call))
            .collect();
        let asked = (0..received.len())
            .find(|place| arrives(&received[*place..], &start))
            .map(|place| received[place])
            .ok_or_else(|| format!("`{start}…` was not seen"))?;
        let answered = calls
            .iter()
            .find(|call| {
                call.begun > asked.ended
                    && is_one(&SENDS, call)
                    && call.descriptor() == asked.descriptor()
                    && says(call, "HTTP/1.1 20")
            })
            .ok_or_else(|| format!("no answer to `{start}…` was seen"))?;
        moments.push(Moment {
            asked: asked.begun,
            answered: answered.begun,
        });
        after = answered.begun;
    }
    Ok(moments)
}

/// Whether the first of these calls receives bytes that begin like this; the others bring the rest, of which the server first takes no more than
/// tells it the version of the protocol.
fn arrives(received: &[&Call], start: &str) -> bool {
    let descriptor = received.first().and_then(|call| call.descriptor());
    let mut start = start;
    for call in received {
        if call.descriptor() != descriptor {
            continue;
        }
        let texts = call.texts();
        let text = texts.first().copied().unwrap_or_default();
        match start.strip_prefix(text) {
            _ if text.starts_with(start) => return true,
            Some(rest) if !text.is_empty() => start = rest,
            _ => return false,
        }
    }
    false
}

impl Step {
    /// How its request begins.
    fn start(&self) -> String {
        let (method, name) = match self.kind {
            Kind::Batch => return "POST /customers/1/queue".to_owned(),
            Kind::Put => ("PUT", &self.names[0]),
            Kind::Delete => ("DELETE", &self.names[0]),
        };
        format!("{method} /customers/1/spaces/1/images/{}", name.id)
    }

    /// Notes it, as far as it is known when the power fails before a line.
    pub(super) fn note(&self, ledger: &mut Ledger, moment: Moment, line: usize) {
        if moment.asked >= line {
            return;
        }
        let request = ledger.begin(self.kind, &self.names);
        if moment.answered < line {
            let batch = self.batch.clone();
            ledger.end(request, Outcome::Acknowledged, batch, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strace::parse;

    const LOG: &str = r#"7 recvfrom(9<socket:[1]>, "GET /customers/1/queue HTTP/1.1\r\n", 8192, 0, NULL, NULL) = 30
7 sendto(9<socket:[1]>, "HTTP/1.1 200 OK\r\n", 17, MSG_NOSIGNAL, NULL, 0) = 17
7 recvfrom(9<socket:[1]>, "PUT /customers/1/spaces/1/images/a HTTP/1.1\r\n", 8192, 0, NULL, NULL) = 30
8 sendto(8<socket:[2]>, "HTTP/1.1 200 OK\r\n", 17, MSG_NOSIGNAL, NULL, 0) = 17
7 sendto(9<socket:[1]>, "HTTP/1.1 201 Created\r\n", 17, MSG_NOSIGNAL, NULL, 0) = 17
"#;

    fn put() -> Step {
        Step {
            kind: Kind::Put,
            names: vec![Name {
                customer: 1,
                id: "a".to_owned(),
            }],
            batch: None,
        }
    }

    #[test]
    fn a_request_is_known_of_from_its_arrival_and_acknowledged_from_its_answer() {
        let moments = moments(&parse(LOG), &[put()]).unwrap();
        let (asked, answered) = (2, 4);
        assert_eq!(moments, [Moment { asked, answered }]);
        for (line, unknown, acknowledged) in [(2, 0, 0), (3, 1, 0), (4, 1, 0), (5, 0, 1)] {
            let mut ledger = Ledger::default();
            put().note(&mut ledger, moments[0], line);
            assert_eq!(ledger.count(Outcome::Unknown), unknown, "{line}");
            assert_eq!(ledger.count(Outcome::Acknowledged), acknowledged, "{line}");
        }
    }

    #[test]
    fn a_request_may_arrive_in_parts() {
        let parts = LOG.replace(
            "\"PUT /customers/1/spaces/1/images/a HTTP/1.1",
            "\"PUT /customers/1/spaces/\", 24, 0, NULL, NULL) = 24\n\
             7 recvfrom(9<socket:[1]>, \"1/images/a HTTP/1.1",
        );
        let (asked, answered) = (2, 5);
        let found = moments(&parse(&parts), &[put()]);
        assert_eq!(found, Ok(vec![Moment { asked, answered }]));
        let others = parts.replace("\"1/images/a", "\"1/images/b");
        assert!(moments(&parse(&others), &[put()]).is_err());
    }

    #[test]
    fn a_request_that_was_not_answered_is_not_passed_over() {
        let unanswered = LOG.replace("201 Created", "503 Service Unavailable");
        assert!(moments(&parse(&unanswered), &[put()]).is_err());
        assert!(moments(&parse(LOG), &[put(), put()]).is_err());
    }
}
