//! A message's body as the arguments of a method, matched to its parameters by name or by position.
//!
//! The generated code reads them in order: `Arguments::read(body, names)`, then `next` once for each
//! parameter.

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor, value};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::value::RawValue;

use crate::json::{self, Malformed};
use crate::{Failure, Payload, Result};

/// The arguments of one message.
pub struct Arguments<'a> {
    names: &'static [&'static str],
    /// One place for each parameter, empty where no argument was given.
    given: Vec<Option<&'a RawValue>>,
    taken: usize,
}

impl<'a> Arguments<'a> {
    /// Matches the body to the parameters called `names`.
    pub fn read(payload: &'a Payload, names: &'static [&'static str]) -> Result<Self> {
        let arguments = |given| Ok(Arguments { names, given, taken: 0 });
        let body = payload.body.trim_ascii();
        if names.is_empty() || body.is_empty() {
            return arguments(vec![None; names.len()]);
        }
        match (body[0], names) {
            (b'{', [name]) => {
                let members: Members<'a> = parse(body)?;
                match members.0.as_slice() {
                    [(given, value)] if given == name => arguments(vec![Some(*value)]),
                    _ => arguments(vec![Some(parse(body)?)]),
                }
            }
            (_, [_]) => arguments(vec![Some(parse(body)?)]),
            (b'{', _) => arguments(by_name(parse(body)?, names)?),
            (b'[', _) => arguments(by_position(parse(body)?, names)?),
            _ => Err(Failure::invalid_argument(format_args!(
                "expected an object or an array of the arguments {}",
                names.join(", ")
            ))),
        }
    }

    /// The next parameter's argument.
    #[allow(clippy::should_implement_trait)] // each one is of another type
    pub fn next<T: DeserializeOwned>(&mut self) -> Result<T> {
        let position = self.taken;
        self.taken += 1;
        match self.given.get(position).copied().flatten() {
            Some(value) => {
                json::decode(value.get().as_bytes()).map_err(|malformed| self.wrong(position, &malformed))
            }
            None => T::deserialize(NotGiven).map_err(|_| self.missing(position)),
        }
    }

    fn wrong(&self, position: usize, Malformed { path, problem }: &Malformed) -> Failure {
        let name = self.names[position];
        let separator = if path.is_empty() || path.starts_with('[') { "" } else { "." };
        Failure::invalid_argument(format_args!("argument `{name}{separator}{path}`: {problem}"))
    }

    fn missing(&self, position: usize) -> Failure {
        Failure::invalid_argument(format_args!("argument `{}` is missing", self.names[position]))
    }
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    serde_json::from_slice(body)
        .map_err(|error| Failure::invalid_argument(format_args!("the body is not JSON: {error}")))
}

fn by_name<'a>(members: Members<'a>, names: &[&str]) -> Result<Vec<Option<&'a RawValue>>> {
    let mut given = vec![None; names.len()];
    for (name, value) in members.0 {
        let problem = match names.iter().position(|known| *known == name) {
            Some(position) if given[position].is_none() => {
                given[position] = Some(value);
                continue;
            }
            Some(_) => format!("argument `{name}` is given twice"),
            None => format!("unknown argument `{name}`; there are {}", names.join(", ")),
        };
        return Err(Failure::invalid_argument(problem));
    }
    Ok(given)
}

fn by_position<'a>(values: Vec<&'a RawValue>, names: &[&str]) -> Result<Vec<Option<&'a RawValue>>> {
    if values.len() > names.len() {
        return Err(Failure::invalid_argument(format_args!(
            "{} arguments are too many; there are {}",
            values.len(),
            names.join(", ")
        )));
    }
    let mut given: Vec<_> = values.into_iter().map(Some).collect();
    given.resize(names.len(), None);
    Ok(given)
}

/// An object's members in their order, repeated ones included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

/// Stands for an argument that was not given: nothing can be read from it but `None`.
struct NotGiven;

impl<'de> Deserializer<'de> for NotGiven {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, value::Error> {
        Err(serde::de::Error::custom("not given"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
