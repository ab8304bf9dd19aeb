//! Orders in SQL, whatever the database.

use std::fmt::Write as _;

use dlcs_core::batch::BatchOrderBy;
use dlcs_core::customer::CustomerOrderBy;
use dlcs_core::image::{ImageCursor, ImageOrderBy, ImageQuery};
use dlcs_core::order::{Key, Order};
use dlcs_core::space::SpaceOrderBy;

/// What databases say differently.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    /// The width of what is served, 0 where nothing is: as its index says it.
    pub(super) width: &'static str,
    /// The checksum of a source in hexadecimal digits.
    pub(super) checksum: &'static str,
}

/// One thing that images are sorted by.
struct Term {
    sql: String,
    descending: bool,
    /// What the image at the place has, where the listing begins behind one.
    key: Option<Key>,
}

/// How a listing of images is sorted, and where it begins.
pub(super) struct ImageSort(Vec<Term>);

impl ImageSort {
    pub(super) fn of(query: &ImageQuery, dialect: Dialect) -> Self {
        let mut sort = Self(Vec::new());
        let after = query.after.as_ref();
        for (place, order) in query.order.iter().enumerate() {
            let key = after.and_then(|after| after.keys.get(place).cloned());
            sort.push(
                query,
                image_column(order.by, dialect),
                order.descending,
                key,
            );
        }
        let descending = query.order.last().is_some_and(|last| last.descending);
        for (column, key) in ["i.created", "i.space", "i.model"].iter().zip(ties(after)) {
            sort.push(query, (*column).to_owned(), descending, key);
        }
        sort
    }

    /// A term that tells nothing more apart, or stands there twice, would keep planners from using an index.
    fn push(&mut self, query: &ImageQuery, sql: String, descending: bool, key: Option<Key>) {
        let is_constant = |sql: &str| sql == "i.space" && query.space.is_some();
        let stands = |wanted: &str| self.0.iter().any(|term| term.sql == wanted);
        let is_total = stands("i.model") && (stands("i.space") || query.space.is_some());
        if !(is_constant(&sql) || stands(&sql) || is_total) {
            self.0.push(Term {
                sql,
                descending,
                key,
            });
        }
    }

    /// What follows `ORDER BY`.
    pub(super) fn sql(&self) -> String {
        let terms = self.0.iter();
        let terms = terms.map(|term| format!("{} {}", term.sql, direction(term.descending)));
        terms.collect::<Vec<_>>().join(", ")
    }

    /// The condition that an image comes behind the place; `value` takes a value and says how the SQL names it.
    pub(super) fn after(&self, mut value: impl FnMut(&Key) -> String) -> Option<String> {
        let terms = self.0.iter().map(|term| Some((term, term.key.as_ref()?)));
        let terms: Vec<_> = terms.collect::<Option<_>>()?;
        let (first, _) = terms.first()?;
        let sign = |descending: bool| if descending { "<" } else { ">" };
        // One comparison of rows is what an index can be searched by.
        if terms
            .iter()
            .all(|(term, _)| term.descending == first.descending)
        {
            let columns: Vec<_> = terms.iter().map(|(term, _)| term.sql.as_str()).collect();
            let values: Vec<_> = terms.iter().map(|(_, key)| value(key)).collect();
            let (columns, values) = (columns.join(", "), values.join(", "));
            return Some(format!("({columns}) {} ({values})", sign(first.descending)));
        }
        let mut any = Vec::new();
        for (place, (term, key)) in terms.iter().enumerate() {
            let mut all = String::new();
            for (same, key) in &terms[..place] {
                let _ = write!(all, "{} = {} AND ", same.sql, value(key));
            }
            let _ = write!(all, "{} {} {}", term.sql, sign(term.descending), value(key));
            any.push(format!("({all})"));
        }
        Some(format!("({})", any.join(" OR ")))
    }
}

/// What the image at a place has of what tells every two images apart.
fn ties(after: Option<&ImageCursor>) -> [Option<Key>; 3] {
    [
        after.map(|after| after.created.into()),
        after.map(|after| i64::from(after.space.get()).into()),
        after.map(|after| after.model.as_str().into()),
    ]
}

const fn direction(descending: bool) -> &'static str {
    if descending { "DESC" } else { "ASC" }
}

