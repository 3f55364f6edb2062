//! JSON Schema (2020-12) of the JSON that a type is, and what is told of a method. Names are in kebab
//! case, as in the WIT and in answers.

use greenroom_core::component::MethodDescription;
use serde_json::{Map, Value, json};

use crate::typed::call::Outcome;
use crate::typed::interface::Method;
use crate::typed::names::Names;
use crate::typed::shape::{Cases, Fields, Shape};

/// What is told of a method.
pub(crate) fn describe(method: &Method) -> MethodDescription {
    let parameters = &method.signature.parameters;
    let outcome = Outcome::of(&method.signature);
    let (result, error) = match outcome {
        Outcome::Nothing => (None, None),
        Outcome::Value(shape) => (Some(shape), None),
        Outcome::Fallible { ok, err, .. } => (ok, err),
    };
    MethodDescription {
        name: method.name.to_string(),
        aliases: method.alias.iter().map(ToString::to_string).collect(),
        interface: method.interface.as_ref().map(ToString::to_string),
        docs: method.docs.clone(),
        parameters: object(parameters),
        takes_bytes: parameters.shapes == [Shape::Bytes],
        result: result.map(schema),
        gives_bytes: result == Some(&Shape::Bytes),
        error: error.filter(|_| !outcome.is_failure()).map(schema),
    }
}

/// The schema of a type.
pub(crate) fn schema(shape: &Shape) -> Value {
    match shape {
        Shape::Bool => json!({"type": "boolean"}),
        // JSON Schema's numbers may be doubles: the bounds that they can't hold are left to the text.
        Shape::S64 => json!({"type": ["integer", "string"], "format": "int64", "pattern": "^-?[0-9]+$"}),
        Shape::U64 => {
            json!({"type": ["integer", "string"], "format": "uint64", "minimum": 0, "pattern": "^[0-9]+$"})
        }
        Shape::F32 => float("float"),
        Shape::F64 => float("double"),
        Shape::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
        Shape::String => json!({"type": "string"}),
        Shape::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
        Shape::List(item) => json!({"type": "array", "items": schema(item)}),
        Shape::Tuple(shapes) => {
            let items: Vec<Value> = shapes.iter().map(schema).collect();
            json!({"type": "array", "prefixItems": items, "minItems": items.len(), "maxItems": items.len()})
        }
        Shape::Record(fields) => object(fields),
        Shape::Enum(names) => json!({"type": "string", "enum": list(names)}),
        Shape::Flags(names) => {
            json!({"type": "array", "items": {"type": "string", "enum": list(names)}, "uniqueItems": true})
        }
        Shape::Variant(cases) | Shape::Result(cases) => json!({"oneOf": one_of(cases)}),
        Shape::Option(inner) if shape.is_wrapped_option() => {
            json!({"anyOf": [member("some", schema(inner)), {"type": "null"}]})
        }
        Shape::Option(inner) => json!({"anyOf": [schema(inner), {"type": "null"}]}),
        integer => match integer.integer_range() {
            Some((min, max)) => json!({"type": "integer", "minimum": min as i64, "maximum": max as i64}),
            None => json!({}),
        },
    }
}

fn float(format: &str) -> Value {
    json!({"anyOf": [
        {"type": "number", "format": format},
        {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]},
    ]})
}

fn list(names: &Names) -> Vec<&str> {
    names.iter().collect()
}

fn object(fields: &Fields) -> Value {
    let properties: Map<String, Value> =
        fields.names.iter().map(str::to_owned).zip(fields.shapes.iter().map(schema)).collect();
    let required: Vec<&str> = fields
        .names
        .iter()
        .zip(&fields.shapes)
        .filter_map(|(name, shape)| (!shape.is_optional()).then_some(name))
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn member(name: &str, value: Value) -> Value {
    let properties = Map::from_iter([(name.to_owned(), value)]);
    json!({
        "type": "object",
        "properties": properties,
        "required": [name],
        "additionalProperties": false,
    })
}

fn one_of(cases: &Cases) -> Vec<Value> {
    let case = |(name, payload): (&str, &Option<Shape>)| match payload {
        None => json!({"const": name}),
        Some(shape) => member(name, schema(shape)),
    };
    cases.names.iter().zip(&cases.payloads).map(case).collect()
}
