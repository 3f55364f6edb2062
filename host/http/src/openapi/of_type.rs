//! `GET /v1/actor-types/{type}/openapi.json`: an OpenAPI 3.1 document of one actor type, made from what
//! its component says of its own methods.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use greenroom_core::ActorType;
use greenroom_core::component::{Description, MethodDescription};
use http::Uri;
use serde_json::{Map, Value, json};

use super::schemas::problem;
use crate::path::ActorTypePath;
use crate::problem::PROBLEM_JSON;
use crate::query;
use crate::routes::{Answer, Api};

const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

/// Describes the methods of an actor type as OpenAPI
///
/// Made from what its component says of itself.
#[utoipa::path(
    get,
    path = "/v1/actor-types/{type}/openapi.json",
    operation_id = "describeActorType",
    tag = "Actor types",
    responses(
        (status = 200, description = "An OpenAPI 3.1 document", body = Object),
    ),
)]
pub(crate) async fn describe(
    State(api): State<Arc<Api>>,
    ActorTypePath(actor_type): ActorTypePath,
    uri: Uri,
) -> Answer {
    query::none(&uri)?;
    let known = api.node.actor_type(&actor_type).await?;
    let description = api.node.describe(&actor_type).await?;
    Ok(Json(document(&actor_type, known.active_version, &description)).into_response())
}

/// The document of a version of an actor type.
fn document(actor_type: &ActorType, version: u32, description: &Description) -> Value {
    let paths: Map<String, Value> = description
        .methods
        .iter()
        .map(|method| {
            let path = format!("/v1/actors/{actor_type}/{{id}}/{}", method.name);
            (path, json!({"parameters": [actor_id()], "post": operation(method)}))
        })
        .collect();
    let mut about = format!("What can be asked of actors of type `{actor_type}`.");
    if description.takes_any_method {
        about.push_str(" They take other methods too, which their component does not describe.");
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": actor_type.as_str(), "version": version.to_string(), "description": about},
        "paths": paths,
        "components": {"schemas": {"Problem": problem()}},
    })
}

fn actor_id() -> Value {
    json!({
        "name": "id",
        "in": "path",
        "required": true,
        "description": "Which actor of the type. It need not be created.",
        "schema": {"type": "string", "minLength": 1},
    })
}

fn operation(method: &MethodDescription) -> Value {
    let mut operation = Map::new();
    operation.insert("operationId".into(), json!(method.name));
    if let Some(docs) = &method.docs {
        operation.insert("summary".into(), json!(docs.lines().next().unwrap_or_default()));
        operation.insert("description".into(), json!(docs));
    }
    if let Some(interface) = &method.interface {
        operation.insert("tags".into(), json!([interface]));
    }
    operation.insert("parameters".into(), json!([prefer(), delay(), idempotency_key()]));
    if let Some(body) = request_body(method) {
        operation.insert("requestBody".into(), body);
    }
    operation.insert("responses".into(), responses(method));
    Value::Object(operation)
}

fn prefer() -> Value {
    json!({
        "name": "Prefer",
        "in": "header",
        "description": "`respond-async`: return when the message is durable, without waiting for the reply.",
        "schema": {"type": "string"},
    })
}

fn delay() -> Value {
    json!({
        "name": "delay",
        "in": "query",
        "description": "With `Prefer: respond-async`: how long until the message is due, as ISO 8601 has it.",
        "schema": {"type": "string"},
        "example": "PT1H30M",
    })
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A name for this request to this actor. Every repeat with it gets the answer of the first, \
                        with `Idempotency-Replayed: true`, and takes no second effect.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    })
}

fn content(json: &Value, or_bytes: bool) -> Value {
    let mut content = Map::from_iter([(JSON.to_owned(), json!({"schema": json}))]);
    if or_bytes {
        content.insert(BYTES.into(), json!({}));
    }
    Value::Object(content)
}

/// The arguments by name, if there are any.
fn request_body(method: &MethodDescription) -> Option<Value> {
    let count = |member: &str, counts: fn(&Value) -> usize| method.parameters.get(member).map_or(0, counts);
    if count("properties", |members| members.as_object().map_or(0, Map::len)) == 0 {
        return None;
    }
    let required = count("required", |names| names.as_array().map_or(0, Vec::len)) > 0;
    Some(json!({"required": required, "content": content(&method.parameters, method.takes_bytes)}))
}

fn responses(method: &MethodDescription) -> Value {
    let mut responses = Map::new();
    match &method.result {
        Some(result) => {
            let content = content(result, method.gives_bytes);
            responses.insert("200".into(), json!({"description": "The result", "content": content}));
        }
        None => drop(responses.insert("204".into(), json!({"description": "Done"}))),
    }
    responses.insert("202".into(), json!({"description": "The message is durable"}));
    let problem = json!({"$ref": "#/components/schemas/Problem"});
    if let Some(error) = &method.error {
        let failed = json!({"allOf": [problem, {"properties": {"error": error}, "required": ["error"]}]});
        let content = json!({PROBLEM_JSON: {"schema": failed}});
        responses.insert(
            "422".into(),
            json!({"description": "The method answered with an error", "content": content}),
        );
    }
    let content = json!({PROBLEM_JSON: {"schema": problem}});
    responses.insert("default".into(), json!({"description": "A problem", "content": content}));
    Value::Object(responses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(name: &str) -> MethodDescription {
        MethodDescription {
            name: name.into(),
            aliases: Vec::new(),
            interface: None,
            docs: None,
            parameters: json!({"type": "object", "properties": {}, "required": []}),
            takes_bytes: false,
            result: None,
            gives_bytes: false,
            error: None,
        }
    }

    fn path<'a>(document: &'a Value, method: &str) -> &'a Value {
        &document["paths"][format!("/v1/actors/shop/{{id}}/{method}")]["post"]
    }

    #[test]
    fn a_method_is_an_operation_with_its_schemas_and_words() {
        let add = MethodDescription {
            interface: Some("shop:orders/cart".into()),
            docs: Some("Adds.\nTwice.".into()),
            parameters: json!({"type": "object", "properties": {"n": {}}, "required": ["n"]}),
            takes_bytes: true,
            result: Some(json!({"type": "integer"})),
            error: Some(json!({"type": "string"})),
            ..method("add")
        };
        let description = Description { methods: vec![add, method("clear")], takes_any_method: true };
        let document = document(&ActorType::new("shop").unwrap(), 3, &description);
        assert_eq!(document["info"]["version"], "3");
        assert!(document["info"]["description"].as_str().unwrap().contains("other methods"));
        let add = path(&document, "add");
        assert_eq!((&add["summary"], &add["description"]), (&json!("Adds."), &json!("Adds.\nTwice.")));
        assert_eq!(add["requestBody"]["required"], true);
        assert!(add["requestBody"]["content"][BYTES].is_object());
        assert_eq!(add["responses"]["200"]["content"], json!({JSON: {"schema": {"type": "integer"}}}));
        let error = &add["responses"]["422"]["content"][PROBLEM_JSON]["schema"]["allOf"][1];
        assert_eq!(error["properties"]["error"], json!({"type": "string"}));
        let clear = path(&document, "clear");
        assert!(clear.get("requestBody").is_none() && clear["responses"]["204"].is_object());
        assert!(clear["responses"].get("422").is_none());
    }
}
