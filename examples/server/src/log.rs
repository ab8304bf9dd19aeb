//! Logs: to standard error, as text for people and as JSON for programs.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// What is logged.
#[derive(Debug)]
pub(crate) struct Filter(EnvFilter);

impl Filter {
    /// Parses a filter such as `info` or `info,dlcs_core=debug`.
    ///
    /// # Errors
    /// What to write instead.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        EnvFilter::builder().parse(text).map(Self).map_err(|_| {
            "write a level (error, warn, info, debug, trace) or pairs such as info,dlcs_core=debug"
                .to_owned()
        })
    }

    /// Starts logging.
    pub(crate) fn start(&self) {
        let logs = tracing_subscriber::fmt()
            .with_env_filter(self.0.clone())
            .with_writer(std::io::stderr);
        if std::io::stderr().is_terminal() {
            logs.init();
        } else {
            logs.with_ansi(false).json().init();
        }
    }
}
