//! Registers images inside a Rust program: no server, no network.
//!
//! `cargo run -p embed-registration` keeps everything in memory; with a directory as argument, in SQLite and files there.
#![expect(clippy::print_stdout, reason = "a program that shows what it did")]

use std::path::PathBuf;

use dlcs_core::{CustomerId, Dlcs, DlcsBuilder, Registration};
use dlcs_storage::catalogue::sqlite::{SqliteCatalogue, SqliteCatalogueConfig};
use dlcs_storage::derivative::object::ObjectDerivatives;
use dlcs_storage::pyramid::{PyramidProcessor, PyramidRenderer};

const SHEET: &[u8] = include_bytes!("../sheet.png");

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    register(Dlcs::builder()).await?;
    let directory = std::env::args_os()
        .nth(1)
        .map_or_else(|| std::env::temp_dir().join("dlcs-embed"), PathBuf::from);
    std::fs::create_dir_all(&directory)?;
    let catalogue =
        SqliteCatalogue::open(SqliteCatalogueConfig::file(directory.join("dlcs.sqlite"))).await?;
    let derivatives = ObjectDerivatives::local(&directory.join("derivatives"))?;
    register(
        Dlcs::builder()
            .with_catalogue(catalogue)
            .with_derivatives(derivatives),
    )
    .await
}

async fn register(builder: DlcsBuilder) -> Result<(), Box<dyn std::error::Error>> {
    let pixels = (PyramidProcessor::default(), PyramidRenderer::default());
    let dlcs = builder
        .with_processor(pixels.0)
        .with_renderer(pixels.1)
        .build()?;
    let space = dlcs
        .spaces()
        .create(format!("maps {}", std::process::id()))
        .await?;

    // 1. Now: returns when the image service is live.
    let sheet = Registration::new(&space)
        .with_id("sheet-12".parse()?)
        .with_bytes(SHEET);
    let sheet = dlcs.register(sheet).await?.image;
    println!("{} is {} x {}", sheet.id, sheet.width(), sheet.height());

    // 2. Later: a batch, through the queue.
    tokio::spawn(dlcs.clone().run_workers(std::future::pending()));
    let pages = (1..=3).map(|n| {
        Registration::new(&space)
            .with_bytes(SHEET)
            .with_string1("b1234")
            .with_number1(n)
    });
    let batch = dlcs.submit_batch(pages).await?;
    let report = dlcs.wait(CustomerId::FIRST, batch.id).await?;
    println!(
        "batch {}: {} registered, {} failed",
        batch.id, report.batch.completed, report.batch.errors
    );
    Ok(())
}
