//! Requests in memory.

use super::state::State;
use crate::request::{ABANDONED, Fingerprint, GivenAnswer, KEPT, Remembered, RequestKey};
use crate::time::Timestamp;

/// A request that was noted.
pub(super) struct RequestRecord {
    fingerprint: Fingerprint,
    begun: Timestamp,
    answer: Option<GivenAnswer>,
}

impl State {
    pub(super) fn remember_request(
        &mut self,
        key: &RequestKey,
        fingerprint: Fingerprint,
        now: Timestamp,
    ) -> Remembered {
        self.requests.retain(|_, record| {
            let age = now.since(record.begun);
            age < KEPT && (record.answer.is_some() || age < ABANDONED)
        });
        match self.requests.get(key) {
            Some(record) if record.fingerprint != fingerprint => Remembered::Other,
            Some(record) => match &record.answer {
                Some(answer) => Remembered::Answered(answer.clone()),
                None => Remembered::Running,
            },
            None => {
                let record = RequestRecord {
                    fingerprint,
                    begun: now,
                    answer: None,
                };
                self.requests.insert(key.clone(), record);
                Remembered::New
            }
        }
    }

    pub(super) fn answer_request(&mut self, key: &RequestKey, answer: GivenAnswer) {
        if let Some(record) = self.requests.get_mut(key) {
            record.answer.get_or_insert(answer);
        }
    }
}
