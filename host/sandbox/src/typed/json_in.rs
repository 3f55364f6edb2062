//! From JSON to values of a type, in one pass over the text. A refusal names the path of what does
//! not fit. The parser bounds the depth, [`Reading`] the number of values. Integers are what is written, exactly;
//! floating point numbers the nearest there is.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::LazyLock;

use greenroom_core::number::{NotWhole, whole};
use serde::de::{
    self, Deserialize as _, DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use wasmtime::component::Val;

use crate::typed::names::Names;
use crate::typed::room::VALUES_MAX;
use crate::typed::shape::{Cases, Shape};

/// The greatest integer below which a double can tell all integers apart.
pub(crate) const SAFE_INTEGER_MAX: i128 = (1 << 53) - 1;
/// Longest foreign name shown.
const NAME_CHARS_MAX: usize = 80;

/// The one member of an option whose `some` is written out.
static SOME: LazyLock<Names> = LazyLock::new(|| Names::new(["some"]));

/// What one text is read with.
pub(crate) struct Reading {
    left: Cell<usize>,
    refusal: RefCell<Option<String>>,
}

/// Where a value is, from the root.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str),
    Element(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => f.write_str("$"),
            Path::Member(parent, name) => write!(f, "{parent}.{name}"),
            Path::Element(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl Reading {
    pub(crate) fn new() -> Self {
        Reading { left: Cell::new(VALUES_MAX), refusal: RefCell::default() }
    }

    /// How many values there were so far.
    pub(crate) fn values(&self) -> usize {
        VALUES_MAX - self.left.get()
    }

    /// Reads the whole of a text.
    ///
    /// # Errors
    /// What does not fit and where, for whoever sent it.
    pub(crate) fn read<'de, S: DeserializeSeed<'de>>(
        &self,
        json: &'de [u8],
        seed: S,
    ) -> Result<S::Value, String> {
        let mut parser = serde_json::Deserializer::from_slice(json);
        let value = seed.deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
        value.map_err(|error| {
            let refusal = self.refusal.borrow_mut().take();
            refusal.unwrap_or_else(|| format!("$: not JSON: {error}"))
        })
    }

    pub(crate) fn count<E: de::Error>(&self, path: &Path<'_>, values: usize) -> Result<(), E> {
        match self.left.get().checked_sub(values) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(self.refuse(path, format_args!("more than {VALUES_MAX} values in one message"))),
        }
    }

    pub(crate) fn refuse<E: de::Error>(&self, path: &Path<'_>, why: impl fmt::Display) -> E {
        *self.refusal.borrow_mut() = Some(format!("{path}: {why}"));
        E::custom("")
    }
}

/// A value to be read: of what type, and where it is.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) path: &'a Path<'a>,
    pub(crate) reading: &'a Reading,
}

/// Reads what is within an option as that, and says that there is some.
macro_rules! or_within_option {
    ($self:ident, $inner:ident => $read:expr) => {
        if let Some($inner) = $self.within_option() {
            return $read.map(|value| Val::Option(Some(Box::new(value))));
        }
    };
}

impl<'a> Wanted<'a> {
    fn refuse<E: de::Error>(&self, why: impl fmt::Display) -> E {
        self.reading.refuse(self.path, why)
    }

    fn unexpected<E: de::Error>(&self, found: &str) -> E {
        self.refuse(format_args!("expected {}, found {found}", self.shape.expectation()))
    }

    /// What is within an option whose `some` looks like the value itself.
    fn within_option(self) -> Option<Self> {
        match self.shape {
            Shape::Option(inner) if !self.shape.is_wrapped_option() => Some(Wanted { shape: inner, ..self }),
            _ => None,
        }
    }

    fn integer<E: de::Error>(self, value: i128) -> Result<Val, E> {
        let in_range = self.shape.integer_range().is_some_and(|(min, max)| (min..=max).contains(&value));
        Ok(match self.shape {
            _ if !in_range => return Err(self.unexpected(&format!("number {value}"))),
            Shape::S8 => Val::S8(value as i8),
            Shape::U8 => Val::U8(value as u8),
            Shape::S16 => Val::S16(value as i16),
            Shape::U16 => Val::U16(value as u16),
            Shape::S32 => Val::S32(value as i32),
            Shape::U32 => Val::U32(value as u32),
            Shape::S64 => Val::S64(value as i64),
            Shape::U64 => Val::U64(value as u64),
            _ => return Err(self.unexpected("number")),
        })
    }

    /// A number as it is written.
    fn number<E: de::Error>(self, json: &str) -> Result<Val, E> {
        or_within_option!(self, inner => inner.number(json));
        let too_large = |bits: usize| {
            self.refuse(format_args!("expected a {bits}-bit float, found {}, which is too large", cut(json)))
        };
        match self.shape {
            Shape::F32 => match json.parse::<f32>() {
                Ok(value) if value.is_finite() => Ok(Val::Float32(value)),
                _ => Err(too_large(32)),
            },
            Shape::F64 => match json.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(Val::Float64(value)),
                _ => Err(too_large(64)),
            },
            _ => match whole(json) {
                Ok(value) => self.integer(value),
                Err(NotWhole::TooLarge) => Err(self.unexpected(&format!("number {}", cut(json)))),
                Err(NotWhole::Exactly) => {
                    let found = format!("{}, which {}", cut(json), NotWhole::Exactly);
                    Err(self.unexpected(&found))
                }
            },
        }
    }

    fn decimal<E: de::Error>(self, text: &str) -> Result<Val, E> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(value) if is_decimal => self.integer(value),
            _ => Err(self.unexpected("a string that is no integer")),
        }
    }

    fn text<E: de::Error>(self, text: &str) -> Result<Val, E> {
        match self.shape {
            Shape::String => Ok(Val::String(text.to_owned())),
            Shape::Char => {
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(char), None) => Ok(Val::Char(char)),
                    _ => Err(self.unexpected("a string of another length")),
                }
            }
            Shape::Enum(names) => match names.find(text) {
                Some(place) => Ok(Val::Enum(names.get(place).to_owned())),
                None => Err(self.unexpected(&quoted(text))),
            },
            Shape::Variant(cases) | Shape::Result(cases) => match cases.names.find(text) {
                Some(place) if cases.payloads[place].is_none() => Ok(self.case(cases, place, None)),
                Some(place) => {
                    let name = cases.names.get(place);
                    Err(self.refuse(format_args!(r#"expected {{"{name}": value}}, found only its name"#)))
                }
                None => Err(self.unexpected(&quoted(text))),
            },
            Shape::Bytes => {
                let bytes = from_base64(text).ok_or_else(|| self.unexpected("a string that is no base64"))?;
                self.reading.count(self.path, bytes.len())?;
                Ok(list_of(&bytes))
            }
            Shape::S64 | Shape::U64 => self.decimal(text),
            Shape::F32 | Shape::F64 => match text {
                "NaN" => Ok(self.float(f64::NAN)),
                "Infinity" => Ok(self.float(f64::INFINITY)),
                "-Infinity" => Ok(self.float(f64::NEG_INFINITY)),
                _ => Err(self.unexpected("another string")),
            },
            _ => Err(self.unexpected("string")),
        }
    }

    /// What is no number, or without end.
    fn float(self, value: f64) -> Val {
        if matches!(self.shape, Shape::F32) { Val::Float32(value as f32) } else { Val::Float64(value) }
    }

    fn case(self, cases: &Cases, place: usize, payload: Option<Val>) -> Val {
        let payload = payload.map(Box::new);
        match (self.shape, place) {
            (Shape::Result(_), 0) => Val::Result(Ok(payload)),
            (Shape::Result(_), _) => Val::Result(Err(payload)),
            _ => Val::Variant(cases.names.get(place).to_owned(), payload),
        }
    }

    /// `{"case": value}`
    fn tagged<'de, A: MapAccess<'de>>(self, cases: &Cases, mut map: A) -> Result<Val, A::Error> {
        let place = match map.next_key_seed(NameOf(&cases.names))? {
            Some(Ok(place)) => place,
            Some(Err(foreign)) => return Err(self.unexpected(&format!("the case {foreign}"))),
            None => return Err(self.unexpected("an empty object")),
        };
        let path = Path::Member(self.path, cases.names.get(place));
        let payload = if let Some(shape) = &cases.payloads[place] {
            Some(map.next_value_seed(Wanted { shape, path: &path, ..self })?)
        } else if map.next_value::<Option<IgnoredAny>>()?.is_none() {
            None
        } else {
            return Err(self.reading.refuse(&path, "expected null, for this case carries no value"));
        };
        if map.next_key::<IgnoredAny>()?.is_some() {
            return Err(self.refuse("expected an object with one member, the case"));
        }
        Ok(self.case(cases, place, payload))
    }

    /// `{"some": value}`
    fn wrapped<'de, A: MapAccess<'de>>(self, inner: &'a Shape, map: A) -> Result<Val, A::Error> {
        let inner = std::slice::from_ref(inner);
        let mut members = read_members(map, (&SOME, inner), self.path, self.reading, true)?;
        Ok(Val::Option(members.pop().map(Box::new)))
    }

    fn flags<'de, A: SeqAccess<'de>>(self, names: &Names, mut seq: A) -> Result<Val, A::Error> {
        let mut set = vec![false; names.len()];
        let mut index = 0;
        while let Some(found) = seq.next_element_seed(NameOf(names))? {
            let path = Path::Element(self.path, index);
            self.reading.count(&path, 1)?;
            match found {
                Ok(place) => set[place] = true,
                Err(foreign) => {
                    let expected = format_args!("expected one of {}, found {foreign}", names.shown());
                    return Err(self.reading.refuse(&path, expected));
                }
            }
            index += 1;
        }
        let named = names.iter().zip(set).filter(|(_, set)| *set);
        Ok(Val::Flags(named.map(|(name, _)| name.to_owned()).collect()))
    }
}

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = Val;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        self.reading.count(self.path, 1)?;
        if !self.shape.is_number() {
            return deserializer.deserialize_any(self);
        }
        let json = <&RawValue>::deserialize(deserializer)?.get();
        if json.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return self.number(json);
        }
        serde_json::Deserializer::from_str(json).deserialize_any(self).map_err(de::Error::custom)
    }
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shape.expectation())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Val, E> {
        or_within_option!(self, inner => inner.visit_bool(value));
        match self.shape {
            Shape::Bool => Ok(Val::Bool(value)),
            _ => Err(self.unexpected("boolean")),
        }
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Val, E> {
        Err(self.unexpected(&format!("number {value}")))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Val, E> {
        Err(self.unexpected(&format!("number {value}")))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Val, E> {
        Err(self.unexpected(&format!("number {value:e}")))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Val, E> {
        or_within_option!(self, inner => inner.visit_str(value));
        self.text(value)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Val, E> {
        match self.shape {
            Shape::Option(_) => Ok(Val::Option(None)),
            _ => Err(self.unexpected("null")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Val, A::Error> {
        or_within_option!(self, inner => inner.visit_seq(seq));
        match self.shape {
            Shape::List(shape) => {
                let mut list = Vec::new();
                loop {
                    let path = Path::Element(self.path, list.len());
                    match seq.next_element_seed(Wanted { shape, path: &path, ..self })? {
                        Some(value) => list.push(value),
                        None => return Ok(Val::List(list)),
                    }
                }
            }
            Shape::Tuple(shapes) => {
                read_elements(seq, shapes, self.path, self.reading, false).map(Val::Tuple)
            }
            Shape::Flags(names) => self.flags(names, seq),
            _ => Err(self.unexpected("array")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Val, A::Error> {
        or_within_option!(self, inner => inner.visit_map(map));
        match self.shape {
            Shape::Record(fields) => {
                let members = (&fields.names, fields.shapes.as_slice());
                let values = read_members(map, members, self.path, self.reading, false)?;
                Ok(Val::Record(fields.names.iter().map(str::to_owned).zip(values).collect()))
            }
            Shape::Variant(cases) | Shape::Result(cases) => self.tagged(cases, map),
            Shape::Option(inner) => self.wrapped(inner, map),
            _ => Err(self.unexpected("object")),
        }
    }
}

/// Reads the members of an object, of those names and shapes, in their order. Options may be left out,
/// unless `all` must be there.
pub(crate) fn read_members<'de, A: MapAccess<'de>>(
    mut map: A,
    (names, shapes): (&Names, &[Shape]),
    path: &Path<'_>,
    reading: &Reading,
    all: bool,
) -> Result<Vec<Val>, A::Error> {
    let mut values: Vec<Option<Val>> = vec![None; shapes.len()];
    while let Some(found) = map.next_key_seed(NameOf(names))? {
        let place = found.map_err(|foreign| {
            let known = names.shown();
            reading.refuse::<A::Error>(path, format_args!("no member {foreign} is known; known are {known}"))
        })?;
        let path = Path::Member(path, names.get(place));
        if values[place].is_some() {
            return Err(reading.refuse(&path, "is there twice"));
        }
        let wanted = Wanted { shape: &shapes[place], path: &path, reading };
        values[place] = Some(map.next_value_seed(wanted)?);
    }
    let filled = values.into_iter().zip(shapes).enumerate().map(|(place, (value, shape))| match value {
        Some(value) => Ok(value),
        None if shape.is_optional() && !all => {
            // A record's value has the name, which the text has not.
            reading.count(path, 1 + names.get(place).len() / size_of::<Val>())?;
            Ok(Val::Option(None))
        }
        None => {
            let path = Path::Member(path, names.get(place));
            Err(reading.refuse(&path, format_args!("is missing; expected {}", shape.expectation())))
        }
    });
    filled.collect()
}

/// Reads an array with one element of each shape; `or_fewer` when options at the end may be left
/// out.
pub(crate) fn read_elements<'de, A: SeqAccess<'de>>(
    mut seq: A,
    shapes: &[Shape],
    path: &Path<'_>,
    reading: &Reading,
    or_fewer: bool,
) -> Result<Vec<Val>, A::Error> {
    let mut values = Vec::with_capacity(shapes.len());
    let count = shapes.len();
    for shape in shapes {
        let element = Path::Element(path, values.len());
        match seq.next_element_seed(Wanted { shape, path: &element, reading })? {
            Some(value) => values.push(value),
            None if or_fewer && shapes[values.len()..].iter().all(Shape::is_optional) => {
                reading.count(path, count - values.len())?;
                values.resize(count, Val::Option(None));
                return Ok(values);
            }
            None => {
                let found = values.len();
                return Err(reading.refuse(path, format_args!("expected {count} elements, found {found}")));
            }
        }
    }
    if seq.next_element::<IgnoredAny>()?.is_some() {
        return Err(reading.refuse(path, format_args!("expected {count} elements, found more")));
    }
    Ok(values)
}

/// Reads a string that should be one of some names: its place, or the string for a refusal.
struct NameOf<'a>(&'a Names);

impl<'de> DeserializeSeed<'de> for NameOf<'_> {
    type Value = Result<usize, String>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameOf<'_> {
    type Value = Result<usize, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}", self.0.shown())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.0.find(text).ok_or_else(|| quoted(text)))
    }
}

/// Foreign text in a refusal: without control characters and cut to a bound.
fn quoted(text: &str) -> String {
    format!("{:?}", cut(text))
}

fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(NAME_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Bytes as the values that the engine takes them for.
pub(crate) fn list_of(bytes: &[u8]) -> Val {
    Val::List(bytes.iter().map(|byte| Val::U8(*byte)).collect())
}

/// Base64 in either alphabet, padded or not.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    use base64::alphabet::{STANDARD, URL_SAFE};
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    GeneralPurpose::new(&alphabet, CONFIG).decode(text).ok()
}
