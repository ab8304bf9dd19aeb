//! Registering what a table lists.

use dlcs_core::CustomerId;
use dlcs_core::queue::Lane;
use http::StatusCode;
use serde::Serialize;

use super::queue::{candidates, refusal, registrations};
use super::{Object, Outcome, batch};
use crate::context::Context;
use crate::describe::{Class, Type, ro};
use crate::error::ApiError;
use crate::fields::{Fields, Problems};
use crate::hydra::{Header, entire};
use crate::payload::Payload;
use crate::query::{Query, wrong};
use crate::resource::image::{self, find_problems};
use crate::sheet::{Sheet, cell};

/// How many rows a preview shows.
const SHOWN: usize = 100;

#[rustfmt::skip]
pub(crate) static PREVIEW: Class = Class {
    type_: "vocab:CsvPreview",
    text: "What would become of a table.",
    known: &[],
    properties: &[
        ro("rows", Type::Natural, "How many rows describe an image."),
        ro("batches", Type::Natural, "How many batches they would make."),
        ro("images", Type::Objects, "The first of them, as images."),
        ro("errors", Type::List(&CELL_ERROR), "What is wrong with the table."),
    ],
};

#[rustfmt::skip]
static CELL_ERROR: Class = Class {
    type_: "CellError",
    text: "One thing that is wrong with a table.",
    known: &[],
    properties: &[
        ro("row", Type::Natural, "The number of the row; that of the headers is 1."),
        ro("column", Type::Text, "The name of the column."),
        ro("detail", Type::Text, "What is wrong, and what to do."),
    ],
};

/// What would become of a table.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Preview {
    #[serde(flatten)]
    header: Header,
    /// How many rows describe an image.
    rows: usize,
    /// How many batches they would make.
    batches: usize,
    /// The first of them, as images.
    images: Vec<Object>,
    errors: Vec<CellError>,
}

#[derive(Serialize)]
struct CellError {
    row: usize,
    column: String,
    detail: String,
}

/// `POST /customers/{customer}/queue/csv`: every row or none, in as many batches as they take; with `?preview=true` none.
pub(crate) async fn import(
    context: &Context,
    customer: CustomerId,
    query: &Query,
    payload: Payload,
) -> Outcome {
    let is_preview = is_preview(query)?;
    let mut sheet = Sheet::read(&payload.file().await?)?;
    let mut problems = Problems::default();
    for problem in std::mem::take(&mut sheet.problems) {
        problems.add(problem.pointer, problem.detail);
    }
    let rows = sheet.rows.iter();
    let rows = rows.map(|row| {
        let pointer = row.pointer();
        let fields = Fields::new(&row.image, pointer.as_str(), image::KNOWN, &mut problems);
        (pointer, fields)
    });
    let rows = rows.collect();
    let candidates = candidates(context, customer, rows, &mut problems).await?;
    let queue = context.queue_link(customer);
    if is_preview || !problems.is_empty() {
        find_problems(context, &candidates, &mut problems).await?;
    }
    if is_preview {
        let preview = preview(context, format!("{queue}/csv"), sheet, problems);
        return Ok(context.json(StatusCode::OK, &preview));
    }
    let in_cells = |problems: &mut Problems| {
        problems.rename(|pointer| {
            let (row, column) = sheet.place(pointer);
            cell(row, &column)
        });
        problems.refuse()
    };
    if !problems.is_empty() {
        return Err(in_cells(&mut problems));
    }
    let submitted = context
        .dlcs
        .submit_in_batches(Lane::Default, registrations(&candidates))
        .await;
    match submitted {
        Ok(batches) => {
            let link = batches
                .first()
                .map(|first| context.batch_link(customer, first.id));
            let batches = batches.iter().map(|it| batch::resource(context, it));
            let batches = entire(format!("{queue}/batches"), batches.collect());
            Ok(context.created(&link.unwrap_or_default(), &batches))
        }
        Err(error) => match refusal(context, &candidates, error, &mut problems).await {
            Some(error) => Err(error),
            None => Err(in_cells(&mut problems)),
        },
    }
}

fn is_preview(query: &Query) -> Result<bool, ApiError> {
    let mut problems = Problems::default();
    // A slip of the pen would import what was only to be looked at.
    query.check_names(&["preview"], &mut problems);
    let is_preview = match query.get("preview").map(str::to_ascii_lowercase).as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(text) => {
            problems.add("", wrong("preview", text, "true or false"));
            false
        }
    };
    problems.check()?;
    Ok(is_preview)
}

fn preview(context: &Context, address: String, sheet: Sheet, mut problems: Problems) -> Preview {
    let errors = problems.take().into_iter().map(|problem| {
        let (row, column) = sheet.place(&problem.pointer);
        let detail = problem.detail;
        CellError {
            row,
            column,
            detail,
        }
    });
    let errors = errors.collect();
    let rows = sheet.rows.len();
    Preview {
        header: Header::new(&context.api, &PREVIEW, address),
        rows,
        batches: rows.div_ceil(context.dlcs.settings().max_batch_size.max(1)),
        images: sheet
            .rows
            .into_iter()
            .take(SHOWN)
            .map(|row| row.image)
            .collect(),
        errors,
    }
}
