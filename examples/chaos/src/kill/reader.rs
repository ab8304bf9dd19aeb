//! Viewers: whatever they are shown is whole, and one of the versions that it may be; and an observer of the queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::world::{World, count};
use crate::client::Client;
use crate::found::batch_of;
use crate::ledger::{Name, Version};
use crate::random::Random;
use crate::shown::judge;

/// How long a reader looks at a picture: eight that never rest would leave the workers nothing.
const READING: Duration = Duration::from_millis(10);
/// Batches that one look is at.
const BATCHES: usize = 12;

/// Reads images over and over until the run is stopped.
pub(super) async fn read(world: Arc<World>, client: Client, mut random: Random) {
    let mut seen: BTreeMap<Name, Version> = BTreeMap::new();
    while !world.is_stopped() {
        let name = {
            let ledger = world.ledger();
            let names = ledger.names();
            // The latest are those that something happens to.
            let place = names
                .len()
                .saturating_sub(random.index(names.len().clamp(1, 400)) + 1);
            let place = if random.once_in(2) {
                random.index(names.len().max(1))
            } else {
                place
            };
            names.get(place).cloned()
        };
        let Some(name) = name else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let before = world.expected(&name);
        let Some((status, picture)) = client.read(&name).await else {
            // Between a kill and the next start nobody listens.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let after = world.expected(&name);
        let last = seen.get(&name).copied().unwrap_or(0);
        match judge(before, after, last, status, &picture) {
            Ok(Some(version)) => {
                seen.insert(name, version);
                count(&world.reads);
                tokio::time::sleep(READING).await;
            }
            Ok(None) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(why) => {
                count(&world.half);
                world.accuse(format!("half visible: {name}: {why}"));
            }
        }
    }
}

/// Looks at batches again and again: their numbers hold at every moment, and never go back.
pub(super) async fn observe(world: Arc<World>, client: Client, mut random: Random) {
    let mut open: BTreeMap<String, u64> = BTreeMap::new();
    let mut known = 0;
    while !world.is_stopped() {
        {
            let ledger = world.ledger();
            for path in &ledger.batches()[known..] {
                open.insert(path.clone(), 0);
            }
            known = ledger.batches().len();
        }
        if let Ok(Some(totals)) = client.get("/queue").await {
            let waiting = ["incoming", "priority"]
                .iter()
                .filter_map(|lane| totals[lane].as_u64())
                .sum();
            world.backlog.store(waiting, Ordering::Relaxed);
        }
        for _ in 0..BATCHES.min(open.len()) {
            let place = random.index(open.len());
            let Some((path, seen)) = open
                .iter()
                .nth(place)
                .map(|(path, seen)| (path.clone(), *seen))
            else {
                break;
            };
            match look(&client, &path, seen).await {
                Ok(Some((ended, has_finished, is_clean))) => {
                    count(&world.looks);
                    open.insert(path.clone(), ended);
                    if has_finished {
                        open.remove(&path);
                        if is_clean {
                            world.ledger().finish(&path, Instant::now());
                        }
                    }
                }
                Ok(None) => {}
                Err(why) => {
                    open.remove(&path);
                    world.accuse(why);
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Looks at all open batches in one snapshot, again and again: of each, every image has ended or is still to come.
pub(super) async fn identities(world: Arc<World>, database: tokio_postgres::Client) {
    let sql = "SELECT coalesce(string_agg(id::text, ', '), '') FROM batches AS b
               WHERE finished IS NULL AND count <> completed + errors
                   + (SELECT count(*) FROM batch_images AS i WHERE i.batch = b.id AND i.state = 'pending')";
    while !world.is_stopped() {
        let wrong = database.query_one(sql, &[]).await;
        match wrong.and_then(|row| row.try_get::<_, String>(0)) {
            Ok(wrong) if wrong.is_empty() => count(&world.looks),
            Ok(wrong) => world.accuse(format!("the numbers of batches {wrong} do not add up")),
            Err(error) => world.accuse(format!("the batches cannot be looked at: {error}")),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How many images of a batch have ended, whether it has finished, and whether without errors; `None` without an answer.
async fn look(client: &Client, path: &str, seen: u64) -> Result<Option<(u64, bool, bool)>, String> {
    let Some(batch) = client.get(path).await.map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let found = batch_of(&batch).map_err(|error| error.to_string())?;
    let ended = found.completed + found.errors;
    if ended < seen || ended > found.count || found.has_finished != (ended == found.count) {
        return Err(format!(
            "{path} had {seen} images that had ended, and says {batch}"
        ));
    }
    Ok(Some((ended, found.has_finished, found.errors == 0)))
}
