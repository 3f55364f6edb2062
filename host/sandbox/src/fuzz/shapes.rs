//! Types and values of them, made of any bytes.

use arbitrary::{Result, Unstructured};
use wasmtime::component::Val;

use crate::typed::names::Names;
use crate::typed::shape::{Cases, Fields, Shape};

const NAMES: [&str; 4] = ["a", "due-at", "x1", "get-URL"];

fn names(count: usize) -> Names {
    Names::new(NAMES.into_iter().take(count))
}

/// A type with at most so many levels.
pub(crate) fn shape(bytes: &mut Unstructured<'_>, levels: u32) -> Result<Shape> {
    let kinds = if levels == 0 { 15 } else { 21 };
    Ok(match bytes.int_in_range(0..=kinds)? {
        0 => Shape::Bool,
        1 => Shape::S8,
        2 => Shape::U8,
        3 => Shape::S16,
        4 => Shape::U16,
        5 => Shape::S32,
        6 => Shape::U32,
        7 => Shape::S64,
        8 => Shape::U64,
        9 => Shape::F32,
        10 => Shape::F64,
        11 => Shape::Char,
        12 => Shape::String,
        13 => Shape::Bytes,
        14 => Shape::Enum(names(bytes.int_in_range(1..=4)?)),
        15 => Shape::Flags(names(bytes.int_in_range(1..=4)?)),
        16 => match shape(bytes, levels - 1)? {
            Shape::U8 => Shape::Bytes,
            item => Shape::List(Box::new(item)),
        },
        17 => Shape::Tuple(shapes(bytes, 0, levels)?),
        18 => {
            let shapes = shapes(bytes, 1, levels)?;
            Shape::Record(Fields { names: names(shapes.len()), shapes })
        }
        19 => {
            let count = bytes.int_in_range(1..=4)?;
            let payloads = (0..count).map(|_| payload(bytes, levels)).collect::<Result<Vec<_>>>()?;
            Shape::Variant(Cases { names: names(count), payloads })
        }
        20 => Shape::Option(Box::new(shape(bytes, levels - 1)?)),
        _ => Shape::Result(Cases::of_result(payload(bytes, levels)?, payload(bytes, levels)?)),
    })
}

fn shapes(bytes: &mut Unstructured<'_>, least: usize, levels: u32) -> Result<Vec<Shape>> {
    let count = bytes.int_in_range(least..=4)?;
    (0..count).map(|_| shape(bytes, levels - 1)).collect()
}

fn payload(bytes: &mut Unstructured<'_>, levels: u32) -> Result<Option<Shape>> {
    bytes.arbitrary::<bool>()?.then(|| shape(bytes, levels - 1)).transpose()
}

/// A value of a type.
pub(crate) fn value(bytes: &mut Unstructured<'_>, shape: &Shape) -> Result<Val> {
    Ok(match shape {
        Shape::Bool => Val::Bool(bytes.arbitrary()?),
        Shape::S8 => Val::S8(bytes.arbitrary()?),
        Shape::U8 => Val::U8(bytes.arbitrary()?),
        Shape::S16 => Val::S16(bytes.arbitrary()?),
        Shape::U16 => Val::U16(bytes.arbitrary()?),
        Shape::S32 => Val::S32(bytes.arbitrary()?),
        Shape::U32 => Val::U32(bytes.arbitrary()?),
        Shape::S64 => Val::S64(bytes.arbitrary()?),
        Shape::U64 => Val::U64(bytes.arbitrary()?),
        Shape::F32 => Val::Float32(bytes.arbitrary()?),
        Shape::F64 => Val::Float64(bytes.arbitrary()?),
        Shape::Char => Val::Char(bytes.arbitrary()?),
        Shape::String => Val::String(bytes.arbitrary()?),
        Shape::Bytes => Val::List(bytes.arbitrary::<Vec<u8>>()?.into_iter().map(Val::U8).collect()),
        Shape::List(item) => {
            let count = bytes.int_in_range(0..=4)?;
            Val::List((0..count).map(|_| value(bytes, item)).collect::<Result<_>>()?)
        }
        Shape::Tuple(shapes) => {
            Val::Tuple(shapes.iter().map(|shape| value(bytes, shape)).collect::<Result<_>>()?)
        }
        Shape::Record(fields) => {
            let members = fields.names.iter().zip(&fields.shapes);
            let members = members.map(|(name, shape)| Ok((name.to_owned(), value(bytes, shape)?)));
            Val::Record(members.collect::<Result<_>>()?)
        }
        Shape::Variant(cases) => {
            let place = bytes.int_in_range(0..=cases.names.len() - 1)?;
            Val::Variant(cases.names.get(place).to_owned(), carried(bytes, cases, place)?)
        }
        Shape::Enum(names) => Val::Enum(names.get(bytes.int_in_range(0..=names.len() - 1)?).to_owned()),
        Shape::Flags(names) => {
            let set: u8 = bytes.arbitrary()?;
            let set = names.iter().enumerate().filter(|(place, _)| set >> place & 1 == 1);
            Val::Flags(set.map(|(_, name)| name.to_owned()).collect())
        }
        Shape::Option(inner) if bytes.arbitrary()? => Val::Option(Some(Box::new(value(bytes, inner)?))),
        Shape::Option(_) => Val::Option(None),
        Shape::Result(cases) if bytes.arbitrary()? => Val::Result(Ok(carried(bytes, cases, 0)?)),
        Shape::Result(cases) => Val::Result(Err(carried(bytes, cases, 1)?)),
    })
}

fn carried(bytes: &mut Unstructured<'_>, cases: &Cases, place: usize) -> Result<Option<Box<Val>>> {
    let payload = cases.payloads[place].as_ref();
    payload.map(|shape| value(bytes, shape).map(Box::new)).transpose()
}
