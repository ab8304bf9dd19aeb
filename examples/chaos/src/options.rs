//! The command line.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Kills dlcs at random moments and at every durable step, and holds what is left against a ledger.
#[derive(Debug, Parser)]
#[command(name = "dlcs-chaos", version)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) part: Part,
}

/// What is done to the program.
#[derive(Debug, Subcommand)]
pub(crate) enum Part {
    /// Kills and stops processes at random moments of running requests.
    Kill(KillOptions),
    /// Lets every durable step fail in turn, and kills the program before it.
    Failpoints(FailpointOptions),
    /// Proves from the system calls of a registration that what is answered is on the disk.
    Order(OrderOptions),
    /// Lets the power fail at many moments of what was traced, and holds what is left against what had been acknowledged.
    Power(PowerOptions),
}

/// The catalogue, and with it how many processes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// One process with everything.
    Sqlite,
    /// A node that clients talk to and two workers.
    Postgres,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        })
    }
}

/// Options of `kill`.
#[derive(Debug, Args)]
pub(crate) struct KillOptions {
    /// On which database.
    #[arg(long, default_value = "sqlite")]
    pub(crate) database: Backend,
    /// How many kills.
    #[arg(long, default_value_t = 60)]
    pub(crate) rounds: u64,
    /// Repeats the decisions of a run.
    #[arg(long, env = "SEED", default_value_t = 20_161_123)]
    pub(crate) seed: u64,
    /// After how many kills everything is looked at, as it is in the end.
    #[arg(long, default_value_t = 100)]
    pub(crate) check_every: u64,
    /// Seconds that leases last: processes are stopped for longer.
    #[arg(long, default_value_t = 2)]
    pub(crate) lease: u64,
    /// `dlcs`, if not the one beside this program.
    #[arg(long)]
    pub(crate) program: Option<PathBuf>,
}

/// Options of `failpoints`.
#[derive(Debug, Args)]
pub(crate) struct FailpointOptions {
    /// Tries so many points, chosen at random, and not all.
    #[arg(long)]
    pub(crate) sample: Option<usize>,
    /// Chooses them.
    #[arg(long, env = "SEED", default_value_t = 20_161_123)]
    pub(crate) seed: u64,
    /// Tries only points whose description contains this text.
    #[arg(long)]
    pub(crate) only: Option<String>,
    /// `dlcs`, if not the one beside this program.
    #[arg(long)]
    pub(crate) program: Option<PathBuf>,
}

/// Options of `order`.
#[derive(Debug, Args)]
pub(crate) struct OrderOptions {
    /// `dlcs`, if not the one beside this program.
    #[arg(long)]
    pub(crate) program: Option<PathBuf>,
}

/// Options of `power`.
#[derive(Debug, Args)]
pub(crate) struct PowerOptions {
    /// How often the power fails.
    #[arg(long, default_value_t = 500)]
    pub(crate) losses: u64,
    /// Repeats the decisions of a run.
    #[arg(long, env = "SEED", default_value_t = 20_161_123)]
    pub(crate) seed: u64,
    /// As if the program did not do this: to see whether it would be noticed.
    #[arg(long, hide = true)]
    pub(crate) forget: Option<Forget>,
    /// `dlcs`, if not the one beside this program.
    #[arg(long)]
    pub(crate) program: Option<PathBuf>,
}

/// What a program could forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Forget {
    /// To sync the write-ahead log.
    Wal,
    /// To sync the database before the log is used anew.
    Database,
    /// To sync objects before they get their names.
    Objects,
    /// To sync directories of objects, and those above.
    Directories,
    /// To sync the directories above those that have objects in them.
    Parents,
    /// To sync the directory of the data directory.
    Above,
    /// To wait for any of it before it answers.
    Waiting,
}

impl Part {
    /// The program, where it is given.
    pub(crate) fn program(&self) -> Option<PathBuf> {
        match self {
            Self::Kill(options) => options.program.clone(),
            Self::Failpoints(options) => options.program.clone(),
            Self::Order(options) => options.program.clone(),
            Self::Power(options) => options.program.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }
}
