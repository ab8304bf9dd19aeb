//! The program that is measured, started as its operators do.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::process::{Background, Usage, pinned};
use crate::{Result, http, machine};

const KEY: &str = "bench";
const SECRET: &str = "no-secret-at-all";

/// A running `dlcs serve` with a data directory of its own.
#[derive(Debug)]
pub(crate) struct Server {
    process: Background,
    pub(crate) port: u16,
    data: PathBuf,
}

/// What a registered image is served as.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Served {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) tile: u32,
    /// How many scale factors its tiles have.
    pub(crate) levels: u32,
}

impl Server {
    /// Starts one; `is_pinned`: on the processor of servers; with these variables besides.
    pub(crate) fn start(
        program: &Path,
        data: &Path,
        is_pinned: bool,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        fs::create_dir_all(data)?;
        let port = machine::free_port()?;
        let mut command = if is_pinned {
            pinned(program, machine::SERVER)
        } else {
            std::process::Command::new(program)
        };
        command
            .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
            .arg("--data-dir")
            .arg(data.join("dlcs"))
            .args(["--allow-private", "127.0.0.0/8", "--admin-key", KEY])
            .env("DLCS_ADMIN_SECRET", SECRET)
            // The load asks for the same again and again: what has been rendered once must not answer it.
            .env("DLCS_CACHE_SIZE", "0")
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(File::create(data.join("dlcs.log"))?);
        let server = Self {
            process: Background::start(command)?,
            port,
            data: data.to_owned(),
        };
        machine::wait_for(port)?;
        Ok(server)
    }

    /// Makes a customer with one space, and returns its number.
    pub(crate) fn create_customer(&self, name: &str) -> Result<u64> {
        let customer = self.ask("POST", "/customers", &json!({ "name": name }).to_string())?;
        let id = customer["@id"].as_str().unwrap_or_default();
        let number = id.rsplit('/').next().unwrap_or_default().parse()?;
        let space = json!({ "name": "first" }).to_string();
        self.ask("POST", &format!("/customers/{number}/spaces"), &space)?;
        Ok(number)
    }

    /// Submits a batch of a customer, and returns its path when it is durable.
    pub(crate) fn submit(&self, customer: u64, members: &str) -> Result<String> {
        let queue = format!("/customers/{customer}/queue");
        let batch = self.ask("POST", &queue, members)?;
        let id = batch["@id"].as_str().unwrap_or_default();
        let path = id.find(&queue).ok_or("a batch has no address")?;
        Ok(id[path..].to_owned())
    }

    /// Lists what there is at a path.
    pub(crate) fn list(&self, path: &str) -> Result<Vec<u8>> {
        let key = STANDARD.encode(format!("{KEY}:{SECRET}"));
        let answer = http::ask(self.port, "GET", path, &key, "")?;
        if answer.status == 200 {
            return Ok(answer.body);
        }
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        Err(format!("GET {path}: {}: {text}", answer.status).into())
    }

    /// Registers an image, and returns when it is served.
    pub(crate) fn register(&self, name: &str, origin: &str) -> Result<()> {
        let path = format!("/customers/1/spaces/1/images/{name}");
        let body = json!({ "origin": origin }).to_string();
        self.ask("PUT", &path, &body)?;
        Ok(())
    }

    /// Gets a resource of the API.
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        self.ask("GET", path, "")
    }

    /// Asks the API for something that goes well.
    fn ask(&self, method: &str, path: &str, body: &str) -> Result<Value> {
        let key = STANDARD.encode(format!("{KEY}:{SECRET}"));
        let answer = http::ask(self.port, method, path, &key, body)?;
        if matches!(answer.status, 200 | 201) {
            return Ok(serde_json::from_slice(&answer.body)?);
        }
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        Err(format!("{method} {path}: {}: {text}", answer.status).into())
    }

    /// What an image is served as, by its own information.
    pub(crate) fn served(&self, name: &str) -> Result<Served> {
        let body = http::get(self.port, &format!("{}/info.json", address(name)))?;
        let info: Value = serde_json::from_slice(&body)?;
        let number = |value: &Value| -> Result<u32> {
            let number = value.as_u64().ok_or("info.json lacks a number")?;
            Ok(u32::try_from(number)?)
        };
        let tiles = &info["tiles"][0];
        let factors = tiles["scaleFactors"].as_array();
        Ok(Served {
            width: number(&info["width"])?,
            height: number(&info["height"])?,
            tile: number(&tiles["width"])?,
            levels: u32::try_from(factors.map_or(0, Vec::len))?,
        })
    }

    pub(crate) fn usage(&self) -> Result<Usage> {
        self.process.usage()
    }

    /// How many bytes the derivatives take.
    pub(crate) fn derivative_bytes(&self) -> Result<u64> {
        let sizes = self.derivatives()?.into_iter();
        sizes.map(|path| Ok(fs::metadata(path)?.len())).sum()
    }

    /// The derivative of the only image.
    pub(crate) fn derivative(&self) -> Result<Vec<u8>> {
        match &self.derivatives()?[..] {
            [only] => Ok(fs::read(only)?),
            more => Err(format!("{} derivatives where one was to be", more.len()).into()),
        }
    }

    fn derivatives(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        add_files(&self.data.join("dlcs/derivatives/images"), &mut files)?;
        Ok(files)
    }
}

fn add_files(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            add_files(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// The path of an image's service.
pub(crate) fn address(name: &str) -> String {
    format!("/iiif-img/1/1/{name}")
}