/// [`ImageOrderBy::key`] in SQL.
fn image_column(by: ImageOrderBy, dialect: Dialect) -> String {
    let column = match by {
        ImageOrderBy::Id => "i.model",
        ImageOrderBy::Space => "i.space",
        ImageOrderBy::Origin => "coalesce(i.source_origin, 'dlcs-upload:' || i.source_upload)",
        ImageOrderBy::InitialOrigin => "coalesce(i.initial_origin, '')",
        ImageOrderBy::MediaType => {
            "coalesce(i.media_type, i.source_media_type, i.original_media_type, '')"
        }
        ImageOrderBy::String(third) => return format!("i.string{}", third.index() + 1),
        ImageOrderBy::Number(third) => return format!("i.number{}", third.index() + 1),
        ImageOrderBy::Tags => "i.tags",
        ImageOrderBy::Roles => "i.roles",
        ImageOrderBy::Manifests => "i.manifests",
        ImageOrderBy::MaxUnauthorised => "i.max_unauthorised",
        ImageOrderBy::DeliveryChannels => "i.delivery_channels",
        ImageOrderBy::ImageOptimisationPolicy => "coalesce(i.image_optimisation_policy, '')",
        ImageOrderBy::ThumbnailPolicy => "coalesce(i.thumbnail_policy, '')",
        ImageOrderBy::Width => dialect.width,
        ImageOrderBy::Height => "coalesce(i.service_height, 0)",
        ImageOrderBy::Queued => "coalesce(i.queued, 0)",
        ImageOrderBy::Dequeued => "coalesce(i.dequeued, 0)",
        ImageOrderBy::Finished => {
            "coalesce(CASE WHEN i.state IN ('failed', 'registered') THEN i.state_since END, i.service_finished, 0)"
        }
        ImageOrderBy::Ingesting => {
            "CASE WHEN i.state IN ('waiting', 'ingesting') THEN 1 ELSE 0 END"
        }
        ImageOrderBy::Error => "coalesce(i.error, '')",
        ImageOrderBy::Batch => "coalesce(i.batch, 0)",
        ImageOrderBy::SourceChecksum => dialect.checksum,
        ImageOrderBy::SourceSize => "coalesce(i.source_size, i.original_size, 0)",
        // The default, and what a later version may know.
        _ => "i.created",
    };
    column.to_owned()
}

/// What follows `ORDER BY` in a listing of spaces.
pub(super) fn spaces(order: Order<SpaceOrderBy>) -> String {
    let column = match order.by {
        SpaceOrderBy::Name => "name",
        SpaceOrderBy::Created => "created",
        SpaceOrderBy::DefaultTags => "default_tags",
        SpaceOrderBy::DefaultRoles => "default_roles",
        SpaceOrderBy::DefaultMaxUnauthorised => "default_max_unauthorised",
        SpaceOrderBy::ImageOptimisationPolicy => "coalesce(image_optimisation_policy, '')",
        SpaceOrderBy::ThumbnailPolicy => "coalesce(thumbnail_policy, '')",
        SpaceOrderBy::ImageCount => "image_count",
        _ => "id",
    };
    by_number(column, order.descending)
}

/// What follows `ORDER BY` in a listing of batches.
pub(super) fn batches(order: Order<BatchOrderBy>) -> String {
    let column = match order.by {
        BatchOrderBy::Submitted => "submitted",
        BatchOrderBy::Count => "count",
        BatchOrderBy::Completed => "completed",
        BatchOrderBy::Errors => "errors",
        BatchOrderBy::Finished => "coalesce(finished, 0)",
        BatchOrderBy::Superseded => "superseded",
        _ => "id",
    };
    by_number(column, order.descending)
}

/// What follows `ORDER BY` in a listing of customers.
pub(super) fn customers(order: Order<CustomerOrderBy>) -> String {
    let column = match order.by {
        CustomerOrderBy::Name => "lower(name)",
        CustomerOrderBy::DisplayName => "display_name",
        CustomerOrderBy::Administrator => "CASE role WHEN 'administrator' THEN 1 ELSE 0 END",
        CustomerOrderBy::Created => "created",
        _ => "id",
    };
    by_number(column, order.descending)
}

fn by_number(column: &str, descending: bool) -> String {
    let direction = direction(descending);
    match column {
        "id" => format!("id {direction}"),
        column => format!("{column} {direction}, id {direction}"),
    }
}
