//! What the README shows must compile as it stands there.

use std::error::Error;

use dlcs_core::{Dlcs, Registration};
use dlcs_storage::origin::http::{HttpOrigin, HttpOriginConfig};
use dlcs_storage::pyramid::{PyramidProcessor, PyramidRenderer};

#[expect(clippy::print_stdout, reason = "the README shows what it did")]
async fn as_in_the_readme() -> Result<(), Box<dyn Error>> {
    let dlcs = Dlcs::builder()
        .with_origin(HttpOrigin::new(HttpOriginConfig::default()))
        .with_processor(PyramidProcessor::default())
        .with_renderer(PyramidRenderer::default())
        .build()?;
    let space = dlcs.spaces().create("maps").await?;
    let sheet = Registration::new(&space).with_origin("https://example.org/sheet-12.jpg")?;
    let sheet = dlcs.register(sheet).await?.image;
    println!("{} is {} x {}", sheet.id, sheet.width(), sheet.height());
    Ok(())
}

#[test]
fn the_rust_of_the_readme_compiles() {
    // It would fetch from the network: compiling is enough.
    drop(as_in_the_readme());
    let shown = include_str!("../../../../README.md")
        .split_once("```rust\n")
        .and_then(|(_, after)| after.split_once("```"))
        .map(|(block, _)| without_space(block))
        .expect("the README shows some Rust");
    assert!(
        without_space(include_str!("readme.rs")).contains(&shown),
        "the README shows something else"
    );
}

/// Line breaks are a matter of taste.
fn without_space(text: &str) -> String {
    text.split_whitespace().collect()
}
