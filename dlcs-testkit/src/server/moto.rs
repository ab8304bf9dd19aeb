//! moto, which others wrote to test programs that use AWS.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;
use url::Url;

use crate::program;

/// How often it is looked whether moto listens, ten times a second.
const LOOKS: u32 = 600;

/// moto on a free port of the loopback interface, until it is dropped. It takes any credentials.
#[derive(Debug)]
pub struct Moto {
    child: Child,
    address: SocketAddr,
}

impl Moto {
    /// Starts moto, and waits until it listens; `None` when the test has to be skipped, which is said.
    ///
    /// # Panics
    /// When moto is required and not there, or does not start.
    pub async fn start(test: &str) -> Option<Self> {
        let [moto] = program::find(test, ["moto_server"])?;
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
        let address = free.expect("the loopback interface has a free port");
        let child = Command::new(moto)
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto can be started");
        let moto = Self { child, address };
        for _ in 0..LOOKS {
            if TcpStream::connect(address).await.is_ok() {
                return Some(moto);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("moto does not start");
    }

    /// The address of a path: `BUCKET` or `BUCKET/KEY`.
    ///
    /// # Panics
    /// When it is not a path.
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        let root = Url::parse(&format!("http://{}/", self.address));
        let url = root.and_then(|root| root.join(path));
        url.expect("a test gives a path that belongs in an address")
    }

    /// Ends it, as a service that is gone.
    pub fn stop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What has to be the header `authorization` of requests that are made by hand.
    pub const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x";
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.stop();
    }
}
