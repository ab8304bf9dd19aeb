//! Wiring: the backends, the facade, the listener, the workers, and their common end.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use dlcs_core::Dlcs;
use dlcs_core::batch::Batch;
use dlcs_core::catalogue::CatalogueError;
use dlcs_core::dlcs::Settings;
use dlcs_core::iiif::{Format, FormatSet, Limits};
use dlcs_core::queue::QueueError;
use dlcs_http::DlcsService;
use dlcs_storage::notifier::webhook::{WebhookNotifier, WebhookNotifierConfig};
use dlcs_storage::origin::file::FileOrigin;
use dlcs_storage::origin::ftp::{FtpOrigin, FtpOriginConfig};
use dlcs_storage::origin::http::{HttpOrigin, HttpOriginConfig};
use dlcs_storage::origin::s3::{AmbientS3, S3Origin, S3OriginConfig};
use dlcs_storage::origin::sftp::{SftpOrigin, SftpOriginConfig};
use dlcs_storage::pyramid::{
    PyramidProcessor, PyramidProcessorConfig, PyramidRenderer, PyramidRendererConfig,
};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::banner::{self, Started};
use crate::config::{Config, Webhooks};
use crate::node::Node;
use crate::signal::StopSignals;
use crate::stop::Stop;
use crate::storage::{DERIVATIVES, ELSEWHERE, KNOWN_HOSTS, bucket, local, node, postgres, sqlite};

/// How long a start waits for what another process holds: longer than a database lets it hold that and do nothing.
const PATIENCE: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_secs(1);
/// How long the last thing that a stop does may take.
const LAST: Duration = Duration::from_secs(2);

/// Serves until a signal stops the program and everything is drained; a second signal cuts that short.
///
/// # Errors
/// What keeps the program from starting.
pub(crate) async fn run(config: Config, begun: Instant) -> Result<(), Stop> {
    // First of all: a start that fails here must leave nothing behind.
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| Stop::because(&format!("cannot listen on {}", config.listen), &error))?;
    let address = listener
        .local_addr()
        .map_err(|error| Stop::because("cannot tell where it listens", &error))?;
    let mut signals = StopSignals::listen()
        .map_err(|error| Stop::because("cannot listen for signals", &error))?;
    let (dlcs, _node) = open(&config).await?;
    let first_key = async || dlcs.bootstrap(config.first_key.clone()).await;
    let bootstrap = patiently("cannot make the first key", first_key).await?;
    let started = Started {
        address,
        bootstrap: &bootstrap,
        took: begun.elapsed(),
    };
    // The server is of use without anybody reading its standard output.
    if let Err(error) = banner::write(&mut std::io::stdout().lock(), &config, &started) {
        tracing::warn!(%error, "the banner could not be written");
    }
    tracing::info!(%address, "listening");

    let (stop, stopped) = watch::channel(());
    let halt = |mut stopped: watch::Receiver<()>| async move {
        // The sender is gone only when the program is.
        let _ = stopped.changed().await;
    };
    let drain = dlcs.settings().drain;
    let (works, worker) = (config.roles.worker, dlcs.clone());
    let halted = halt(stopped.clone());
    let workers = tokio::spawn(async move {
        if works {
            worker.run_workers(halted).await;
        } else {
            halted.await;
        }
    });
    let service = service(dlcs.clone(), &config);
    let server = tokio::spawn(dlcs_http::serve(listener, service, halt(stopped), drain));
    let both = async { tokio::try_join!(workers, server) };
    let ended = until_stopped(both, &mut signals, stop).await;
    give_back(&dlcs).await;
    ended
}

/// Waits for a signal, and then for the end of everything, or for another signal.
async fn until_stopped(
    both: impl Future<Output = Result<((), ()), tokio::task::JoinError>>,
    signals: &mut StopSignals,
    stop: watch::Sender<()>,
) -> Result<(), Stop> {
    let mut both = std::pin::pin!(both);
    tokio::select! {
        ended = &mut both => return Err(broken(ended.err())),
        () = signals.next() => {}
    }
    tracing::info!(
        "stopping: requests and images in work are finished, the rest stays in the queue"
    );
    // Receivers live in the tasks.
    let _ = stop.send(());
    tokio::select! {
        ended = &mut both => match ended {
            Ok(_) => tracing::info!("stopped"),
            Err(error) => return Err(broken(Some(error))),
        },
        () = signals.next() => tracing::warn!("stopped at once: what was in work is taken up by the next start"),
    }
    Ok(())
}

