//! The contracts of the ports, run on every backend of this crate.

#[cfg(any(feature = "origin-ftp", feature = "origin-sftp"))]
mod absent;
#[cfg(feature = "catalogue-postgres")]
mod catalogue_postgres;
#[cfg(feature = "catalogue-sqlite")]
mod catalogue_sqlite;
#[cfg(feature = "catalogue-sqlite")]
mod catalogue_sqlite_cache;
#[cfg(feature = "origin-ftp")]
mod certificate;
mod derivative_object;
#[cfg(feature = "derivative-s3")]
mod derivative_s3;
#[cfg(feature = "derivative-s3")]
mod derivative_s3_faults;
#[cfg(feature = "derivative-s3")]
mod derivative_s3_moto;
#[cfg(feature = "catalogue-postgres")]
mod fsck_postgres;
#[cfg(feature = "catalogue-sqlite")]
mod fsck_sqlite;
#[cfg(any(feature = "catalogue-postgres", feature = "catalogue-sqlite"))]
mod miscounts;
#[cfg(any(feature = "origin-s3", feature = "derivative-s3"))]
mod moto;
#[cfg(feature = "notifier-webhook")]
mod notifier_webhook;
#[cfg(any(feature = "catalogue-postgres", feature = "catalogue-sqlite"))]
mod older;
#[cfg(feature = "origin-file")]
mod origin_file;
#[cfg(feature = "origin-ftp")]
mod origin_ftp;
#[cfg(feature = "origin-ftp")]
mod origin_ftp_servers;
mod origin_guard;
#[cfg(feature = "origin-http")]
mod origin_http;
#[cfg(feature = "origin-http")]
mod origin_http_hostile;
#[cfg(feature = "origin-http")]
mod origin_http_large;
#[cfg(feature = "origin-http")]
mod origin_http_nginx;
#[cfg(feature = "origin-http")]
mod origin_http_resume;
#[cfg(feature = "origin-http")]
mod origin_http_tls;
mod origin_object;
#[cfg(feature = "origin-s3")]
mod origin_s3;
#[cfg(feature = "origin-s3")]
mod origin_s3_moto;
#[cfg(feature = "origin-sftp")]
mod origin_sftp;
#[cfg(feature = "origin-sftp")]
mod origin_sftp_servers;
#[cfg(feature = "catalogue-postgres")]
mod postgres_fixture;
#[cfg(feature = "catalogue-postgres")]
mod postgres_proxy;
#[cfg(feature = "catalogue-postgres")]
mod postgres_session;
#[cfg(feature = "catalogue-postgres")]
mod postgres_sound;
#[cfg(feature = "catalogue-postgres")]
mod postgres_upgrade;
#[cfg(feature = "catalogue-postgres")]
mod pyramid;
#[cfg(feature = "catalogue-postgres")]
mod queue_model_postgres;
#[cfg(feature = "catalogue-sqlite")]
mod queue_model_sqlite;
#[cfg(feature = "catalogue-postgres")]
mod queue_postgres;
#[cfg(feature = "catalogue-postgres")]
mod queue_postgres_held;
#[cfg(feature = "catalogue-sqlite")]
mod queue_sqlite;
#[cfg(any(feature = "origin-s3", feature = "derivative-s3"))]
mod s3_server;
#[cfg(feature = "catalogue-sqlite")]
mod sqlite_fixture;
#[cfg(feature = "catalogue-sqlite")]
mod sqlite_upgrade;
