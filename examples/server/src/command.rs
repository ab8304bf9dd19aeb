//! The command line: what the program can be asked to do.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, value_parser};

use crate::setting::{self, Setting};

/// Settings that say where things are kept; the others of `serve` may stand in the file and in the environment, and change nothing elsewhere.
const KEPT: [&Setting; 7] = [
    &setting::DATA_DIR,
    &setting::DATABASE_URL,
    &setting::STORE_URL,
    &setting::SEALING_KEY,
    &setting::OLD_SEALING_KEY,
    &setting::LOG,
    &setting::CONFIG,
];

/// The flags that are no settings: they belong to one command.
pub(crate) const REPAIR: &str = "repair";
pub(crate) const GRACE: &str = "grace";
pub(crate) const TARGET: &str = "target";

/// The command line.
pub(crate) fn command() -> Command {
    Command::new("dlcs")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Image registration for IIIF")
        .subcommand_required(true)
        .subcommand(serve())
        .subcommand(fsck())
        .subcommand(backup())
        .subcommand(migrate())
}

fn serve() -> Command {
    Command::new("serve")
        .about("Runs the server: API, IIIF delivery and workers in one process")
        .args(setting::ALL.map(Setting::argument))
}

fn fsck() -> Command {
    let repair = Arg::new(REPAIR)
        .long(REPAIR)
        .action(ArgAction::SetTrue)
        .help("Put right what can be: queue damaged images to be made again from their origins, count anew, delete orphans");
    let grace = Arg::new(GRACE)
        .long(GRACE)
        .value_name("SECONDS")
        .value_parser(value_parser!(u32))
        .help("Objects that no row names are orphans when they are older; without it 0 where nobody else can be at work, and otherwise 3600");
    at_rest("fsck", "Checks everything at rest: exit code 0 when it is sound, 1 when there are faults, 3 when it could not be checked")
        .args([repair, grace])
}

fn backup() -> Command {
    let target = Arg::new(TARGET)
        .value_name("TARGET")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("Where the copy goes: a directory that is not there; start `dlcs serve` with it as --data-dir to restore");
    at_rest(
        "backup",
        "Copies a data directory while the server works in it",
    )
    .arg(target)
}

fn migrate() -> Command {
    at_rest(
        "migrate",
        "Moves a data directory, in which no server works, to --database-url and --store-url, and compares everything there; run it again when it was interrupted",
    )
}

/// A command over what is kept.
fn at_rest(name: &'static str, about: &'static str) -> Command {
    let is_shown = |setting: &Setting| KEPT.iter().any(|kept| kept.name == setting.name);
    let settings = setting::ALL.map(|setting| setting.argument().hide(!is_shown(setting)));
    Command::new(name).about(about).args(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn help_explains_every_setting() {
        let help = command()
            .find_subcommand_mut("serve")
            .unwrap()
            .render_long_help()
            .to_string();
        for setting in setting::ALL {
            assert!(help.contains(&format!("--{}", setting.name)), "{help}");
            assert!(help.contains(&setting.variable()), "{help}");
        }
    }

    #[test]
    fn commands_take_the_settings_of_serve_and_show_those_that_matter() {
        let mut command = command();
        let fsck = command.find_subcommand_mut("fsck").unwrap();
        let help = fsck.render_long_help().to_string();
        for shown in ["--data-dir", "--store-url", "--repair", "--grace"] {
            assert!(help.contains(shown), "{help}");
        }
        assert!(!help.contains("--workers"), "{help}");
        let arguments = ["dlcs", "fsck", "--workers", "4", "--repair"];
        command.try_get_matches_from(arguments).unwrap();
    }
}