/// Gives back what nobody here brings to its end any more: registrations that take longer than the drain, whether or not their clients wait.
async fn give_back(dlcs: &Dlcs) {
    match tokio::time::timeout(LAST, dlcs.release_all()).await {
        Ok(Ok(0)) => {}
        Ok(Ok(images)) => tracing::info!(images, "gave back what was still in work"),
        Ok(Err(error)) => {
            let error = &error as &dyn Error;
            tracing::warn!(error, "what was still in work waits until its leases end");
        }
        Err(_) => tracing::warn!("what was still in work waits until its leases end"),
    }
}

/// A part ended that must not end.
fn broken(error: Option<tokio::task::JoinError>) -> Stop {
    match error {
        Some(error) => Stop::because("a part of the server broke", &error),
        None => Stop::Failed("the server ended by itself".to_owned()),
    }
}

fn service(dlcs: Dlcs, config: &Config) -> DlcsService {
    let mut service = DlcsService::builder(dlcs)
        .with_body_limit(config.max_body_size)
        .with_upload_limit(config.max_upload_size)
        .with_trusted_proxies(config.proxies.clone())
        .with_connections_per_address(config.connections_per_address)
        .with_answer_cache(answer_cache(config));
    if let Some(url) = &config.public_url {
        service = service.with_public_url(url);
    }
    if let Some(url) = &config.delivery_url {
        service = service.with_delivery_url(url);
    }
    if !config.roles.api {
        service = service.without_api();
    }
    if !config.roles.delivery {
        service = service.without_delivery();
    }
    service.build()
}

/// Of the memory for caches: that for answers as they were sent.
const fn answer_cache(config: &Config) -> u64 {
    config.cache_size / 2
}

/// Opens the data directory, the database and the store, and puts the facade together.
async fn open(config: &Config) -> Result<(Dlcs, Node), Stop> {
    // Before anything is made, because it needs nothing of this machine.
    let bucket = match &config.store {
        Some(store) => Some(bucket(store).await?),
        None => None,
    };
    let data = config.data_dir.display();
    std::fs::create_dir_all(&config.data_dir).map_err(|error| {
        let what = format!("cannot make the data directory `{data}`: {ELSEWHERE}");
        Stop::because(&what, &error)
    })?;
    // First, because it holds the lock: nothing else may be touched while another process works here.
    let node = node(config)?;
    let spool = config.data_dir.join("spool");
    empty(&spool)
        .map_err(|error| Stop::because(&format!("cannot empty `{}`", spool.display()), &error))?;
    let is_remote = bucket.is_some();
    let files = config.data_dir.join(DERIVATIVES);
    let builder = Dlcs::builder().with_owner(&node.name);
    let builder = match &config.database {
        Some(database) => builder.with_catalogue(postgres(config, database.clone()).await?),
        None => builder.with_catalogue(sqlite(config).await?),
    };
    let mut builder = match bucket {
        Some(bucket) => builder.with_derivatives(bucket),
        None => builder.with_derivatives(local(&files)?),
    };
    warn_of_files(config, &files, is_remote);
    let origin = HttpOriginConfig::default()
        .with_allowed_networks(config.allowed.clone())
        .with_authorities(config.authorities.clone());
    let ftp = FtpOriginConfig::default()
        .with_allowed_networks(config.allowed.clone())
        .with_authorities(config.authorities.clone());
    let known_hosts = config.known_hosts.clone();
    let sftp = SftpOriginConfig::default()
        .with_allowed_networks(config.allowed.clone())
        .with_known_hosts(known_hosts.unwrap_or_else(|| config.data_dir.join(KNOWN_HOSTS)));
    let mut processor = PyramidProcessorConfig::default();
    processor.spool_directory = Some(spool.clone());
    processor.max_side = config.max_side;
    processor.max_pixels = config.max_pixels;
    processor.decode_budget = config.decode_budget;
    // So that what comes to its turn has the most of its time left.
    processor.max_wait = config.attempt_limit / 3;
    let mut renderer = PyramidRendererConfig::default();
    renderer.spool_directory = Some(spool);
    renderer.tile_cache_bytes = renderer.tile_cache_bytes.min(config.cache_size);
    let results = config.cache_size - answer_cache(config);
    renderer.ahead_cache_bytes = if is_remote { results / 4 } else { 0 };
    renderer.result_cache_bytes = results - renderer.ahead_cache_bytes;
    renderer.max_area = config.limits.max_area.unwrap_or(Limits::LARGEST_AREA);
    let settings = Settings::default()
        .with_workers(config.workers)
        .with_per_host(config.per_host)
        .with_drain(config.drain)
        .with_lease_for(config.lease)
        .with_attempt_limit(config.attempt_limit)
        .with_limits(config.limits)
        .with_formats(config.formats)
        .with_storage(config.storage.clone())
        .with_max_batch_size(config.max_batch_size);
    builder = builder
        .with_origin(HttpOrigin::new(origin))
        .with_origin(s3(config)?)
        .with_origin(FtpOrigin::new(ftp))
        .with_origin(SftpOrigin::new(sftp))
        .with_origin(FileOrigin::new(config.files.clone()))
        .with_processor(PyramidProcessor::new(processor))
        .with_renderer(PyramidRenderer::new(renderer))
        .with_settings(settings);
    if let Some(webhooks) = &config.webhooks {
        if !config.roles.worker {
            tracing::warn!(
                "notices are sent by processes with the role `worker`: --webhook has no effect here"
            );
        }
        builder = builder.with_notifier(notifier(webhooks)?);
    }
    let dlcs = builder
        .build()
        .map_err(|error| Stop::because("cannot start", &error))?;
    check_formats(config, &dlcs)?;
    // Before anything is claimed under this name.
    let reclaim = async || dlcs.reclaim().await;
    let images = patiently("cannot take back what was in work", reclaim).await?;
    if images > 0 {
        tracing::info!(
            images,
            "took back what a process of this name held that has died"
        );
    }
    Ok((dlcs, node))
}

