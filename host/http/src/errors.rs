//! What the errors mean: the page that the `type` of every problem document refers to, served by
//! the host itself, so that it always fits the host's version.

use axum::extract::{FromRequestParts as _, RawPathParams};
use axum::response::{IntoResponse as _, Response};
use greenroom_core::Code;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use crate::problem::Problem;
use crate::routes::Answer;

/// The documentation of all codes.
const DOCUMENT: &str = include_str!("../../../docs/errors.md");

/// Shows what all error codes mean
#[utoipa::path(
    get,
    path = "/errors",
    operation_id = "listErrors",
    tag = "Host",
    responses(
        (status = 200, description = "The documentation of every code", body = String, content_type = "text/markdown"),
    ),
)]
pub(crate) async fn all() -> Response {
    markdown(DOCUMENT.to_owned())
}

/// Shows what an error code means
///
/// The `type` of every problem document refers to this.
#[utoipa::path(
    get,
    path = "/errors/{code}",
    operation_id = "showError",
    tag = "Host",
    responses(
        (status = 200, description = "The rows of the table with that code", body = String, content_type = "text/markdown"),
    ),
)]
pub(crate) async fn one(mut parts: Parts) -> Answer {
    let asked = RawPathParams::from_request_parts(&mut parts, &()).await.ok();
    let code = asked.as_ref().and_then(|asked| asked.iter().next()).map_or("", |(_, code)| code);
    let rows: Vec<&str> = rows().filter(|row| row.code == code).map(|row| row.line).collect();
    if rows.is_empty() {
        return Err(Problem::new(Code::NotFound, "there is no such error; /errors lists all"));
    }
    let head = DOCUMENT.lines().filter(|line| line.starts_with("| code") || line.starts_with("| ---"));
    let table: Vec<&str> = head.take(2).chain(rows).collect();
    Ok(markdown(table.join("\n") + "\n"))
}

fn markdown(text: String) -> Response {
    ([(CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response()
}

/// One row of the documentation's table.
struct Row {
    line: &'static str,
    code: &'static str,
    #[cfg_attr(not(test), allow(dead_code))]
    cells: Vec<&'static str>,
}

fn rows() -> impl Iterator<Item = Row> {
    DOCUMENT.lines().filter(|line| line.starts_with("| `")).map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        Row { line, code: cells.first().map_or("", |cell| cell.trim_matches('`')), cells }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cells that the table of codes decides.
    fn decided(code: Code) -> [String; 4] {
        [
            code.as_str().into(),
            code.status().to_string(),
            code.source().as_str().into(),
            code.retry().as_str().into(),
        ]
    }

    #[test]
    fn the_documentation_and_the_table_of_codes_agree() {
        let documented: Vec<[String; 4]> = rows()
            .map(|row| {
                assert_eq!(row.cells.len(), 6, "{}", row.line);
                assert!(row.cells.iter().all(|cell| !cell.is_empty()), "{}", row.line);
                [row.code.to_owned(), row.cells[1].into(), row.cells[2].into(), row.cells[3].into()]
            })
            .collect();
        let known: Vec<[String; 4]> = Code::ALL.iter().map(|code| decided(*code)).collect();
        for row in &known {
            assert!(documented.contains(row), "docs/errors.md lacks {row:?}");
        }
        for row in &documented {
            assert!(known.contains(row), "docs/errors.md has {row:?}, which is no code");
        }
        assert_eq!(documented.len(), known.len(), "docs/errors.md has a code twice");
    }
}
