//! Two ways to put a handle together: in memory, and in SQLite and files.

use std::error::Error;
use std::path::Path;

use dlcs_core::{Dlcs, DlcsBuilder};
use dlcs_storage::catalogue::{SqliteCatalogue, SqliteCatalogueConfig};
use dlcs_storage::derivative::object::ObjectDerivatives;
use dlcs_storage::pyramid::{PyramidProcessor, PyramidRenderer};

/// A handle that forgets everything in the end.
pub(crate) fn in_memory() -> Result<Dlcs, Box<dyn Error>> {
    Ok(pixels().build()?)
}

/// A handle that keeps everything in a directory.
pub(crate) async fn in_sqlite(data: &Path) -> Result<Dlcs, Box<dyn Error>> {
    let database = SqliteCatalogueConfig::file(data.join("dlcs.sqlite"));
    Ok(pixels()
        .with_catalogue(SqliteCatalogue::open(database).await?)
        .with_derivatives(ObjectDerivatives::local(&data.join("derivatives"))?)
        .build()?)
}

fn pixels() -> DlcsBuilder {
    Dlcs::builder()
        .with_processor(PyramidProcessor::default())
        .with_renderer(PyramidRenderer::default())
}
