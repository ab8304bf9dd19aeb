//! The tables of a catalogue as both databases have them, for moving rows from one to the other.

use Kind::{Bytes, Number, Text, Truth};

/// What a column holds, where it is not null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    /// A number in one database and a boolean in the other.
    Truth,
    Text,
    Bytes,
}

/// A table; the first columns are its key.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// How many columns its key has.
    pub(super) key: usize,
    /// The column that the database gives numbers, if it does.
    pub(super) numbered: Option<&'static str>,
    pub(super) columns: &'static [(&'static str, Kind)],
}

/// What a row holds in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

pub(super) type Row = Vec<Value>;

impl Table {
    /// Reads rows in the order of their keys, behind a key that is given or from the beginning; the last parameter is how many.
    pub(super) fn page(&self, is_first: bool) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        let (all, key) = (names.join(", "), names[..self.key].join(", "));
        let name = self.name;
        if is_first {
            return format!("SELECT {all} FROM {name} ORDER BY {key} LIMIT $1");
        }
        let marks: Vec<_> = (1..=self.key).map(|mark| format!("${mark}")).collect();
        let (marks, limit) = (marks.join(", "), self.key + 1);
        format!("SELECT {all} FROM {name} WHERE ({key}) > ({marks}) ORDER BY {key} LIMIT ${limit}")
    }
}

/// How many rows a table has, and a digest of all of them in the order of their keys: the same in both databases.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) rows: u64,
    hash: blake3::Hasher,
}

impl Tally {
    pub(super) fn add(&mut self, row: &[Value]) {
        self.rows += 1;
        for value in row {
            let mut bytes = |kind: u8, bytes: &[u8]| {
                self.hash.update(&[kind]);
                self.hash.update(&(bytes.len() as u64).to_le_bytes());
                self.hash.update(bytes);
            };
            match value {
                Value::Null => bytes(0, &[]),
                Value::Number(number) => bytes(1, &number.to_le_bytes()),
                Value::Text(text) => bytes(2, text.as_bytes()),
                Value::Bytes(content) => bytes(3, content),
            }
        }
    }
}

impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        (self.rows, self.hash.finalize()) == (other.rows, other.hash.finalize())
    }
}

