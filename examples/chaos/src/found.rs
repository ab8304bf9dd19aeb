//! What is left when the queue is empty, as the API tells it.

use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use reqwest::StatusCode;
use serde_json::Value;

use crate::Result;
use crate::client::{Client, path_of, version_of};
use crate::ledger::{Final, FoundBatch, FoundImage, Name};
use crate::picture::PICTURES;
use crate::random::Random;

/// What an image says that was given up because processes died over it: here that is the killer's doing.
const CONDEMNED: &str = "the server died each time";
/// Images of a page.
const PAGE: u64 = 500;
/// Pictures that are looked at, of images that were registered once.
const SAMPLE: u32 = 300;
/// How long a picture is asked for that is not the right one.
const LOOK: Duration = Duration::from_secs(3);

/// Waits until nothing waits and nothing is processed.
///
/// # Errors
/// It takes longer than the limit.
pub(crate) async fn drain(client: &Client, customers: &[u32], limit: Duration) -> Result<()> {
    let end = Instant::now() + limit;
    loop {
        let mut left = Vec::new();
        for customer in customers {
            let queue = format!("/customers/{customer}/queue");
            for (path, number) in [
                (queue.clone(), "size"),
                (format!("{queue}/active"), "totalItems"),
            ] {
                match client.get(&path).await? {
                    Some(found) if found[number] == 0 => {}
                    Some(found) => left.push(format!("{path}: {}", found[number])),
                    None => left.push(format!("{path} is not answered")),
                }
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(format!(
                "the queue is not empty after {limit:?}: {}",
                left.join(", ")
            )
            .into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Lists everything, and looks at pictures: all of the images that were registered more than once, and some of the others.
pub(crate) async fn collect(
    client: &Client,
    customers: &[u32],
    random: &mut Random,
) -> Result<Final> {
    let mut found = Final::default();
    for customer in customers {
        let images = format!("/customers/{customer}/spaces/1/images");
        for image in pages(client, &images).await? {
            let (name, image) = image_of(*customer, &image)?;
            found.images.push((name, image));
        }
        let space = now(client, &format!("/customers/{customer}/spaces/1")).await?;
        let listed = found
            .images
            .iter()
            .filter(|(name, _)| name.customer == *customer)
            .count();
        if space["approximateNumberOfImages"] != listed {
            return Err(format!(
                "the space lists {listed} images, and says {}",
                space["approximateNumberOfImages"]
            )
            .into());
        }
        for batch in pages(client, &format!("/customers/{customer}/queue/batches")).await? {
            let path = path_of(&batch).ok_or("a batch without an address")?;
            found.batches.insert(path, batch_of(&batch)?);
        }
    }
    let totals = now(client, "/queue").await?;
    let (succeeded, failed) = (number(&totals, "success")?, number(&totals, "failed")?);
    found.effects.push((None, succeeded + failed));
    look(client, &mut found, random).await;
    Ok(found)
}

async fn look(client: &Client, found: &mut Final, random: &mut Random) {
    let once = found.images.len();
    let chosen: Vec<_> = found
        .images
        .iter_mut()
        .filter(|(_, image)| {
            image.version > 1
                || once < SAMPLE as usize
                || random.below(u32::try_from(once).unwrap_or(u32::MAX)) < SAMPLE
        })
        .collect();
    stream::iter(chosen)
        .for_each_concurrent(8, |(name, image)| async move {
            // A node of a cluster may know for half a second what was so before, and one that is busy may ask to come back.
            let end = Instant::now() + LOOK;
            loop {
                let picture = match client.read(name).await {
                    Some((StatusCode::OK, Ok(picture))) => Some(picture),
                    _ => None,
                };
                // The version of that picture which is asked for, or else another one.
                let same = picture.is_some_and(|picture| picture == image.version % PICTURES);
                image.served = Some(if same { Some(image.version) } else { picture });
                if same || Instant::now() > end {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
}

async fn now(client: &Client, path: &str) -> Result<Value> {
    let found = client.get(path).await?;
    found.ok_or_else(|| format!("{path} is not answered").into())
}

async fn pages(client: &Client, path: &str) -> Result<Vec<Value>> {
    let mut members = Vec::new();
    for page in 1.. {
        let found = now(client, &format!("{path}?pageSize={PAGE}&page={page}")).await?;
        let listed = found["member"]
            .as_array()
            .ok_or("a collection without members")?;
        members.extend(listed.iter().cloned());
        let total = number(&found, "totalItems")?;
        if page * PAGE >= total {
            if members.len() as u64 != total {
                return Err(
                    format!("{path} lists {} members, and says {total}", members.len()).into(),
                );
            }
            break;
        }
    }
    Ok(members)
}

fn image_of(customer: u32, image: &Value) -> Result<(Name, FoundImage)> {
    let text = |name: &str| image[name].as_str().map(ToOwned::to_owned);
    let id = text("id").ok_or("an image without an id")?;
    let origin = text("origin").unwrap_or_default();
    // Of bytes that were sent, the client has written it beside them.
    let version = if origin.starts_with("dlcs-upload:") {
        text("string1").and_then(|version| version.parse().ok())
    } else {
        version_of(&origin)
    };
    let error = text("error").unwrap_or_default();
    let found = FoundImage {
        version: version.ok_or_else(|| format!("{id} has an origin that nobody gave it"))?,
        is_ingesting: image["ingesting"] == true,
        is_condemned: error.contains(CONDEMNED),
        error,
        served: None,
    };
    Ok((Name { customer, id }, found))
}

/// The numbers of a batch.
pub(crate) fn batch_of(batch: &Value) -> Result<FoundBatch> {
    Ok(FoundBatch {
        count: number(batch, "count")?,
        completed: number(batch, "completed")?,
        errors: number(batch, "errors")?,
        has_finished: batch.get("finished").is_some(),
    })
}

fn number(resource: &Value, name: &str) -> Result<u64> {
    let number = resource[name].as_u64();
    number.ok_or_else(|| format!("`{name}` is no number in {resource}").into())
}
