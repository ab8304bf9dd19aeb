//! Images as a table (RFC 4180): each row becomes an object, as a batch has them. Pure.

mod records;

use dlcs_core::image::shorten;
use serde_json::Value;

use crate::error::{ApiError, Kind, Problem};
use crate::fields::meant_by;
use crate::resource::Object;
use records::Records;

/// The most rows of one table: all are submitted in one transaction.
const MOST_ROWS: usize = 50_000;
/// The most cells of a row, and the most problems that are looked for: more are none of a table of images.
const MOST_CELLS: usize = 1000;
const MOST_PROBLEMS: usize = 1000;

/// How the cells of a column are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cells {
    Text,
    Number,
    /// Texts, separated by commas.
    List,
    /// What kind of thing the row describes: an image.
    Type,
    Ignored,
}

/// The columns that there are: the historic ones first, then the names of the API.
const COLUMNS: &[(&str, &str, Cells)] = &[
    ("Type", "", Cells::Type),
    ("Line", "", Cells::Ignored),
    ("Space", "space", Cells::Text),
    ("ID", "id", Cells::Text),
    ("Origin", "origin", Cells::Text),
    ("InitialOrigin", "initialOrigin", Cells::Text),
    ("Reference1", "string1", Cells::Text),
    ("Reference2", "string2", Cells::Text),
    ("Reference3", "string3", Cells::Text),
    ("Tags", "tags", Cells::List),
    ("Roles", "roles", Cells::List),
    ("MaxUnauthorised", "maxUnauthorised", Cells::Number),
    ("NumberReference1", "number1", Cells::Number),
    ("NumberReference2", "number2", Cells::Number),
    ("NumberReference3", "number3", Cells::Number),
    ("MediaType", "mediaType", Cells::Text),
    ("String1", "string1", Cells::Text),
    ("String2", "string2", Cells::Text),
    ("String3", "string3", Cells::Text),
    ("Number1", "number1", Cells::Number),
    ("Number2", "number2", Cells::Number),
    ("Number3", "number3", Cells::Number),
    ("Manifests", "manifests", Cells::List),
    ("DeliveryChannels", "deliveryChannels", Cells::List),
    (
        "ImageOptimisationPolicy",
        "imageOptimisationPolicy",
        Cells::Text,
    ),
    ("ThumbnailPolicy", "thumbnailPolicy", Cells::Text),
];

/// A column of one table.
#[derive(Debug, Clone)]
struct Column {
    /// As the table spells it.
    header: String,
    /// The property of an image; empty where there is none.
    property: &'static str,
    cells: Cells,
}

/// One row that describes an image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// Its number, of which the first is the row of headers.
    pub(crate) number: usize,
    /// What it says of the image.
    pub(crate) image: Object,
}

impl Row {
    /// Where problems with it are, as [`Sheet::place`] reads it.
    pub(crate) fn pointer(&self) -> String {
        pointer(self.number)
    }
}

fn pointer(row: usize) -> String {
    format!("/row/{row}")
}

/// Where a cell is, as a JSON pointer; of a whole row, without a column.
pub(crate) fn cell(row: usize, column: &str) -> String {
    let mut pointer = pointer(row);
    if !column.is_empty() {
        pointer.push('/');
        pointer.push_str(&column.replace('~', "~0").replace('/', "~1"));
    }
    pointer
}

/// A table that has been read.
#[derive(Debug)]
pub(crate) struct Sheet {
    columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
    /// What is wrong with cells and headers by themselves.
    pub(crate) problems: Vec<Problem>,
}

