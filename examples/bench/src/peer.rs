//! The peers: nginx with files, and IIPImage behind it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::{Background, pinned};
use crate::{Result, machine, tools};

/// nginx, which serves a folder as files and passes what is below `/iip` on to IIPImage.
#[derive(Debug)]
pub(crate) struct Peers {
    _nginx: Background,
    _iipsrv: Background,
    pub(crate) port: u16,
    /// What is served as files.
    pub(crate) files: PathBuf,
    /// What IIPImage serves.
    pub(crate) pyramids: PathBuf,
}

impl Peers {
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let (files, pyramids) = (folder.join("files"), folder.join("pyramids"));
        let logs = folder.join("nginx");
        for place in [&files, &pyramids, &logs] {
            fs::create_dir_all(place)?;
        }
        let (port, behind) = (machine::free_port()?, machine::free_port()?);
        // As the program does without a configuration, but for one that would limit the sizes asked for here.
        let mut spawn = pinned(program("spawn-fcgi"), machine::SERVER);
        spawn
            .args(["-n", "-a", "127.0.0.1", "-p", &behind.to_string(), "--"])
            .arg(tools::IIPSRV)
            .env("FILESYSTEM_PREFIX", format!("{}/", pyramids.display()))
            .env("JPEG_QUALITY", "85")
            .env("MAX_CVT", "65500")
            .env("VERBOSITY", "0")
            .env("LOGFILE", "/dev/null")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let iipsrv = Background::start(spawn)?;
        machine::wait_for(behind)?;

        let configuration = logs.join("nginx.conf");
        fs::write(&configuration, configure(&logs, &files, port, behind)?)?;
        let mut nginx = pinned(program("nginx"), machine::SERVER);
        nginx.arg("-p").arg(&logs).arg("-c").arg(&configuration);
        nginx.stdout(Stdio::null()).stderr(Stdio::null());
        let nginx = Background::start(nginx)?;
        machine::wait_for(port)?;
        Ok(Self {
            _nginx: nginx,
            _iipsrv: iipsrv,
            port,
            files,
            pyramids,
        })
    }

    /// Makes a pyramid for IIPImage as its documentation says.
    pub(crate) fn add(&self, name: &str, source: &Path) -> Result<()> {
        let target = self.pyramids.join(format!("{name}.tif"));
        crate::process::run(&mut pyramid(source, &target))?;
        Ok(())
    }
}

/// The command that makes a tiled pyramid as ours is one.
pub(crate) fn pyramid(source: &Path, target: &Path) -> Command {
    let mut vips = Command::new("vips");
    vips.arg("tiffsave").arg(source).arg(target);
    vips.args(["--tile", "--pyramid", "--compression", "jpeg", "--Q", "85"]);
    vips.args(["--tile-width", "512", "--tile-height", "512"]);
    vips
}

/// The path at which IIPImage answers a IIIF request for an image.
pub(crate) fn iip_address(name: &str) -> String {
    format!("/iip?IIIF={name}.tif")
}

fn program(name: &str) -> PathBuf {
    tools::find(name).unwrap_or_else(|| name.into())
}

/// One worker, as there is one processor for it; files with `sendfile`, and kept open.
fn configure(logs: &Path, files: &Path, port: u16, behind: u16) -> Result<String> {
    // The folder is for its owner only: where that is root, the worker must stay root.
    let is_root = fs::metadata(logs)?.uid() == 0;
    let user = if is_root { "user root;" } else { "" };
    let (logs, files) = (logs.display(), files.display());
    Ok(format!(
        "{user}
daemon off;
worker_processes 1;
pid {logs}/nginx.pid;
error_log {logs}/error.log crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    open_file_cache max=20000 inactive=60s;
    types {{ image/jpeg jpg; }}
    client_body_temp_path {logs}/body;
    fastcgi_temp_path {logs}/fastcgi;
    proxy_temp_path {logs}/proxy;
    scgi_temp_path {logs}/scgi;
    uwsgi_temp_path {logs}/uwsgi;
    server {{
        listen 127.0.0.1:{port};
        root {files};
        location /iip {{
            fastcgi_pass 127.0.0.1:{behind};
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param HTTP_HOST $http_host;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param SERVER_PROTOCOL $server_protocol;
        }}
    }}
}}
"
    ))
}
