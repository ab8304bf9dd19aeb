//! Opening what is kept: the data directory, the catalogue, the derivatives.

use std::error::Error;
use std::path::Path;

use dlcs_core::derivative::check;
use dlcs_storage::catalogue::postgres::{PostgresCatalogue, PostgresCatalogueConfig};
use dlcs_storage::catalogue::sqlite::{SqliteCatalogue, SqliteCatalogueConfig};
use dlcs_storage::derivative::object::ObjectDerivatives;
use dlcs_storage::derivative::s3::{S3Derivatives, S3DerivativesConfig};

use crate::config::Config;
use crate::node::Node;
use crate::stop::Stop;

/// The catalogue in the data directory.
pub(crate) const CATALOGUE: &str = "dlcs.sqlite";
/// The directory of derivatives in the data directory.
pub(crate) const DERIVATIVES: &str = "derivatives";
/// The keys of SFTP hosts in the data directory, unless the settings name another file.
pub(crate) const KNOWN_HOSTS: &str = "known_hosts";
/// The sealing key in the data directory, unless the settings bring another one.
pub(crate) const SEALING_KEY: &str = "credentials.key";

/// What to do where the data directory is of no use.
pub(crate) const ELSEWHERE: &str = "name another with --data-dir, or let this user write there";

/// The name of this process, and with it the data directory.
pub(crate) fn node(config: &Config) -> Result<Node, Stop> {
    let data = config.data_dir.display();
    match Node::take(&config.data_dir) {
        Ok(Some(node)) => Ok(node),
        Ok(None) => Err(Stop::Failed(format!(
            "the data directory `{data}` is in use by another process: stop that one, or choose another place"
        ))),
        Err(error) => Err(Stop::because(
            &format!("cannot write in the data directory `{data}`: {ELSEWHERE}"),
            &error,
        )),
    }
}

/// The catalogue in the data directory.
pub(crate) async fn sqlite(config: &Config) -> Result<SqliteCatalogue, Stop> {
    let mut catalogue = SqliteCatalogueConfig::file(config.data_dir.join(CATALOGUE));
    if let Some(key) = &config.sealing_key {
        catalogue = catalogue.with_sealing_key(key.clone());
    }
    if let Some(key) = &config.old_sealing_key {
        catalogue = catalogue.with_old_sealing_key(key.clone());
    }
    SqliteCatalogue::open(catalogue)
        .await
        .map_err(|error| Stop::because("cannot open the catalogue", &error))
}

/// The catalogue that several processes share.
pub(crate) async fn postgres(
    config: &Config,
    mut catalogue: PostgresCatalogueConfig,
) -> Result<PostgresCatalogue, Stop> {
    catalogue = match &config.sealing_key {
        Some(key) => catalogue.with_sealing_key(key.clone()),
        None => catalogue.with_sealing_key_file(config.data_dir.join(SEALING_KEY)),
    };
    if let Some(key) = &config.old_sealing_key {
        catalogue = catalogue.with_old_sealing_key(key.clone());
    }
    PostgresCatalogue::open(catalogue)
        .await
        .map_err(|error| Stop::because("cannot open the catalogue", &error))
}

/// The bucket of `--store-url`, once it has been found to work.
pub(crate) async fn bucket(store: &S3DerivativesConfig) -> Result<S3Derivatives, Stop> {
    let unusable = |error: &dyn Error| Stop::because("cannot use --store-url", error);
    let bucket = S3Derivatives::open(store.clone()).map_err(|error| unusable(&error))?;
    check(&bucket).await.map_err(|error| unusable(&error))?;
    Ok(bucket)
}

/// The derivatives in the data directory.
pub(crate) fn local(files: &Path) -> Result<ObjectDerivatives, Stop> {
    ObjectDerivatives::local(files)
        .map_err(|error| Stop::because("cannot open the derivatives", &error))
}

/// Refuses a data directory that holds no catalogue: whoever looks into one must not make one.
pub(crate) fn require_catalogue(config: &Config) -> Result<(), Stop> {
    let data = config.data_dir.display();
    match config.data_dir.join(CATALOGUE).try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Stop::Failed(format!(
            "there is no catalogue in the data directory `{data}`: name the directory that `dlcs serve` works in"
        ))),
        Err(error) => Err(Stop::because(
            &format!("cannot look into the data directory `{data}`"),
            &error,
        )),
    }
}
