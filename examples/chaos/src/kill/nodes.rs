//! The processes that are killed and stopped: one with everything on SQLite, or a node and two workers on PostgreSQL.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::sync::watch;
use tokio::task::block_in_place;

use crate::Result;
use crate::program::{Launch, Process, Server, Starting};
use crate::random::Random;

/// A process that has been started.
#[derive(Debug)]
enum Up {
    /// Nobody waits for it to be ready: workers find their work by themselves.
    Starting(Starting),
    Ready(Server),
}

impl Up {
    const fn process(&mut self) -> &mut Process {
        match self {
            Self::Starting(starting) => &mut starting.process,
            Self::Ready(server) => &mut server.process,
        }
    }
}

/// A process, and how it is started again.
#[derive(Debug)]
struct Node {
    launch: Launch,
    up: Option<Up>,
    /// When it is to go on, while it is stopped.
    until: Option<Instant>,
}

/// All processes of a run.
#[derive(Debug)]
pub(super) struct Nodes {
    /// The first is the one that clients talk to.
    nodes: Vec<Node>,
    address: watch::Sender<String>,
    lease: Duration,
    pub(super) kills: u64,
    pub(super) stops: u64,
}

impl Nodes {
    /// Starts them all; the first is the one whose address is told.
    pub(super) fn start(
        launches: Vec<Launch>,
        address: watch::Sender<String>,
        lease: Duration,
    ) -> Result<Self> {
        let nodes = launches.into_iter().map(|launch| Node {
            launch,
            up: None,
            until: None,
        });
        let mut nodes = Self {
            nodes: nodes.collect(),
            address,
            lease,
            kills: 0,
            stops: 0,
        };
        for place in 0..nodes.nodes.len() {
            nodes.up(place)?;
        }
        Ok(nodes)
    }

    fn up(&mut self, place: usize) -> Result<()> {
        let node = &mut self.nodes[place];
        node.up = Some(if place == 0 {
            let server = block_in_place(|| node.launch.start())?;
            self.address.send_replace(server.url.clone());
            Up::Ready(server)
        } else {
            Up::Starting(block_in_place(|| node.launch.begin())?)
        });
        Ok(())
    }

    /// Waits for a random moment, then kills a process and starts it again, or stops it for longer than its leases last.
    pub(super) async fn hit(&mut self, random: &mut Random) -> Result<()> {
        tokio::time::sleep(random.moment(0.001, 3.0)).await;
        self.wake(false);
        let workers = self.nodes.len() - 1;
        let victim = if workers == 0 || random.once_in(4) {
            0
        } else {
            1 + random.index(workers)
        };
        if victim > 0 && self.nodes[victim].until.is_none() && random.once_in(2) {
            let more = random.moment(0.1, 2.0);
            let node = &mut self.nodes[victim];
            if let Some(up) = &mut node.up {
                up.process().signal(Signal::STOP);
            }
            node.until = Some(Instant::now() + self.lease + more);
            self.stops += 1;
            return Ok(());
        }
        self.kill(victim)?;
        if random.once_in(6) {
            // Before it is ready, too: what is taken back at a start is not to be lost then.
            let starting = block_in_place(|| self.nodes[victim].launch.begin())?;
            tokio::time::sleep(random.moment(0.001, 0.3)).await;
            drop(starting);
            self.kills += 1;
        }
        self.up(victim)
    }

    fn kill(&mut self, place: usize) -> Result<()> {
        self.nodes[place].until = None;
        if let Some(mut up) = self.nodes[place].up.take() {
            let process = up.process();
            if let Some(status) = process.ended()? {
                let why = self.nodes[place].launch.last_words();
                return Err(format!("dlcs ended by itself with {status}: {why}").into());
            }
            process.signal(Signal::KILL);
            block_in_place(|| process.wait())?;
            self.kills += 1;
        }
        Ok(())
    }

    /// Lets go on who has been stopped long enough, or everybody.
    pub(super) fn wake(&mut self, everybody: bool) {
        let now = Instant::now();
        for node in &mut self.nodes {
            if node.until.is_some_and(|until| everybody || until <= now) {
                if let Some(up) = &mut node.up {
                    up.process().signal(Signal::CONT);
                }
                node.until = None;
            }
        }
    }

    /// Stops them all in peace; returns how the first is started.
    pub(super) fn stop(mut self) -> Result<Launch> {
        self.wake(true);
        // Workers first: the others need nobody.
        for node in self.nodes.iter_mut().rev() {
            let server = match node.up.take() {
                Some(Up::Starting(starting)) => block_in_place(|| starting.ready())?,
                Some(Up::Ready(server)) => server,
                None => continue,
            };
            block_in_place(|| server.stop())?;
        }
        Ok(self.nodes.remove(0).launch)
    }
}