/// Every table but those that say of a database itself what is in it, those that others refer to first.
pub(super) const TABLES: [Table; 16] = [
    Table {
        name: "customers",
        key: 1,
        numbered: None,
        columns: &[
            ("id", Number),
            ("name", Text),
            ("display_name", Text),
            ("role", Text),
            ("created", Number),
        ],
    },
    Table {
        name: "api_keys",
        key: 1,
        numbered: Some("id"),
        columns: &[
            ("id", Number),
            ("key", Text),
            ("customer", Number),
            ("secret_hash", Bytes),
            ("created", Number),
        ],
    },
    Table {
        name: "spaces",
        key: 2,
        numbered: None,
        columns: &[
            ("customer", Number),
            ("id", Number),
            ("name", Text),
            ("default_tags", Text),
            ("default_roles", Text),
            ("default_max_unauthorised", Number),
            ("image_optimisation_policy", Text),
            ("thumbnail_policy", Text),
            ("created", Number),
            ("image_count", Number),
            ("image_bytes", Number),
            ("thumbnail_bytes", Number),
        ],
    },
    Table {
        name: "batches",
        key: 1,
        numbered: Some("id"),
        columns: &[
            ("id", Number),
            ("customer", Number),
            ("submitted", Number),
            ("count", Number),
            ("completed", Number),
            ("errors", Number),
            ("finished", Number),
            ("current", Number),
            ("superseded", Truth),
            ("lane", Number),
        ],
    },
    Table {
        name: "batch_images",
        key: 3,
        numbered: None,
        columns: &[
            ("batch", Number),
            ("space", Number),
            ("model", Text),
            ("state", Text),
            ("error", Text),
            ("finished", Number),
        ],
    },
    Table {
        name: "images",
        key: 1,
        numbered: Some("row_id"),
        columns: &[
            ("row_id", Number),
            ("customer", Number),
            ("space", Number),
            ("model", Text),
            ("source_origin", Text),
            ("source_upload", Text),
            ("initial_origin", Text),
            ("media_type", Text),
            ("string1", Text),
            ("string2", Text),
            ("string3", Text),
            ("number1", Number),
            ("number2", Number),
            ("number3", Number),
            ("tags", Text),
            ("roles", Text),
            ("manifests", Text),
            ("max_unauthorised", Number),
            ("delivery_channels", Text),
            ("image_optimisation_policy", Text),
            ("thumbnail_policy", Text),
            ("created", Number),
            ("queued", Number),
            ("dequeued", Number),
            ("batch", Number),
            ("generation", Number),
            ("state", Text),
            ("state_since", Number),
            ("error", Text),
            ("service_generation", Number),
            ("service_token", Number),
            ("service_width", Number),
            ("service_height", Number),
            ("service_tile", Number),
            ("service_index_start", Number),
            ("service_index_length", Number),
            ("service_length", Number),
            ("service_checksum", Bytes),
            ("service_thumbnails", Text),
            ("service_thumbnail_bytes", Number),
            ("service_finished", Number),
            ("source_media_type", Text),
            ("source_size", Number),
            ("source_checksum", Bytes),
            ("original_generation", Number),
            ("original_token", Number),
            ("original_media_type", Text),
            ("original_size", Number),
            ("original_sha256", Bytes),
            ("original_checksum", Bytes),
            ("original_stored", Number),
        ],
    },
    Table {
        name: "jobs",
        key: 1,
        numbered: Some("id"),
        columns: &[
            ("id", Number),
            ("image", Number),
            ("customer", Number),
            ("lane", Number),
            ("host", Text),
            ("batch", Number),
            ("generation", Number),
            ("attempt", Number),
            ("postponed", Number),
            ("crashes", Number),
            ("crashes_alone", Number),
            ("set_apart", Truth),
            ("reserved_by", Text),
            ("reserved_until", Number),
            ("run_at", Number),
            ("lease_token", Number),
            ("lease_owner", Text),
            ("lease_since", Number),
            ("lease_until", Number),
            ("lease_charge", Number),
            ("lease_alone", Truth),
            ("last_error", Text),
        ],
    },
    Table {
        name: "queue_shares",
        key: 2,
        numbered: None,
        columns: &[
            ("customer", Number),
            ("lane", Number),
            ("waiting", Number),
            ("leased", Number),
            ("succeeded", Number),
            ("failed", Number),
            ("served", Number),
            ("typical", Number),
        ],
    },
    Table {
        name: "queue_lines",
        key: 3,
        numbered: None,
        columns: &[
            ("customer", Number),
            ("lane", Number),
            ("host", Text),
            ("run_at", Number),
            ("job", Number),
        ],
    },
    Table {
        name: "queue_hosts",
        key: 1,
        numbered: None,
        columns: &[("host", Text), ("leased", Number)],
    },
    Table {
        name: "queue_lanes",
        key: 1,
        numbered: None,
        columns: &[("lane", Number), ("floor", Number), ("streak", Number)],
    },
    Table {
        name: "notices",
        key: 1,
        numbered: Some("id"),
        columns: &[
            ("id", Number),
            ("due", Number),
            ("attempts", Number),
            ("batch", Number),
            ("customer", Number),
            ("submitted", Number),
            ("count", Number),
            ("completed", Number),
            ("errors", Number),
            ("finished", Number),
            ("superseded", Truth),
        ],
    },
    Table {
        name: "origin_strategies",
        key: 1,
        numbered: None,
        columns: &[
            ("id", Text),
            ("customer", Number),
            ("pattern", Text),
            ("kind", Text),
            ("credentials", Bytes),
            ("position", Number),
            ("optimised", Truth),
            ("created", Number),
        ],
    },
    Table {
        name: "settings",
        key: 1,
        numbered: None,
        columns: &[
            ("id", Text),
            ("customer", Number),
            ("kind", Text),
            ("space", Number),
            ("name", Text),
            ("body", Text),
            ("created", Number),
            ("modified", Number),
        ],
    },
    Table {
        name: "requests",
        key: 2,
        numbered: None,
        columns: &[
            ("customer", Number),
            ("name", Text),
            ("fingerprint", Bytes),
            ("begun", Number),
            ("status", Number),
            ("content_type", Text),
            ("location", Text),
            ("body", Bytes),
        ],
    },
    Table {
        name: "collectable",
        key: 1,
        numbered: None,
        columns: &[("path", Text), ("not_before", Number)],
    },
];