/// Says where derivatives are that somebody may look for elsewhere.
fn warn_of_files(config: &Config, files: &Path, is_remote: bool) {
    if is_remote && files.join("images").is_dir() {
        tracing::warn!(
            "the derivatives in `{}` are not used: copy them to the bucket, or start without --store-url",
            files.display()
        );
    }
    if config.database.is_some() && !is_remote {
        tracing::warn!(
            "the derivatives are kept in `{}`, where no other process of this database can read them: give all of them a --store-url",
            files.display()
        );
    }
}

/// Does something of a start in which another process may be in the way, such as one that was stopped while it held rows.
async fn patiently<T>(
    refusal: &str,
    attempt: impl AsyncFn() -> dlcs_core::Result<T>,
) -> Result<T, Stop> {
    let limit = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if may_pass(&error) && Instant::now() < limit => {
                tracing::warn!(error = &error as &dyn Error, "{refusal} yet: trying again");
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => return Err(Stop::because(refusal, &error)),
        }
    }
}

const fn may_pass(error: &dlcs_core::Error) -> bool {
    matches!(
        error,
        dlcs_core::Error::Queue(QueueError::Unavailable { .. })
            | dlcs_core::Error::Catalogue(CatalogueError::Unavailable { .. })
    )
}

/// Tells customers of their batches, in the words of the API.
fn notifier(webhooks: &Webhooks) -> Result<WebhookNotifier, Stop> {
    let config = WebhookNotifierConfig::new(webhooks.targets.clone(), webhooks.secret.clone());
    let public_url = webhooks.public_url.clone();
    let document = move |batch: &Batch| dlcs_http::batch_document(&public_url, batch);
    WebhookNotifier::new(config, document)
        .map_err(|error| Stop::because("cannot use --webhook", &error))
}

/// Refuses formats that nobody here can write: they would be missing without a word.
fn check_formats(config: &Config, dlcs: &Dlcs) -> Result<(), Stop> {
    if config.formats == FormatSet::ALL || dlcs.formats() == config.formats {
        return Ok(());
    }
    let written = |format: &Format| dlcs.formats().contains(*format);
    let missing: Vec<_> = Format::ALL
        .into_iter()
        .filter(|format| config.formats.contains(*format) && !written(format))
        .map(Format::extension)
        .collect();
    Err(Stop::Usage(format!(
        "--formats cannot have {}: this program does not write it; leave it out",
        missing.join(", ")
    )))
}

/// The origin of S3 addresses; the environment is read only where somebody was granted something.
fn s3(config: &Config) -> Result<S3Origin, Stop> {
    let mut origin = S3OriginConfig::default()
        .with_allowed_networks(config.allowed.clone())
        .with_authorities(config.authorities.clone())
        .with_grants(config.grants.clone());
    if !config.grants.is_none() {
        let ambient = AmbientS3::from_environment().map_err(|error| {
            Stop::because("cannot use the credentials for --grant-bucket", &error)
        })?;
        origin = origin.with_ambient(ambient);
    }
    Ok(S3Origin::new(origin))
}

/// Makes a directory, and removes what a process that was killed has left in it.
fn empty(directory: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => std::fs::create_dir_all(directory),
    }
}