impl Sheet {
    /// Reads a file: UTF-8, with or without a byte order mark, its cells separated by commas or semicolons, its lines by whatever ends lines.
    ///
    /// # Errors
    /// When it is no such file.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ApiError> {
        let text = text(bytes)?;
        let mut records = Records::new(text, delimiter(text));
        let Some((_, headers)) = records.next_filled()? else {
            return Err(malformed(
                "the table is empty: its first row names the columns",
            ));
        };
        let mut sheet = Self {
            columns: Vec::new(),
            rows: Vec::new(),
            problems: Vec::new(),
        };
        sheet.read_headers(&headers);
        while let Some((number, cells)) = records.next_filled()?
            && sheet.problems.len() < MOST_PROBLEMS
        {
            if sheet.rows.len() == MOST_ROWS {
                return Err(ApiError::new(
                    Kind::Invalid,
                    format!("the table has more than {MOST_ROWS} rows: send several"),
                ));
            }
            let row = sheet.read_row(number, &cells);
            sheet.rows.push(row);
        }
        if sheet.rows.is_empty() {
            return Err(malformed(
                "the table has no rows below its headers: an import needs at least one image",
            ));
        }
        Ok(sheet)
    }

    fn read_headers(&mut self, headers: &[String]) {
        let names: Vec<_> = COLUMNS.iter().map(|(name, ..)| *name).collect();
        for header in headers {
            let header = header.trim();
            let known = COLUMNS
                .iter()
                .find(|(name, ..)| name.eq_ignore_ascii_case(header));
            let (property, cells) = known.map_or(("", Cells::Ignored), |(_, property, cells)| {
                (*property, *cells)
            });
            if known.is_none() && !header.is_empty() {
                let name = shorten(header);
                let detail = match meant_by(header, &names) {
                    Some(meant) => format!("`{name}` is no column: did you mean '{meant}'?"),
                    None => format!("`{name}` is no column: there are {}", names.join(", ")),
                };
                self.add(1, header, detail);
            }
            if let Some(other) = self
                .columns
                .iter()
                .find(|column| !property.is_empty() && column.property == property)
            {
                let detail = format!("`{header}` and `{}` are the same column", other.header);
                self.add(1, header, detail);
            }
            self.columns.push(Column {
                header: header.to_owned(),
                property,
                cells,
            });
        }
        if !self.columns.iter().any(|column| column.property == "space") {
            let detail = "the column `Space` is missing: it says which space an image belongs to";
            self.add(1, "Space", detail.to_owned());
        }
    }

    fn read_row(&mut self, number: usize, cells: &[String]) -> Row {
        let mut row = Row {
            number,
            image: Object::new(),
        };
        let surplus = cells.iter().skip(self.columns.len());
        if cells.len() < self.columns.len() || surplus.clone().any(|cell| !cell.is_empty()) {
            let detail = format!(
                "the row has {} cells, and there are {} columns: quote cells that hold a separator",
                cells.len(),
                self.columns.len()
            );
            self.add(number, "", detail);
            return row;
        }
        for (column, cell) in self.columns.clone().into_iter().zip(cells) {
            match column.value(cell.trim()) {
                Ok(Some(value)) => {
                    row.image.insert(column.property.to_owned(), value);
                }
                Ok(None) => {}
                Err(detail) => self.add(number, &column.header, detail),
            }
        }
        row
    }

    fn add(&mut self, row: usize, column: &str, detail: String) {
        let pointer = cell(row, &shorten(column));
        self.problems.push(Problem { pointer, detail });
    }

    /// The row and the column that a pointer to a property of a row is about; no column where it is about the whole row.
    pub(crate) fn place(&self, pointer: &str) -> (usize, String) {
        let mut segments = pointer.split('/').skip(2);
        let row = segments.next().and_then(|row| row.parse().ok());
        let name = segments.next().unwrap_or_default();
        let named = self
            .columns
            .iter()
            .find(|column| !name.is_empty() && column.property == name);
        let column = named.map_or_else(
            || name.replace("~1", "/").replace("~0", "~"),
            |column| column.header.clone(),
        );
        (row.unwrap_or(1), column)
    }
}

