//! Registers images inside a Rust program, without a server and without a network: first in memory, then in SQLite and files.

#![expect(clippy::print_stdout, reason = "a program that shows what it did")]

mod handle;

use std::error::Error;

use dlcs_core::{Dlcs, Registration};

const SHEET: &[u8] = include_bytes!("../sheet.png");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    register(handle::in_memory()?).await?;
    register(handle::in_sqlite(tempfile::tempdir()?.path()).await?).await
}

async fn register(dlcs: Dlcs) -> Result<(), Box<dyn Error>> {
    let space = dlcs.spaces().create("maps").await?;

    // Now: returns when the image service is live.
    let sheet = Registration::new(&space).with_id("sheet-12".parse()?);
    let sheet = dlcs.register(sheet.with_bytes(SHEET)).await?.image;
    println!("{} is {} x {}", sheet.id, sheet.width(), sheet.height());

    // Later: a batch, through the queue.
    let workers = tokio::spawn(dlcs.clone().run_workers(std::future::pending()));
    let page = |n| Registration::new(&space).with_bytes(SHEET).with_number1(n);
    let batch = dlcs.submit_batch((1..=3).map(page)).await?;
    let report = dlcs.wait(space.customer, batch.id).await?;
    let failed = report.failed.len();
    println!(
        "batch {}: {} registered, {failed} failed",
        batch.id, report.batch.completed
    );
    workers.abort();
    Ok(())
}
