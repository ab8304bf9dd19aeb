//! What is measured, one part in each file.

pub(crate) mod claims;
pub(crate) mod fairness;
pub(crate) mod ingest;
pub(crate) mod overload;
pub(crate) mod queries;
pub(crate) mod queue;
pub(crate) mod regions;
pub(crate) mod session;
pub(crate) mod tiles;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Result;
use crate::database::Database;
use crate::images::{Images, Sizes};
use crate::options::Options;
use crate::peer::Peers;
use crate::server::{Served, Server, address};

/// What every part needs.
#[derive(Debug)]
pub(crate) struct Bench {
    // The peers end before their folder goes.
    peers: Option<Peers>,
    pub(crate) options: Options,
    pub(crate) images: Images,
    folder: TempDir,
}

impl Bench {
    pub(crate) fn prepare(options: Options) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("dlcs-bench-").tempdir()?;
        let kept = options.images.clone();
        let images = kept.unwrap_or_else(|| folder.path().join("images"));
        fs::create_dir_all(&images)?;
        let sizes = if options.smoke {
            Sizes::SMOKE
        } else {
            Sizes::REAL
        };
        let peers = options.needs_peers().then(|| Peers::start(folder.path()));
        Ok(Self {
            peers: peers.transpose()?,
            options,
            images: Images::new(fs::canonicalize(images)?, sizes),
            folder,
        })
    }

    /// The other programs.
    pub(crate) fn peers(&self) -> Result<&Peers> {
        Ok(self
            .peers
            .as_ref()
            .ok_or("no part was to need other programs")?)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the program with an empty data directory of its own.
    pub(crate) fn server(&self, name: &str, is_pinned: bool) -> Result<Server> {
        let data = self.folder().join(name);
        if data.try_exists()? {
            fs::remove_dir_all(&data)?;
        }
        Server::start(&self.options.program, &data, is_pinned, &[])
    }

    /// Starts the program on the processor of servers, with its caches as they are by default.
    pub(crate) fn caching_server(&self, name: &str) -> Result<Server> {
        let (data, settings) = (self.folder().join(name), [("DLCS_CACHE_SIZE", "128MiB")]);
        Server::start(&self.options.program, &data, true, &settings)
    }

    /// Starts the program with a data directory of its own and nobody who works, over a database where one is given.
    pub(crate) fn idle_server(&self, name: &str, database: Option<&str>) -> Result<Server> {
        let mut settings = vec![("DLCS_WORKERS", "0")];
        settings.extend(database.map(|url| ("DLCS_DATABASE_URL", url)));
        Server::start(
            &self.options.program,
            &self.folder().join(name),
            false,
            &settings,
        )
    }

    /// Starts the program with an empty data directory, over a database.
    pub(crate) fn server_over(&self, name: &str, database: &str) -> Result<Server> {
        let data = self.folder().join(name);
        let settings = [("DLCS_DATABASE_URL", database)];
        Server::start(&self.options.program, &data, false, &settings)
    }

    /// An empty database in the PostgreSQL server that was named, if one was.
    pub(crate) fn database(&self, purpose: &str) -> Result<Option<Database>> {
        let server = self.options.postgres.as_deref();
        server
            .map(|server| Database::create(server, purpose))
            .transpose()
    }

    /// Starts the program again over the data of one that has ended.
    pub(crate) fn restart(&self, name: &str) -> Result<Server> {
        Server::start(&self.options.program, &self.folder().join(name), false, &[])
    }

    /// The address at which nginx gives a source to who registers it.
    pub(crate) fn origin(&self, source: &Path) -> Result<String> {
        let name = source.file_name().ok_or("a source without a name")?;
        let place: PathBuf = self.peers()?.files.join(name);
        if !place.try_exists()? {
            std::os::unix::fs::symlink(source, &place)?;
        }
        let name = name.to_string_lossy();
        Ok(format!("http://127.0.0.1:{}/{name}", self.peers()?.port))
    }
}

/// The parameters of every tile that a viewer asks for by the information, level by level.
pub(crate) fn tiles(served: Served) -> Vec<[u32; 6]> {
    let mut tiles = Vec::new();
    for factor in (0..served.levels).map(|exponent| 1 << exponent) {
        let side = served.tile * factor;
        for y in (0..served.height).step_by(side as usize) {
            for x in (0..served.width).step_by(side as usize) {
                let (w, h) = (side.min(served.width - x), side.min(served.height - y));
                tiles.push([x, y, w, h, w.div_ceil(factor), h.div_ceil(factor)]);
            }
        }
    }
    tiles
}

/// The last four segments of a request for a tile.
pub(crate) fn parameters([x, y, w, h, width, height]: [u32; 6]) -> String {
    format!("{x},{y},{w},{h}/{width},{height}/0/default.jpg")
}

/// Paths of requests for an image of ours.
pub(crate) fn paths(name: &str, parameters: &[String]) -> Vec<String> {
    let base = address(name);
    parameters
        .iter()
        .map(|parameters| format!("{base}/{parameters}"))
        .collect()
}
