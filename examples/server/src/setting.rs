//! The one table of settings: flags, variables of the environment, keys of the file and the help all come from it.

use clap::{Arg, ArgAction};

/// A setting of the program.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its flag without the dashes, and its key in the file.
    pub(crate) name: &'static str,
    /// What its value is, in the help.
    value: &'static str,
    /// What holds when nobody says anything.
    pub(crate) default: Option<&'static str>,
    /// Whether it may be given several times.
    pub(crate) repeatable: bool,
    /// Whether its value must never be shown.
    pub(crate) secret: bool,
    /// One sentence.
    help: &'static str,
}

impl Setting {
    const fn new(name: &'static str, value: &'static str, help: &'static str) -> Self {
        Self {
            name,
            value,
            default: None,
            repeatable: false,
            secret: false,
            help,
        }
    }

    const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// Its variable of the environment.
    pub(crate) fn variable(&self) -> String {
        format!("DLCS_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }

    pub(crate) fn argument(&self) -> Arg {
        let mut notes = format!("[env: {}", self.variable());
        if self.name != CONFIG.name {
            notes.push_str("; file: ");
            notes.push_str(self.name);
        }
        if let Some(default) = self.default {
            notes.push_str("; default: ");
            notes.push_str(default);
        }
        let action = if self.repeatable {
            ArgAction::Append
        } else {
            ArgAction::Set
        };
        Arg::new(self.name)
            .long(self.name)
            .value_name(self.value)
            .action(action)
            .help(format!("{} {notes}]", self.help))
    }
}

pub(crate) const CONFIG: Setting = Setting::new(
    "config",
    "FILE",
    "A TOML file with any of these settings; flags win over the environment, which wins over the file.",
);
pub(crate) const LISTEN: Setting = Setting::new(
    "listen",
    "ADDRESS:PORT",
    "Where to listen; port 0 takes a free one and prints it.",
)
.or("127.0.0.1:8080");
pub(crate) const DATA_DIR: Setting = Setting::new(
    "data-dir",
    "DIRECTORY",
    "Where everything is kept that --store-url does not keep elsewhere; made when it is not there.",
)
.or("./dlcs-data");
/// Not shown, because people put passwords where they do not belong.
pub(crate) const STORE_URL: Setting = Setting {
    secret: true,
    ..Setting::new(
        "store-url",
        "URL",
        "The bucket that derivatives and uploads are kept in, as s3://BUCKET/PREFIX, with ?endpoint=URL&region=NAME where that is not AWS; credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; without it they are files in the data directory.",
    )
};
pub(crate) const DATABASE_URL: Setting = Setting {
    secret: true,
    ..Setting::new(
        "database-url",
        "URL",
        "The PostgreSQL database of the catalogue and the queue, such as postgres://dlcs@db.example.org/dlcs, which several of these programs may share; without it a SQLite database in the data directory.",
    )
};
pub(crate) const DATABASE_CONNECTIONS: Setting = Setting::new(
    "database-connections",
    "NUMBER",
    "The most connections of this process to that database, besides one that listens.",
)
.or("16");
pub(crate) const ROLES: Setting = Setting::new(
    "roles",
    "LIST",
    "What this process does, with commas between them: api, delivery, worker.",
)
.or("api,delivery,worker");
pub(crate) const PUBLIC_URL: Setting = Setting::new(
    "public-url",
    "URL",
    "How clients reach this server, for the links in its answers; without it, links name the host that each request asked for.",
);
pub(crate) const DELIVERY_URL: Setting = Setting::new(
    "delivery-url",
    "URL",
    "How viewers reach the images, when that is not the public URL.",
);
pub(crate) const ADMIN_KEY: Setting = Setting::new(
    "admin-key",
    "KEY",
    "The first API key, instead of a made one; needs --admin-secret, and later starts ignore both.",
);
pub(crate) const ADMIN_SECRET: Setting = Setting {
    secret: true,
    ..Setting::new(
        "admin-secret",
        "SECRET",
        "The secret of --admin-key; give it in the environment, because other users can see flags.",
    )
};
pub(crate) const TRUSTED_PROXY: Setting = Setting {
    repeatable: true,
    ..Setting::new(
        "trusted-proxy",
        "CIDR",
        "A proxy, or a network of them, that is believed in what its X-Forwarded- headers say: who asks, and by which address; repeatable.",
    )
};
pub(crate) const CONNECTIONS_PER_ADDRESS: Setting = Setting::new(
    "connections-per-address",
    "NUMBER",
    "The most connections of one address at once; trusted proxies may have any number.",
)
.or("200");
pub(crate) const ALLOW_PRIVATE: Setting = Setting {
    repeatable: true,
    ..Setting::new(
        "allow-private",
        "[CUSTOMER=]CIDR|all",
        "A private network that origins may live in, on any port, such as 10.1.0.0/16, or 2=10.1.0.0/16 for customer 2 alone; repeatable, or `all`; cloud metadata addresses stay refused.",
    )
};
pub(crate) const ORIGIN_CA: Setting = Setting::new(
    "origin-ca",
    "FILE",
    "Certificate authorities in PEM that https and ftps origins may have besides those of this machine.",
);
pub(crate) const GRANT_BUCKET: Setting = Setting {
    repeatable: true,
    ..Setting::new(
        "grant-bucket",
        "CUSTOMER=BUCKET",
        "An S3 bucket that a customer's `s3-ambient` strategy may read with the AWS credentials of this program; repeatable.",
    )
};
pub(crate) const ALLOW_FILE_ORIGIN: Setting = Setting {
    repeatable: true,
    ..Setting::new(
        "allow-file-origin",
        "DIRECTORY",
        "A directory of this machine that `file:` origins may lie below; repeatable; every customer can register what is in it.",
    )
};
pub(crate) const KNOWN_HOSTS: Setting = Setting::new(
    "known-hosts",
    "FILE",
    "Where the keys of SFTP hosts are kept, in the format of OpenSSH; the key of a host is taken at the first fetch, and another is refused until its line is removed; without it `known_hosts` in the data directory.",
);
pub(crate) const SEALING_KEY: Setting = Setting {
    secret: true,
    ..Setting::new(
        "sealing-key",
        "KEY|@FILE",
        "What credentials of origin strategies are sealed with: 64 hexadecimal digits, or @ and a file of 32 bytes; without it `credentials.key` in the data directory, which the first start makes.",
    )
};
pub(crate) const OLD_SEALING_KEY: Setting = Setting {
    secret: true,
    ..Setting::new(
        "old-sealing-key",
        "KEY|@FILE",
        "The key before this one: what it has sealed is sealed anew at the start.",
    )
};
pub(crate) const MAX_BODY_SIZE: Setting = Setting::new(
    "max-body-size",
    "BYTES",
    "The largest JSON of a request, which is held in memory.",
)
.or("64MiB");
pub(crate) const MAX_UPLOAD_SIZE: Setting = Setting::new(
    "max-upload-size",
    "BYTES",
    "The largest master that is sent with its registration; it goes to disk as it comes.",
)
.or("1GiB");
pub(crate) const WEBHOOK: Setting = Setting {
    repeatable: true,
    secret: true,
    ..Setting::new(
        "webhook",
        "CUSTOMER=URL",
        "Where a customer is told that a batch has finished, on any network; repeatable, one for each customer; needs --webhook-secret and --public-url.",
    )
};
pub(crate) const WEBHOOK_SECRET: Setting = Setting {
    secret: true,
    ..Setting::new(
        "webhook-secret",
        "SECRET",
        "What notices of finished batches are signed with; give it in the environment, because other users can see flags.",
    )
};
pub(crate) const WORKERS: Setting = Setting::new(
    "workers",
    "NUMBER",
    "How many queued images are processed at once; 0 accepts work and processes none.",
)
.or("4");
pub(crate) const PER_HOST: Setting = Setting::new(
    "per-host",
    "NUMBER",
    "How many images of one host are processed at once, by all processes together, so that a slow host does not hold up the others; without it three quarters of --workers, and at most 8.",
);
pub(crate) const DRAIN: Setting = Setting::new(
    "drain",
    "SECONDS",
    "How long a stop waits for requests and images that are in work; whatever is left goes back to the queue.",
)
.or("25");
pub(crate) const LEASE: Setting = Setting::new(
    "lease",
    "SECONDS",
    "How long an image may be held by a process that says nothing, until another takes it; it is said four times in that time that the image is still held.",
)
.or("60");
pub(crate) const ATTEMPT_LIMIT: Setting = Setting::new(
    "attempt-limit",
    "SECONDS",
    "How long one attempt at an image may take, from its fetch to its derivative; what takes longer is given up, and tried again as after other failures that may pass.",
)
.or("1800");
pub(crate) const MAX_BATCH_SIZE: Setting =
    Setting::new("max-batch-size", "NUMBER", "The most images of one batch.").or("1000");
pub(crate) const STORAGE_POLICY: Setting = Setting {
    repeatable: true,
    ..Setting::new(
        "storage-policy",
        "NAME=IMAGES:BYTES",
        "A storage policy: how many images, and how many bytes of them, a customer may have; 0 is no limit. `default` is that of all for whom no other is named; repeatable.",
    )
};
pub(crate) const CUSTOMER_STORAGE: Setting = Setting {
    repeatable: true,
    ..Setting::new(
        "customer-storage",
        "CUSTOMER=NAME",
        "The storage policy of a customer; repeatable.",
    )
};
pub(crate) const MAX_WIDTH: Setting = Setting::new(
    "max-width",
    "PIXELS",
    "The largest width that image requests get, and the largest height unless --max-height says another; info.json says so.",
);
pub(crate) const MAX_HEIGHT: Setting = Setting::new(
    "max-height",
    "PIXELS",
    "The largest height that image requests get; needs --max-width.",
);
pub(crate) const MAX_AREA: Setting = Setting::new(
    "max-area",
    "PIXELS",
    "The most pixels that image requests get, such as 20MP; without it 50MP, which info.json says of larger images.",
);
pub(crate) const MAX_SIDE: Setting = Setting::new(
    "max-side",
    "PIXELS",
    "The longest side that a source may have.",
)
.or("65500");
pub(crate) const MAX_PIXELS: Setting = Setting::new(
    "max-pixels",
    "PIXELS",
    "The most pixels that a source may have.",
)
.or("2GP");
pub(crate) const FORMATS: Setting = Setting::new(
    "formats",
    "LIST",
    "The formats that are served, with commas between them, jpg and png included; without it all that this program can write.",
);
pub(crate) const CACHE_SIZE: Setting = Setting::new(
    "cache-size",
    "BYTES",
    "How much memory what is asked for again may take: half of it pixels as they were sent, half rendered results and what was read from --store-url; decoded tiles take as much again, but at most 64MiB; 0 keeps none.",
)
.or("128MiB");
pub(crate) const DECODE_BUDGET: Setting = Setting::new(
    "decode-budget",
    "BYTES",
    "How much memory the sources may take that are decoded at once and cannot be read row by row; a source that needs more is refused.",
)
.or("2GiB");
pub(crate) const LOG: Setting = Setting::new(
    "log",
    "FILTER",
    "What is logged to standard error: `info`, `trace`, `dlcs_core=debug`, or several with commas.",
)
.or("info");

/// Every setting, in the order of the help.
pub(crate) const ALL: [&Setting; 41] = [
    &LISTEN,
    &DATA_DIR,
    &DATABASE_URL,
    &DATABASE_CONNECTIONS,
    &STORE_URL,
    &ROLES,
    &PUBLIC_URL,
    &DELIVERY_URL,
    &TRUSTED_PROXY,
    &CONNECTIONS_PER_ADDRESS,
    &ADMIN_KEY,
    &ADMIN_SECRET,
    &ALLOW_PRIVATE,
    &ORIGIN_CA,
    &GRANT_BUCKET,
    &ALLOW_FILE_ORIGIN,
    &KNOWN_HOSTS,
    &SEALING_KEY,
    &OLD_SEALING_KEY,
    &MAX_BODY_SIZE,
    &MAX_UPLOAD_SIZE,
    &WEBHOOK,
    &WEBHOOK_SECRET,
    &WORKERS,
    &PER_HOST,
    &DRAIN,
    &LEASE,
    &ATTEMPT_LIMIT,
    &MAX_BATCH_SIZE,
    &STORAGE_POLICY,
    &CUSTOMER_STORAGE,
    &MAX_WIDTH,
    &MAX_HEIGHT,
    &MAX_AREA,
    &MAX_SIDE,
    &MAX_PIXELS,
    &FORMATS,
    &CACHE_SIZE,
    &DECODE_BUDGET,
    &LOG,
    &CONFIG,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_named_after_flags() {
        assert_eq!(DATA_DIR.variable(), "DLCS_DATA_DIR");
    }
}
