//! Kills processes at random moments of running requests, starts them again on the same data, and holds what is left against the ledger.

mod figures;
mod nodes;
mod reader;
mod world;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dlcs_testkit::server::HttpServer;
use reqwest::Method;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::figures::Figures;
use self::nodes::Nodes;
use self::world::World;
use self::writer::Writer;
use crate::client::{Answer, Client};
use crate::database::Database;
use crate::ledger::{Violation, check};
use crate::options::{Backend, KillOptions};
use crate::program::Launch;
use crate::random::Random;
use crate::{Result, bucket, found, fsck, picture, say};

const READERS: usize = 8;
const WRITERS: u32 = 4;
/// The customers: of the second, every image is registered once.
const CUSTOMERS: [u32; 2] = [1, 2];
/// Violations that are printed with their words.
const SHOWN: usize = 20;
/// As many versions of an image as a run can make.
const VERSIONS: u32 = 5000;
/// How long it may take until the queue is empty.
const DRAIN: Duration = Duration::from_secs(300);
/// How long a node may serve what it has in memory, where another process has changed it.
const GRACE: Duration = Duration::from_secs(2);

/// Runs, prints one line of figures, and returns whether nothing was wrong.
pub(crate) async fn run(options: &KillOptions, program: &Path, folder: &Path) -> Result<bool> {
    let begun = Instant::now();
    let mut random = Random::new(options.seed);
    let origin = origin().await?;
    let (address, base) = watch::channel(String::new());
    let client = Client::new(base, origin.url("/").to_string())?;
    let lease = Duration::from_secs(options.lease);
    let database = match options.database {
        Backend::Sqlite => None,
        Backend::Postgres => Some(Database::create(options.seed).await?),
    };
    let launches = launches(options, program, folder, database.as_ref()).await?;
    let mut nodes = Nodes::start(launches, address, lease)?;
    second_customer(&client).await?;

    let grace = if database.is_some() {
        GRACE
    } else {
        Duration::ZERO
    };
    let world = Arc::new(World::new(grace));
    let mut tasks = tasks(&world, &client, &mut random);
    if let Some(database) = &database {
        let identities = reader::identities(Arc::clone(&world), database.connect().await?);
        tasks.push(tokio::spawn(identities));
    }
    let mut violations = Vec::new();
    let mut next_check = options.check_every;
    while nodes.kills < options.rounds && violations.is_empty() && world.violations().is_empty() {
        if let Err(error) = nodes.hit(&mut random).await {
            world.accuse(error.to_string());
            break;
        }
        if nodes.kills >= next_check && nodes.kills < options.rounds {
            next_check += options.check_every;
            nodes.wake(true);
            let _still = world.changes.write().await;
            violations = look(&world, &client, database.as_ref(), &mut random).await?;
            say(&format!(
                "after {} kills: {} violations, {:?}",
                nodes.kills,
                violations.len(),
                begun.elapsed()
            ));
        }
    }
    nodes.wake(true);
    let killed = begun.elapsed();
    {
        let _still = world.changes.write().await;
        if violations.is_empty() {
            violations = look(&world, &client, database.as_ref(), &mut random).await?;
        }
        world.stop();
    }
    for task in tasks {
        task.await?;
    }
    let (kills, stops) = (nodes.kills, nodes.stops);
    let launch = nodes.stop()?;
    let checked = fsck::run(&launch);
    if let Err(error) = &checked {
        world.accuse(error.to_string());
    }

    let figures = Figures {
        database: options.database,
        kills,
        stops,
        killing: killed,
        all: begun.elapsed(),
        fsck: match &checked {
            Ok(()) => "clean",
            Err(_) => "dirty",
        },
    };
    say(&figures.show(&world, &violations));
    let said = violations.iter().map(ToString::to_string);
    let said: Vec<_> = said.chain(world.violations()).collect();
    for violation in said.iter().take(SHOWN) {
        say(violation);
    }
    if said.len() > SHOWN {
        say(&format!("and {} more", said.len() - SHOWN));
    }
    if said.is_empty()
        && let Some(database) = database
    {
        database.drop().await?;
    }
    Ok(said.is_empty())
}