impl Column {
    /// What a cell says; `None` when it says nothing.
    fn value(&self, cell: &str) -> Result<Option<Value>, String> {
        if cell.is_empty() {
            return Ok(None);
        }
        match self.cells {
            Cells::Ignored => Ok(None),
            Cells::Text => Ok(Some(cell.into())),
            Cells::Number => match cell.parse::<i64>() {
                Ok(number) => Ok(Some(number.into())),
                Err(_) => Err(format!(
                    "`{}` is `{}`; give a whole number of 64 bits",
                    self.header,
                    shorten(cell)
                )),
            },
            Cells::List => {
                let items = cell.split(',').map(str::trim);
                let items = items.filter(|item| !item.is_empty()).map(Value::from);
                Ok(Some(Value::Array(items.collect())))
            }
            Cells::Type if cell.eq_ignore_ascii_case("image") => Ok(None),
            Cells::Type => Err(format!(
                "`{}` is `{}`; only an `Image` can be registered",
                self.header,
                shorten(cell)
            )),
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str, ApiError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(malformed("the table is UTF-16: save it as CSV in UTF-8"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes[..error.valid_up_to()].iter();
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        malformed(&format!(
            "the table is not UTF-8 (first in line {line}): save it as CSV in UTF-8"
        ))
    })?;
    // The rest of the table would be one cell.
    if text.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
        return Err(malformed(
            "a quotation mark in the table is never closed: double those that stand within a quoted cell",
        ));
    }
    Ok(text)
}

/// What separates cells: spreadsheets of half the world write semicolons.
fn delimiter(text: &str) -> u8 {
    let mut lines = text.split(['\r', '\n']);
    let headers = lines
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let count = |separator: char| headers.matches(separator).count();
    if count(';') > count(',') { b';' } else { b',' }
}

fn malformed(detail: &str) -> ApiError {
    ApiError::new(Kind::MalformedBody, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn images(text: &str) -> Vec<Value> {
        let sheet = Sheet::read(text.as_bytes()).unwrap();
        assert!(sheet.problems.is_empty(), "{:?}", sheet.problems);
        let rows = sheet.rows.into_iter();
        rows.map(|row| Value::Object(row.image)).collect()
    }

    fn problems(text: &str) -> Vec<(String, String)> {
        let sheet = Sheet::read(text.as_bytes()).unwrap();
        let problems = sheet.problems.into_iter();
        problems.map(|it| (it.pointer, it.detail)).collect()
    }

    #[test]
    fn the_historic_columns_and_those_of_the_api_are_read() {
        let historic = "Type,Line,Space,ID,Origin,InitialOrigin,Reference1,Reference2,Reference3,Tags,Roles,MaxUnauthorised,NumberReference1,NumberReference2,NumberReference3\r\n\
                        Image,1,5,f1r,https://example.org/f1r.tif,,bib1,,,\"cover, red\",,-1,0,,3\r\n";
        let expected = json!({
            "space": "5", "id": "f1r", "origin": "https://example.org/f1r.tif", "string1": "bib1", "tags": ["cover", "red"],
            "maxUnauthorised": -1, "number1": 0, "number3": 3,
        });
        assert_eq!(images(historic), [expected]);
        let api = "SPACE;id;origin;string2;number2;MediaType;deliveryChannels\n5;a;https://a.example/a,b;x;-7;image/tiff;iiif-img,thumbs\n";
        let expected = json!({
            "space": "5", "id": "a", "origin": "https://a.example/a,b", "string2": "x", "number2": -7, "mediaType": "image/tiff",
            "deliveryChannels": ["iiif-img", "thumbs"],
        });
        assert_eq!(images(&format!("\u{feff}{api}")), [expected]);
    }

    #[test]
    fn empty_rows_are_passed_over_and_counted() {
        for end in ["\n", "\r\n", "\r"] {
            let text = "Space,ID,Origin\n\n,,\n1,a,x\n\n1,b,\"y\nz\"\n1,c,z".replace('\n', end);
            let sheet = Sheet::read(text.as_bytes()).unwrap();
            let numbers: Vec<_> = sheet.rows.iter().map(|row| row.number).collect();
            assert_eq!(numbers, [4, 6, 7]);
        }
    }

    #[test]
    fn rows_of_any_length_are_read() {
        let long = "x".repeat(5000);
        let headers: Vec<_> = (0..100).map(|_| "Line").collect();
        let text = format!(
            "Space,ID,{}\n1,{long}{}\n",
            headers.join(","),
            ",1".repeat(100)
        );
        assert_eq!(images(&text), [json!({ "space": "1", "id": long })]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_row_and_column() {
        assert_eq!(
            problems("Space,ID,NumberReference1,Type\n1,a,x,Image\n1,b,1.5,\n1,c,,Video\n1,d\n"),
            [
                ("/row/2/NumberReference1", "`NumberReference1` is `x`; give a whole number of 64 bits"),
                ("/row/3/NumberReference1", "`NumberReference1` is `1.5`; give a whole number of 64 bits"),
                ("/row/4/Type", "`Type` is `Video`; only an `Image` can be registered"),
                ("/row/5", "the row has 2 cells, and there are 4 columns: quote cells that hold a separator"),
            ]
            .map(|(pointer, detail)| (pointer.to_owned(), detail.to_owned()))
        );
        let headers = problems("Orgin,ID,Reference1,String1,Colour/n\nx,a,,,\n");
        let pointers: Vec<_> = headers
            .iter()
            .map(|(pointer, _)| pointer.as_str())
            .collect();
        assert_eq!(
            pointers,
            [
                "/row/1/Orgin",
                "/row/1/String1",
                "/row/1/Colour~1n",
                "/row/1/Space"
            ]
        );
        assert!(
            headers[0].1.ends_with("did you mean 'Origin'?"),
            "{headers:?}"
        );
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for (bytes, said) in [
            (&b""[..], "is empty"),
            (b"\n\n", "is empty"),
            (b"Space,ID", "no rows"),
            (b"Space,ID\n,\n", "no rows"),
            (b"\xff\xfeS\0p\0", "UTF-16"),
            (b"Space,ID\n1,\xe9t\xe9\n", "not UTF-8 (first in line 2)"),
            (b"Space,ID\n1,\"a\n1,b\n", "never closed"),
            (&[b','; 5000], "more than 1000 cells"),
            (
                &[&b"Space,ID\n"[..], &[b','; 5000], b"x\n"].concat(),
                "row 2 of the table",
            ),
        ] {
            let error = Sheet::read(bytes).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn pointers_lead_back_to_cells() {
        let sheet = Sheet::read(b"Space,ID,Reference1\n1,a,x\n").unwrap();
        for (pointer, row, column) in [
            ("/row/2/string1", 2, "Reference1"),
            ("/row/17/tags/3", 17, "tags"),
            ("/row/2/space", 2, "Space"),
            ("/row/3", 3, ""),
        ] {
            assert_eq!(sheet.place(pointer), (row, column.to_owned()), "{pointer}");
        }
    }
}
