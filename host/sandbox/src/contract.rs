//! Whether the functions that the contract names have the contract's types. Elsewhere they would be
//! found out by the first message.

use greenroom_core::sandbox::PrepareError;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::offered;
use crate::typed::call::FAILURE_CODES;
use crate::typed::interface::Signature;
use crate::typed::names::Names;
use crate::typed::shape::{Cases, Fields, Shape, Shapes};

/// Checks what `component` exports of `behavior` and `lifecycle`.
///
/// # Errors
/// Which function is missing or of other types, for whoever uploaded it.
pub(crate) fn check(component: &Component, engine: &Engine) -> Result<(), PrepareError> {
    let activate = ("activate", vec![address()], Some(answer(None)));
    let receive = ("receive", vec![message()], Some(answer(Some(payload()))));
    let deactivate = ("deactivate", vec![], None);
    let ty = component.component_type();
    for (interface, functions) in [
        (offered::BEHAVIOR, &[activate.clone(), receive, deactivate.clone()][..]),
        (offered::LIFECYCLE, &[activate, deactivate]),
    ] {
        let Some(export) = ty.get_export(engine, interface) else { continue };
        let ComponentItem::ComponentInstance(instance) = export.ty else {
            return Err(PrepareError::Rejected(format!("{interface} is no interface")));
        };
        for (name, parameters, result) in functions {
            let found = instance.get_export(engine, name).map(|export| export.ty);
            let Some(ComponentItem::ComponentFunc(function)) = found else {
                return Err(PrepareError::Rejected(format!("{interface} has no function `{name}`")));
            };
            let is_as_agreed = Signature::of(&function, &mut Shapes::default())
                .is_ok_and(|found| found.parameters.shapes == *parameters && found.result == *result);
            if !is_as_agreed {
                return Err(PrepareError::Rejected(format!(
                    "`{name}` of {interface} has other types than the contract's; build against its WIT"
                )));
            }
        }
    }
    Ok(())
}

fn record(members: impl IntoIterator<Item = (&'static str, Shape)>) -> Shape {
    let (names, shapes): (Vec<&str>, Vec<Shape>) = members.into_iter().unzip();
    Shape::Record(Fields { names: Names::new(names), shapes })
}

fn address() -> Shape {
    record([("actor-type", Shape::String), ("id", Shape::String)])
}

fn payload() -> Shape {
    record([("content-type", Shape::String), ("body", Shape::Bytes)])
}

fn message() -> Shape {
    let origin = Shape::Variant(Cases {
        names: Names::new(["client", "actor", "reminder", "timer"]),
        payloads: vec![None, Some(address()), Some(Shape::String), Some(Shape::String)],
    });
    record([
        ("id", Shape::String),
        ("method", Shape::String),
        ("payload", payload()),
        ("origin", origin),
        ("attempt", Shape::U32),
    ])
}

/// `result<ok, failure>`
fn answer(ok: Option<Shape>) -> Shape {
    let codes = Shape::Enum(Names::new(FAILURE_CODES.map(|(name, _)| name)));
    Shape::Result(Cases::of_result(ok, Some(record([("code", codes), ("message", Shape::String)]))))
}
