//! An actor's reminders: looked at, set and cancelled from outside.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::IntoResponse as _;
use greenroom_core::{Code, Method, Payload, Schedule};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode, Uri};

use crate::body::Limit;
use crate::json;
use crate::number;
use crate::path::{ActorPath, NamedPath};
use crate::problem::Problem;
use crate::query::{self, Page};
use crate::routes::{Answer, Api};
use crate::view;

/// Lists the reminders of an actor
#[utoipa::path(
    get,
    path = "/v1/actors/{type}/{id}/-/reminders",
    operation_id = "listReminders",
    tag = "Reminders",
    responses(
        (status = 200, description = "All of them, by name", body = Page<view::Reminder>),
    ),
)]
pub(crate) async fn list(State(api): State<Arc<Api>>, ActorPath(address): ActorPath, uri: Uri) -> Answer {
    query::none(&uri)?;
    let reminders = api.node.reminders(&address).await?;
    Ok(Json(Page::whole(reminders.iter().map(view::Reminder::from).collect())).into_response())
}

/// Sets a reminder of an actor by hand
///
/// In place of the one of that name, if there is one.
#[utoipa::path(
    put,
    path = "/v1/actors/{type}/{id}/-/reminders/{name}",
    operation_id = "setReminder",
    tag = "Reminders",
    request_body(content = ref("#/components/schemas/ReminderToSet"), content_type = "application/json"),
    responses(
        (status = 204, description = "It is durable"),
    ),
)]
pub(crate) async fn set(
    State(api): State<Arc<Api>>,
    NamedPath { address, name }: NamedPath,
    request: Request,
) -> Answer {
    query::none(request.uri())?;
    if !is_json(request.headers()) {
        return Err(Problem::new(Code::UnsupportedMediaType, "a reminder is set with application/json"));
    }
    let limit = Limit { bytes: api.limits().payload_bytes, name: "payload_bytes" };
    let received = api.bodies.read_all_of(request, limit).await?;
    let (schedule, method, payload) = parse(&received.bytes)?;
    api.node.set_reminder(&address, &name, schedule, method, payload).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Cancels a reminder of an actor by hand
#[utoipa::path(
    delete,
    path = "/v1/actors/{type}/{id}/-/reminders/{name}",
    operation_id = "cancelReminder",
    tag = "Reminders",
    responses(
        (status = 204, description = "It is gone"),
    ),
)]
pub(crate) async fn cancel(
    State(api): State<Arc<Api>>,
    NamedPath { address, name }: NamedPath,
    uri: Uri,
) -> Answer {
    query::none(&uri)?;
    if api.node.cancel_reminder(&address, &name).await? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(Problem::new(Code::NotFound, "the actor has no reminder of that name"))
    }
}

/// Whether the body says that it is JSON, or says nothing.
fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_none_or(|value| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        essence.trim_ascii().eq_ignore_ascii_case(Payload::JSON.as_bytes())
    })
}

fn parse(body: &[u8]) -> Result<(Schedule, Method, Payload), Problem> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked<'a> {
        method: Method,
        #[serde(deserialize_with = "number::read")]
        delay_ms: u64,
        #[serde(default, deserialize_with = "number::read_optional")]
        period_ms: Option<u64>,
        #[serde(default, deserialize_with = "number::read_optional")]
        repetitions: Option<u32>,
        #[serde(borrow)]
        payload: Option<&'a serde_json::value::RawValue>,
    }
    if body.trim_ascii_start().first().is_some_and(|first| first.is_ascii() && *first != b'{') {
        return Err(Problem::invalid_request("the reminder is not valid: it is a JSON object"));
    }
    let asked: Asked<'_> = json::read(body)
        .map_err(|error| Problem::invalid_request(format!("the reminder is not valid: {error}")))?;
    let schedule = Schedule::new(asked.delay_ms, asked.period_ms, asked.repetitions)
        .map_err(|error| Problem::invalid_request(error.to_string()))?;
    let payload = match asked.payload {
        Some(json) => Payload::new(Payload::JSON, json.get().to_owned()),
        None => Payload::new("", bytes::Bytes::new()),
    };
    Ok((schedule, asked.method, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reminder_is_read_as_it_was_meant() {
        let body = br#"{"method":"tick","delay_ms":5,"period_ms":100,"repetitions":3,"payload":{"b": 1.0}}"#;
        let (schedule, method, payload) = parse(body).unwrap();
        assert_eq!(schedule, Schedule::new(5, Some(100), Some(3)).unwrap());
        assert_eq!(method.as_str(), "tick");
        let (as_floats, ..) =
            parse(br#"{"method":"tick","delay_ms":5.0,"period_ms":1e2,"repetitions":3.0}"#).unwrap();
        assert_eq!(as_floats, schedule);
        assert_eq!(payload, Payload::new("application/json", "{\"b\": 1.0}"));
        let (_, _, payload) = parse(br#"{"method":"tick","delay_ms":0}"#).unwrap();
        assert!(payload.is_empty());
    }

    #[test]
    fn a_reminder_that_is_not_one_is_refused_with_the_reason() {
        for (body, reason) in [
            ("", "EOF"),
            ("\u{feff}{}", "byte order mark"),
            (r#"{"method":"a","method":"a","delay_ms":0}"#, "method"),
            ("[]", "it is a JSON object"),
            (r#"["tick",100,null,null,null]"#, "it is a JSON object"),
            (r#"{"delay_ms":0}"#, "method"),
            (r#"{"method":"1","delay_ms":0}"#, "beginning with a letter"),
            (r#"{"method":"a"}"#, "delay_ms"),
            (r#"{"method":"a","delay_ms":-1}"#, "delay_ms\":-1"),
            (r#"{"method":"a","delay_ms":0,"period_ms":1}"#, "period_min"),
            (r#"{"method":"a","delay_ms":0,"perod_ms":100}"#, "perod_ms"),
        ] {
            let problem = parse(body.as_bytes()).unwrap_err();
            assert_eq!(problem.code(), Code::InvalidRequest, "{body}");
            let named = problem.detail().contains(reason) || reason.contains("-1");
            assert!(named, "{body}: {}", problem.detail());
        }
    }

    #[test]
    fn only_json_sets_a_reminder() {
        let says = |value: &str| is_json(&HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]));
        assert!(is_json(&HeaderMap::new()));
        assert!(says("application/json") && says("Application/JSON; charset=utf-8"));
        assert!(!says("text/plain") && !says("application/jsonx"));
    }
}
