//! The command line.

use std::path::PathBuf;

use crate::Result;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Tiles,
    Session,
    Regions,
    Ingest,
    Overload,
    Queue,
    Claims,
    Fairness,
    Queries,
}

impl Part {
    pub(crate) const ALL: [Self; 9] = [
        Self::Tiles,
        Self::Session,
        Self::Regions,
        Self::Ingest,
        Self::Overload,
        Self::Queue,
        Self::Claims,
        Self::Fairness,
        Self::Queries,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tiles => "tiles",
            Self::Session => "session",
            Self::Regions => "regions",
            Self::Ingest => "ingest",
            Self::Overload => "overload",
            Self::Queue => "queue",
            Self::Claims => "claims",
            Self::Fairness => "fairness",
            Self::Queries => "queries",
        }
    }

    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Tiles => {
                "stored tiles, warm, beside nginx with the same bytes as files and iipimage-server"
            }
            Self::Session => "how many of the tiles that a viewer asks for are copied",
            Self::Regions => {
                "regions at any place and scale, and whole images, beside iipimage-server"
            }
            Self::Ingest => "registering beside `vips tiffsave`",
            Self::Overload => "many whole gigapixel images at once, and what tiles take meanwhile",
            Self::Queue => "submitting batches over HTTP, durable before the answer",
            Self::Claims => "claiming an image, by how many wait",
            Self::Fairness => "what a quiet customer waits beside a busy one",
            Self::Queries => "listing the images of a large space over HTTP",
        }
    }
}

/// What is measured, how often and how long.
#[derive(Debug)]
pub(crate) struct Options {
    parts: Vec<Part>,
    /// Tiny images, one round: whether every part works, and nothing about speed.
    pub(crate) smoke: bool,
    pub(crate) rounds: usize,
    /// How long one load lasts.
    pub(crate) seconds: u32,
    /// Where the images are kept for the next run.
    pub(crate) images: Option<PathBuf>,
    /// The program that is measured.
    pub(crate) program: PathBuf,
    /// A PostgreSQL server, where that is measured too.
    pub(crate) postgres: Option<String>,
}

const USAGE: &str = "usage: dlcs-bench [tiles|session|regions|ingest|overload|queue|claims|fairness|queries …] [--smoke] [--rounds N] [--seconds N] [--images DIRECTORY] [--program DLCS] [--postgres URL]";

impl Options {
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            parts: Vec::new(),
            smoke: false,
            rounds: 5,
            seconds: 5,
            images: None,
            program: std::env::current_exe()?.with_file_name("dlcs"),
            postgres: None,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            match argument.as_str() {
                "--smoke" => (options.smoke, options.rounds, options.seconds) = (true, 1, 1),
                "--rounds" => options.rounds = value()?.parse::<usize>()?.max(1),
                "--seconds" => options.seconds = value()?.parse::<u32>()?.max(1),
                "--images" => options.images = Some(value()?.into()),
                "--program" => options.program = value()?.into(),
                "--postgres" => options.postgres = Some(value()?),
                name => {
                    let part = Part::ALL.into_iter().find(|part| part.name() == name);
                    options.parts.push(part.ok_or(USAGE)?);
                }
            }
        }
        if !options.program.is_file() {
            let program = options.program.display();
            return Err(format!(
                "there is no `{program}`: build it first, with `cargo build --release --workspace`"
            )
            .into());
        }
        Ok(options)
    }

    /// Whether anything is measured beside other programs, or loaded by them.
    pub(crate) fn needs_peers(&self) -> bool {
        let alone = [Part::Queue, Part::Claims, Part::Queries];
        self.parts().iter().any(|part| !alone.contains(part))
    }

    /// What is measured: everything where nothing is named.
    pub(crate) fn parts(&self) -> Vec<Part> {
        if self.parts.is_empty() {
            Part::ALL.to_vec()
        } else {
            self.parts.clone()
        }
    }
}