/// Where images come from: a picture for each version.
async fn origin() -> Result<HttpServer> {
    let origin = HttpServer::start().await;
    let pictures = (0..picture::PICTURES).map(picture::encode);
    let pictures: Vec<bytes::Bytes> = pictures
        .map(|file| file.map(Into::into))
        .collect::<Result<_>>()?;
    for version in 1..=VERSIONS {
        let file = &pictures[(version % picture::PICTURES) as usize];
        origin.serve(&format!("/{version}.jpg"), file.clone());
    }
    Ok(origin)
}

async fn launches(
    options: &KillOptions,
    program: &Path,
    folder: &Path,
    database: Option<&Database>,
) -> Result<Vec<Launch>> {
    let common = [
        "--allow-private",
        "127.0.0.0/8",
        "--per-host",
        "8",
        "--log",
        "warn",
    ];
    let lease = options.lease.to_string();
    let launch = |node: &str| {
        let log = folder.join(format!("{node}.log"));
        let launch = Launch::new(program, &folder.join(node), &log);
        launch.with(common).with(["--lease", &lease])
    };
    let Some(database) = database else {
        return Ok(vec![launch("data")]);
    };
    let store = bucket::serve(&folder.join("bucket")).await?;
    let sealing_key = "7".repeat(64);
    let node = |name: &str, roles: &str| {
        let mut launch = launch(name).with(["--roles", roles]).with([
            "--database-url",
            &database.url(),
            "--store-url",
            &store,
            "--sealing-key",
            &sealing_key,
        ]);
        launch.variables = bucket::VARIABLES.to_vec();
        launch
    };
    Ok(vec![
        node("api", "api,delivery"),
        node("worker-1", "worker"),
        node("worker-2", "worker"),
    ])
}

async fn second_customer(client: &Client) -> Result<()> {
    let posts = [
        (
            "/customers",
            json!({ "name": "counted", "displayName": "Counted" }),
        ),
        ("/customers/2/spaces", json!({ "name": "default" })),
    ];
    for (path, body) in posts {
        match client.ask(Method::POST, path, Some(body.to_string())).await {
            Answer::Whole(answer) if answer.status.is_success() => {}
            Answer::Whole(answer) => return Err(format!("{path}: {}", answer.text()).into()),
            Answer::Unsent | Answer::Broken => return Err(format!("{path} is not answered").into()),
        }
    }
    Ok(())
}

fn tasks(world: &Arc<World>, client: &Client, random: &mut Random) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    for number in 0..WRITERS {
        let only_once = number % 2 == 1;
        let writer = Writer {
            world: Arc::clone(world),
            client: client.clone(),
            customer: CUSTOMERS[usize::from(only_once)],
            number,
            only_once,
            random: random.fork(),
            made: 0,
        };
        tasks.push(tokio::spawn(writer.run()));
    }
    for _ in 0..READERS {
        tasks.push(tokio::spawn(reader::read(
            Arc::clone(world),
            client.clone(),
            random.fork(),
        )));
    }
    tasks.push(tokio::spawn(reader::observe(
        Arc::clone(world),
        client.clone(),
        random.fork(),
    )));
    tasks
}

/// Waits until everything has been processed and checks, while nobody asks for more.
async fn look(
    world: &World,
    client: &Client,
    database: Option<&Database>,
    random: &mut Random,
) -> Result<Vec<Violation>> {
    if let Err(error) = found::drain(client, &CUSTOMERS, DRAIN).await {
        return Ok(vec![Violation::Unfinished(error.to_string())]);
    }
    let mut found = found::collect(client, &CUSTOMERS, random).await?;
    if let Some(database) = database {
        let sql = "SELECT coalesce(sum(succeeded + failed), 0)::bigint FROM queue_shares WHERE customer = 2";
        let exactly = database.number(sql).await?;
        found.effects.push((Some(2), u64::try_from(exactly)?));
    }
    let violations = check(&world.ledger(), &found);
    Ok(violations)
}
