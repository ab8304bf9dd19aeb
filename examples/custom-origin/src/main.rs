//! Reads `tar://` addresses with an origin of one's own: `custom-origin [directory address]`.

#[cfg(test)]
mod contract;
mod tar;

use std::env;
use std::error::Error;

use dlcs_core::origin::{OriginRegistry, OriginRequest};
use futures_util::StreamExt;
use tokio::io::{AsyncWriteExt, stdout};
use url::Url;

use crate::tar::TarOrigin;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let scans = concat!(env!("CARGO_MANIFEST_DIR"), "/scans");
    let directory = arguments.next().unwrap_or_else(|| scans.to_owned());
    let address = arguments
        .next()
        .unwrap_or_else(|| "tar://volume-1/page%201.pgm".to_owned());

    let origins = OriginRegistry::new().with_origin(TarOrigin(directory.into()));
    let url = Url::parse(&address)?;
    let mut body = origins.open(OriginRequest::new(&url)).await?.into_body();
    while let Some(chunk) = body.next().await {
        stdout().write_all(&chunk?).await?;
    }
    Ok(stdout().flush().await?)
}
