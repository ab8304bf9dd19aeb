//! IIPImage, an image server of other people, serves derivatives as its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dlcs_testkit::program;
use tempfile::TempDir;

use super::interop::{derivatives, made};
use super::support::Raster;

/// Where Debian puts it.
const SERVER: &str = "/usr/lib/iipimage-server/iipsrv.fcgi";

/// The server, which ends with the test, and a client that asks it.
struct IipImage {
    server: Child,
    client: PathBuf,
    directory: TempDir,
}

impl IipImage {
    /// `None` where something is missing, which is said.
    async fn start(test: &str) -> Option<Self> {
        let [client] = program::find(test, ["cgi-fcgi"])?;
        if !Path::new(SERVER).is_file() {
            program::skip(test, "iipimage-server");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        let server = Command::new(SERVER)
            .args(["--bind", socket.to_str().unwrap()])
            .env(
                "FILESYSTEM_PREFIX",
                format!("{}/", directory.path().display()),
            )
            .env("LOGFILE", directory.path().join("log"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Self {
            server,
            client,
            directory,
        };
        wait_for(&socket).await;
        Some(started)
    }

    /// The body of an answer, which may be no success.
    fn ask(&self, query: &str) -> Vec<u8> {
        let socket = self.directory.path().join("socket");
        let output = Command::new(&self.client)
            .args(["-bind", "-connect", socket.to_str().unwrap()])
            .env("REQUEST_METHOD", "GET")
            .env("REQUEST_URI", format!("/{query}"))
            .env("QUERY_STRING", query)
            .output()
            .unwrap();
        // Headers end with an empty line, however lines end.
        let text = &output.stdout;
        let ends = [&b"\r\n\r\n"[..], b"\n\n"].map(|end| {
            let start = text.windows(end.len()).position(|bytes| bytes == end);
            start.map(|start| start + end.len())
        });
        let start = ends.into_iter().flatten().min();
        let start = start.unwrap_or_else(|| panic!("{query}: {}", String::from_utf8_lossy(text)));
        text[start..].to_vec()
    }

    fn text(&self, query: &str) -> String {
        String::from_utf8(self.ask(query)).unwrap()
    }
}

impl Drop for IipImage {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Waits until a server has made its socket.
async fn wait_for(socket: &Path) {
    let there = async {
        while !socket.try_exists().unwrap() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), there)
        .await
        .expect("the server starts");
}

#[tokio::test]
async fn iipimage_serves_every_level_of_a_derivative() {
    let test = "iipimage_serves_every_level_of_a_derivative";
    let Some(server) = IipImage::start(test).await else {
        return;
    };
    // Both kinds of TIFF.
    let cases = derivatives().into_iter().enumerate();
    let cases = cases.flat_map(|(number, case)| [(number, case, u32::MAX), (number, case, 0)]);
    for (number, case @ (width, height, ..), longest) in cases {
        let ready = made(case, longest).await;
        // It remembers files by their names.
        let name = format!("{number}-{longest}.tif");
        std::fs::write(server.directory.path().join(&name), &ready.bytes).unwrap();
        let info = server.text(&format!("IIIF={name}/info.json"));
        for said in [
            format!("\"width\" : {width}"),
            format!("\"height\" : {height}"),
        ] {
            assert!(info.contains(&said), "{info}");
        }
        let pyramid = ready.service.derivative.pyramid;
        let levels: Vec<_> = pyramid.levels().collect();
        let said = server.text(&format!("FIF={name}&OBJ=Max-size&OBJ=Resolution-number"));
        for expected in [
            format!("Max-size:{width} {height}"),
            format!("Resolution-number:{}", levels.len()),
        ] {
            assert!(said.contains(&expected), "{case:?}: {said}");
        }
        let side = pyramid.tile.get();
        for (level, resolution) in levels.iter().rev().zip(0..) {
            // It shows no opacity.
            let whole = without_alpha(ready.level(*level).await);
            for tile in 0..level.columns * level.rows {
                let query = format!("FIF={name}&QLT=100&JTL={resolution},{tile}");
                let theirs = Raster::from_jpeg(&server.ask(&query));
                let (x, y) = (tile % level.columns * side, tile / level.columns * side);
                let (w, h) = (side.min(whole.width - x), side.min(whole.height - y));
                let found = theirs.psnr(&whole.crop(x, y, w, h));
                assert!(found > 36.0, "{case:?}: {query}: {found:.1} dB");
            }
        }
    }
}

fn without_alpha(raster: Raster) -> Raster {
    if raster.channels != 4 {
        return raster;
    }
    let pixels = raster.data.as_chunks::<4>().0.iter();
    Raster {
        channels: 3,
        data: pixels.flat_map(|[colours @ .., _]| *colours).collect(),
        ..raster
    }
}
