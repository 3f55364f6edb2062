//! `GET /openapi.json`: an OpenAPI 3.1 document of the whole API. Each operation is what its handler says of
//! itself, with the names in its path and its refusals, which come from tables.
//!
//! The router is made of the same descriptions (`routes::described`), so no route can lack one.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use greenroom_core::Limits;
use http::Uri;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use super::{refusals, schemas};
use crate::query;
use crate::routes::{self, Answer, Api};

const ABOUT: &str = "Virtual actors: every `/v1/actors/{type}/{id}/{method}` is a durable, single-threaded, sandboxed \
                     entity.\n\nEvery answer above 399 is a problem document (RFC 9457), but for what is refused before \
                     it is a request: what is not HTTP (400) and a header section far above the limits (431). A path \
                     that is not here is `not-found`; a method that is not here is `method-not-allowed`. A parameter of \
                     the query that is not here is refused.\n\nOn a host with tokens each operation needs one, but \
                     those that say otherwise.";

/// Describes the whole API as OpenAPI
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "describeApi",
    tag = "Host",
    responses((status = 200, description = "This document", body = Object)),
)]
pub(crate) async fn describe(State(api): State<Arc<Api>>, uri: Uri) -> Answer {
    query::none(&uri)?;
    let made = || Bytes::from(document(routes::described().into_openapi(), api.limits()).to_string());
    let document = api.description.get_or_init(made).clone();
    Ok(([(CONTENT_TYPE, "application/json")], document).into_response())
}

/// The document of a host with those limits, made of what handlers say of themselves.
fn document(described: OpenApi, limits: &Limits) -> Value {
    let mut document = serde_json::to_value(described).unwrap_or_default();
    document["info"] = json!({
        "title": "Greenroom",
        "version": env!("CARGO_PKG_VERSION"),
        "description": ABOUT,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    });
    for (path, item) in members(&mut document["paths"]) {
        for operation in members(item).values_mut() {
            complete(operation);
        }
        let names = schemas::path_parameters(path);
        if !names.is_empty() {
            item["parameters"] = names.into();
        }
    }
    let components = &mut document["components"];
    members(&mut components["schemas"]).extend(schemas::all(limits));
    components["parameters"] = schemas::parameters();
    components["securitySchemes"] = json!({"token": {
        "type": "http",
        "scheme": "bearer",
        "description": "One of the tokens of the host, where it has any.",
    }});
    document["security"] = json!([{}, {"token": []}]);
    document
}

/// Adds to an operation what its handler does not say.
fn complete(operation: &mut Value) {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    members(&mut operation["responses"]).extend(refusals::responses(&id));
    if refusals::is_open(&id) {
        operation["security"] = json!([]);
    }
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        never_null(parameter);
    }
    if let Some(body) = operation.get_mut("requestBody") {
        bytes_are_bytes(&mut body["content"]);
        // A payload and a value may be empty, a component and JSON may not.
        body["required"] = (!matches!(id.as_str(), "callActor" | "writeState")).into();
    }
    for response in members(&mut operation["responses"]).values_mut() {
        if let Some(content) = response.get_mut("content") {
            bytes_are_bytes(content);
        }
        for header in response.get_mut("headers").map(members).into_iter().flat_map(Map::values_mut) {
            never_null(header);
        }
    }
}

/// An optional parameter or header is left out when it has no value: none says `null`.
fn never_null(parameter: &mut Value) {
    if let Some(kind) = parameter["schema"].get_mut("type")
        && let Some(said) = kind.as_array().and_then(|kinds| kinds.first().cloned())
    {
        *kind = said;
    }
}

/// A type can't say that it is bytes, only that it is a list of numbers.
fn bytes_are_bytes(content: &mut Value) {
    for (media_type, content) in members(content) {
        if !media_type.ends_with("json") && !media_type.starts_with("text/") {
            *content = json!({"schema": {"type": "string", "format": "binary"}});
        }
    }
}

fn members(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was made one above")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn whole() -> Value {
        document(routes::described().into_openapi(), &Limits::default())
    }

    /// All references within the document.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    /// `GREENROOM_BLESS=1 cargo test -p greenroom-http` brings it up to date.
    #[test]
    fn the_document_that_is_checked_in_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        let expected = serde_json::to_string_pretty(&whole()).unwrap() + "\n";
        if std::env::var_os("GREENROOM_BLESS").is_some() {
            std::fs::write(&path, &expected).unwrap();
        } else {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(text == expected, "docs/openapi.json is not up to date: GREENROOM_BLESS=1 makes it so");
        }
    }

    #[test]
    fn whatever_is_referred_to_is_there() {
        let document = whole();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 100, "{}", found.len());
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_its_words_and_its_refusals() {
        let document = whole();
        let mut ids = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let names = path.matches('{').count();
            assert_eq!(item["parameters"].as_array().map_or(0, Vec::len), names, "{path}");
            for (method, operation) in
                item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters")
            {
                let id = operation["operationId"].as_str().unwrap();
                assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{method} {path}");
                assert!(refusals::of(id).next().is_some(), "{id} is no row of the refusals");
                let answers: Vec<&String> = operation["responses"].as_object().unwrap().keys().collect();
                assert!(answers.iter().any(|status| status.starts_with('2')), "{id}: {answers:?}");
                for code in refusals::of(id) {
                    assert!(answers.contains(&&code.status().to_string()), "{id}: {}", code.as_str());
                }
                ids.push(id.to_owned());
            }
        }
        let mut rows = refusals::operations();
        ids.sort_unstable();
        rows.sort_unstable();
        assert_eq!(ids, rows);
    }

    #[test]
    fn a_limit_of_a_type_goes_up_to_that_of_the_host() {
        let limits = Limits { payload_bytes: 12_345, ..Limits::default() };
        let document = document(routes::described().into_openapi(), &limits);
        let limit = &document["components"]["schemas"]["SettingsToChange"]["properties"]["payload_bytes"];
        assert_eq!(limit["maximum"], 12_345);
    }

    #[test]
    fn bounds_are_the_real_ones() {
        let document = whole();
        let limits = document.to_string().matches("\"default\":100,\"maximum\":1000,\"minimum\":1,").count();
        assert!(query::limit(Some(1_000)).is_ok() && query::limit(Some(1_001)).is_err());
        assert!(limits >= 4, "{limits} operations are paged");
        assert_eq!(query::limit(None), Ok(100));
    }
}
