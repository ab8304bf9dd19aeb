//! Why the program does not start, or stops.

use std::fmt;

/// One sentence for the person who started the program, and how the program ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The settings are wrong.
    Usage(String),
    /// Something that the program needs is not there.
    Failed(String),
}

impl Stop {
    /// A failure with the causes behind it, in one sentence.
    pub(crate) fn because(what: &str, error: &dyn std::error::Error) -> Self {
        let mut sentence = format!("{what}: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some errors repeat their cause in their own text.
            if !sentence.contains(&text) {
                sentence.push_str(": ");
                sentence.push_str(&text);
            }
            cause = error.source();
        }
        Self::Failed(sentence)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(sentence) | Self::Failed(sentence)) = self;
        f.write_str(&sentence.replace('\n', " "))
    }
}
