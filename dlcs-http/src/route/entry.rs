//! An entry of the table of routes.

use http::Method;

use super::{Route, RouteError, Segments};
use crate::describe::{Fails, Gives, Operation, Takes};

type Make = fn(Segments<'_>) -> Result<Route, RouteError>;

/// One method of one path, and what there is to say of it.
pub(crate) struct Entry {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) operation: Operation,
    pub(super) make: Make,
}

/// One method of one path: what it does, takes and gives, how it fails as not all do, and the route that it is.
pub(super) const fn entry(
    method: Method,
    path: &'static str,
    summary: &'static str,
    takes: Takes,
    gives: Gives,
    fails: Fails,
    make: Make,
) -> Entry {
    let operation = Operation {
        summary,
        takes,
        gives,
        fails,
    };
    Entry {
        method,
        path,
        operation,
        make,
    }
}
