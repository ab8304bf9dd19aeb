//! One conversation with a server: greeting, encryption, login, and where its data comes.

use std::io::{self, ErrorKind};
use std::net::IpAddr;

use dlcs_core::origin::{Credentials, Result};
use tokio::net::TcpStream;

use super::control::{Control, Reply, Waits};
use super::error::{Failure, broken, handshake};
use super::passive;
use super::tls::{Encryption, Wire};
use crate::origin::dial::{Target, dial_again};
use crate::origin::guard::{PortRule, check_address};
use crate::origin::network::AllowedNetworks;

/// Ports that a server may offer until one is found that may be dialled.
const OFFERS: usize = 4;

/// How the connections are encrypted.
pub(super) enum Mode {
    Plain,
    /// From the first byte.
    Implicit(Encryption),
    /// After an agreement (RFC 4217).
    Explicit(Encryption),
}

/// A conversation with a server that has let us in.
pub(super) struct Session {
    control: Control,
    encryption: Option<Encryption>,
    peer: IpAddr,
    allowed: AllowedNetworks,
}

impl Session {
    /// Connects and logs in, with credentials or anonymously.
    pub(super) async fn start(
        target: &Target,
        mode: Mode,
        allowed: &AllowedNetworks,
        credentials: Option<&Credentials>,
        waits: Waits,
    ) -> Result<Self> {
        let Waits {
            connecting,
            deadline,
            ..
        } = waits;
        let stream = deadline
            .wait(connecting, target.dial(allowed, connecting))
            .await??;
        let peer = stream
            .peer_addr()
            .map_err(|error| broken(&error))?
            .ip()
            .to_canonical();
        let mut control = Control::new(Wire::Plain(stream), waits);
        if let Mode::Implicit(encryption) = &mode {
            control = control.encrypt(encryption).await?;
        }
        let mut greeting = control.reply().await?;
        if greeting.code == 120 {
            greeting = control.reply().await?;
        }
        greeting.expect(&[220])?;
        if let Mode::Explicit(encryption) = &mode {
            let agreed = control.command("AUTH", b"TLS").await?;
            if agreed.code != 234 {
                return Err(Failure::NoEncryption.into());
            }
            control = control.encrypt(encryption).await?;
        }
        let encryption = match mode {
            Mode::Plain => None,
            Mode::Implicit(encryption) | Mode::Explicit(encryption) => Some(encryption),
        };
        let mut session = Self {
            control,
            encryption,
            peer,
            allowed: allowed.clone(),
        };
        session.log_in(credentials).await?;
        session.prepare().await?;
        Ok(session)
    }

    async fn log_in(&mut self, credentials: Option<&Credentials>) -> Result<()> {
        let (user, password) = credentials.map_or(("anonymous", "anonymous@"), |credentials| {
            (credentials.user(), credentials.password().expose())
        });
        let asked = self.control.command("USER", user.as_bytes()).await?;
        if asked.expect(&[230, 331, 332])?.code == 230 {
            return Ok(());
        }
        let let_in = self.control.command("PASS", password.as_bytes()).await?;
        let_in.expect(&[230, 202])?;
        Ok(())
    }

    /// Agrees on encrypted data, on bytes as they are, and on names in UTF-8.
    async fn prepare(&mut self) -> Result<()> {
        if self.encryption.is_some() {
            self.control.command("PBSZ", b"0").await?.expect(&[200])?;
            let agreed = self.control.command("PROT", b"P").await?;
            if agreed.code != 200 {
                return Err(Failure::NoEncryption.into());
            }
        }
        self.control.command("TYPE", b"I").await?.expect(&[200])?;
        // Some servers have another code page unless asked; those that know nothing of it take names as they come.
        self.control.command("OPTS", b"UTF8 ON").await?;
        Ok(())
    }

    /// Sends a command, and returns the reply.
    pub(super) async fn command(&mut self, verb: &str, argument: &[u8]) -> Result<Reply> {
        self.control.command(verb, argument).await
    }

    /// Sends a command that data comes after; `None` where the server does not know it.
    pub(super) async fn data(&mut self, verb: &str, argument: &[u8]) -> Result<Option<Wire>> {
        let stream = self.passive().await?;
        let reply = self.control.command(verb, argument).await?;
        if reply.is_unknown() {
            return Ok(None);
        }
        reply.expect(&[125, 150])?;
        let Some(encryption) = &self.encryption else {
            return Ok(Some(Wire::Plain(stream)));
        };
        let Waits {
            connecting,
            deadline,
            ..
        } = self.control.waits();
        let wire = deadline.wait(connecting, encryption.start(stream)).await?;
        Ok(Some(wire.map_err(|error| handshake(&error))?))
    }

    /// Ends the conversation but for the reply that the data is all there.
    pub(super) fn into_control(self) -> Control {
        self.control
    }

    pub(super) const fn control(&mut self) -> &mut Control {
        &mut self.control
    }

    /// Connects to where the server offers its data: a port of the same host, whatever host it names.
    async fn passive(&mut self) -> Result<TcpStream> {
        let Waits {
            connecting,
            deadline,
            ..
        } = self.control.waits();
        for _ in 0..OFFERS {
            let port = self.offer().await?;
            if port < 1024 {
                return Err(Failure::DataPort.into());
            }
            // A server that takes any port will now and then take one that belongs to another service.
            if check_address(self.peer, PortRule::of(port), &self.allowed).is_err() {
                continue;
            }
            let data = dial_again(self.peer, port, &self.allowed, connecting);
            return deadline.wait(connecting, data).await?;
        }
        check_address(self.peer, PortRule::OpenedNetworks, &self.allowed)?;
        Err(broken(&io::Error::from(ErrorKind::AddrNotAvailable)))
    }

    async fn offer(&mut self) -> Result<u16> {
        let reply = self.control.command("EPSV", b"").await?;
        if reply.code == 229 {
            return Ok(passive::extended(&reply.text).ok_or(Failure::NotAReply)?);
        }
        if !reply.is_unknown() {
            reply.expect(&[229])?;
        }
        if self.peer.is_ipv6() {
            return Err(Failure::NoPassive.into());
        }
        let reply = self.control.command("PASV", b"").await?;
        if reply.is_unknown() {
            return Err(Failure::NoPassive.into());
        }
        let reply = reply.expect(&[227])?;
        Ok(passive::plain(&reply.text).ok_or(Failure::NotAReply)?)
    }
}
