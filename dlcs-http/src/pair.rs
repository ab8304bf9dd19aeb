//! Properties that go by two names, one of each generation of clients.

use crate::fields::{Fields, Problems};

/// The names of one property; a request may have both.
pub(crate) struct Pair(pub(crate) &'static str, pub(crate) &'static str);

impl Pair {
    /// What a request says by either of the names, each read in the same way.
    ///
    /// A client knows one of them: it changes that one, and sends the other back as it was. So where they differ, that one counts which is
    /// not what is stored.
    pub(crate) fn read<T: PartialEq>(
        &self,
        fields: &Fields<'_>,
        stored: Option<&T>,
        problems: &mut Problems,
        mut read: impl FnMut(&str, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        match (read(self.0, problems), read(self.1, problems)) {
            (Some(one), Some(other)) if one != other => {
                if stored == Some(&one) {
                    return Some(other);
                }
                if stored != Some(&other) {
                    let detail = format!(
                        "`{}` and `{}` are one thing here, and differ: send one of them",
                        self.0, self.1
                    );
                    problems.add(fields.at(self.1), detail);
                }
                Some(one)
            }
            (one, other) => one.or(other),
        }
    }

    /// Whether something is wrong with what is said by one of the names.
    pub(crate) fn is_wrong(&self, fields: &Fields<'_>, problems: &Problems) -> bool {
        [self.0, self.1].map(|name| problems.is_at(&fields.at(name))) != [false, false]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const PAIR: Pair = Pair("new", "old");

    /// What is said, and how much is wrong with it.
    fn said(body: &Value, stored: Option<i64>) -> (Option<i64>, usize) {
        let object = body.as_object().unwrap();
        let mut problems = Problems::default();
        let fields = Fields::new(object, "", &["new", "old"], &mut problems);
        let said = PAIR.read(&fields, stored.as_ref(), &mut problems, |name, problems| {
            fields.integer(name, problems)
        });
        let is_wrong = PAIR.is_wrong(&fields, &problems);
        let found = problems.take().len();
        assert_eq!(is_wrong, found > 0);
        (said, found)
    }

    #[test]
    fn whichever_name_is_changed_counts() {
        for (body, stored, expected) in [
            (json!({}), Some(1), None),
            (json!({"new": 2}), Some(1), Some(2)),
            (json!({"old": 2}), None, Some(2)),
            (json!({"new": 2, "old": 1}), Some(1), Some(2)),
            (json!({"new": 1, "OLD": 2}), Some(1), Some(2)),
            (json!({"new": 1, "old": 1}), Some(1), Some(1)),
            (json!({"new": 2, "old": 2}), Some(1), Some(2)),
        ] {
            assert_eq!(said(&body, stored), (expected, 0), "{body}");
        }
    }

    #[test]
    fn two_new_values_are_one_too_many() {
        let body = json!({"new": 2, "old": 3});
        assert_eq!(said(&body, Some(1)).1, 1);
        assert_eq!(said(&body, None).1, 1);
        assert_eq!(said(&json!({"new": 2, "old": "x"}), Some(2)).1, 1);
    }
}
