//! The types of a method's parameters and result, as far as values of them can be JSON, and bounded:
//! types that share parts are written out here, so a few bytes of a component could stand for any
//! number of them.

use wasmtime::component::Type;

use crate::typed::names::Names;

/// Types written out for one component: those of all its methods, names of cases and flags included.
pub(crate) const TYPES_MAX: usize = 20_000;
/// Bytes of the names of members, cases, flags and parameters in them: a few types written out often
/// would otherwise make gigabytes of one long name.
pub(crate) const NAMES_BYTES_MAX: usize = 1 << 20;
/// Types within types. Each may be a level of JSON, of which its parser takes 127.
pub(crate) const DEPTH_MAX: usize = 60;

/// A type of values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    /// `list<u8>`
    Bytes,
    List(Box<Shape>),
    Tuple(Vec<Shape>),
    Record(Fields),
    Variant(Cases),
    Enum(Names),
    Flags(Names),
    Option(Box<Shape>),
    /// The cases `ok` and `err`.
    Result(Cases),
}

/// Members of a record, or parameters of a function.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fields {
    pub(crate) names: Names,
    pub(crate) shapes: Vec<Shape>,
}

/// Cases, some of which carry a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cases {
    pub(crate) names: Names,
    pub(crate) payloads: Vec<Option<Shape>>,
}

/// Makes shapes for one component, within the bounds.
pub(crate) struct Shapes {
    left: usize,
    names_bytes_left: usize,
}

impl Default for Shapes {
    fn default() -> Self {
        Shapes { left: TYPES_MAX, names_bytes_left: NAMES_BYTES_MAX }
    }
}

impl Shapes {
    /// The shape of a type.
    ///
    /// # Errors
    /// What about it no JSON can be.
    pub(crate) fn of(&mut self, ty: &Type) -> Result<Shape, String> {
        self.at(ty, 0)
    }

    fn count(&mut self, types: usize) -> Result<(), String> {
        self.left = self
            .left
            .checked_sub(types)
            .ok_or_else(|| format!("more than {TYPES_MAX} types, written out"))?;
        Ok(())
    }

    /// The names of some part of a type.
    ///
    /// # Errors
    /// There are too many bytes of them.
    pub(crate) fn names<'n>(&mut self, names: impl Iterator<Item = &'n str>) -> Result<Names, String> {
        let names: Vec<&str> = names.collect();
        let bytes = names.iter().map(|name| name.len()).sum();
        self.names_bytes_left = self.names_bytes_left.checked_sub(bytes).ok_or_else(|| {
            format!("more than {NAMES_BYTES_MAX} bytes of names, as often as they are written out")
        })?;
        Ok(Names::new(names))
    }

    fn at(&mut self, ty: &Type, depth: usize) -> Result<Shape, String> {
        self.count(1)?;
        if depth > DEPTH_MAX {
            return Err(format!("types nested deeper than {DEPTH_MAX}"));
        }
        let depth = depth + 1;
        Ok(match ty {
            Type::Bool => Shape::Bool,
            Type::S8 => Shape::S8,
            Type::U8 => Shape::U8,
            Type::S16 => Shape::S16,
            Type::U16 => Shape::U16,
            Type::S32 => Shape::S32,
            Type::U32 => Shape::U32,
            Type::S64 => Shape::S64,
            Type::U64 => Shape::U64,
            Type::Float32 => Shape::F32,
            Type::Float64 => Shape::F64,
            Type::Char => Shape::Char,
            Type::String => Shape::String,
            Type::List(list) => match list.ty() {
                Type::U8 => Shape::Bytes,
                item => Shape::List(Box::new(self.at(&item, depth)?)),
            },
            Type::Tuple(tuple) => {
                Shape::Tuple(tuple.types().map(|ty| self.at(&ty, depth)).collect::<Result<_, _>>()?)
            }
            Type::Record(record) => Shape::Record(Fields {
                names: self.names(record.fields().map(|field| field.name))?,
                shapes: record.fields().map(|field| self.at(&field.ty, depth)).collect::<Result<_, _>>()?,
            }),
            Type::Variant(variant) => {
                self.count(variant.cases().len())?;
                let payload =
                    |shapes: &mut Self, ty: Option<Type>| ty.map(|ty| shapes.at(&ty, depth)).transpose();
                Shape::Variant(Cases {
                    names: self.names(variant.cases().map(|case| case.name))?,
                    payloads: variant.cases().map(|case| payload(self, case.ty)).collect::<Result<_, _>>()?,
                })
            }
            Type::Enum(cases) => {
                self.count(cases.names().len())?;
                Shape::Enum(self.names(cases.names())?)
            }
            Type::Flags(flags) => {
                self.count(flags.names().len())?;
                Shape::Flags(self.names(flags.names())?)
            }
            Type::Option(option) => Shape::Option(Box::new(self.at(&option.ty(), depth)?)),
            Type::Result(result) => {
                let ok = result.ok().map(|ty| self.at(&ty, depth)).transpose()?;
                let err = result.err().map(|ty| self.at(&ty, depth)).transpose()?;
                Shape::Result(Cases::of_result(ok, err))
            }
            Type::Own(_) | Type::Borrow(_) => return Err("a resource (`own` or `borrow`)".into()),
            Type::Stream(_) => return Err("a `stream`".into()),
            Type::Future(_) => return Err("a `future`".into()),
            Type::ErrorContext => return Err("an `error-context`".into()),
            Type::Map(_) => return Err("a `map`".into()),
            Type::FixedLengthList(_) => return Err("a list of fixed length".into()),
        })
    }
}

impl Cases {
    /// The cases of a `result`.
    pub(crate) fn of_result(ok: Option<Shape>, err: Option<Shape>) -> Self {
        Cases { names: Names::new(["ok", "err"]), payloads: vec![ok, err] }
    }
}

impl Shape {
    /// An option whose `some` is written as `{"some": value}`, since `null` alone would not tell its
    /// own `none` from the one within.
    pub(crate) fn is_wrapped_option(&self) -> bool {
        matches!(self, Shape::Option(inner) if matches!(**inner, Shape::Option(_)))
    }

    /// Whether its values, but for `null` and what is written as a string, are numbers.
    pub(crate) fn is_number(&self) -> bool {
        match self {
            Shape::F32 | Shape::F64 => true,
            Shape::Option(inner) => !self.is_wrapped_option() && inner.is_number(),
            other => other.integer_range().is_some(),
        }
    }

    /// Whether a member or parameter of it may be left out.
    pub(crate) fn is_optional(&self) -> bool {
        matches!(self, Shape::Option(_))
    }

    /// Whether some value of it is a JSON object.
    pub(crate) fn can_be_object(&self) -> bool {
        match self {
            Shape::Record(_) | Shape::Variant(_) | Shape::Result(_) => true,
            Shape::Option(inner) => self.is_wrapped_option() || inner.can_be_object(),
            _ => false,
        }
    }

    /// Whether some value of it is a JSON array.
    pub(crate) fn can_be_array(&self) -> bool {
        match self {
            Shape::List(_) | Shape::Tuple(_) | Shape::Flags(_) => true,
            Shape::Option(inner) => !self.is_wrapped_option() && inner.can_be_array(),
            _ => false,
        }
    }

    /// What JSON of it looks like, for a refusal.
    pub(crate) fn expectation(&self) -> String {
        match self {
            Shape::Bool => "boolean".into(),
            Shape::F32 | Shape::F64 => r#"number, "NaN", "Infinity" or "-Infinity""#.into(),
            Shape::Char => "string of one character".into(),
            Shape::String => "string".into(),
            Shape::Bytes => "string of base64".into(),
            Shape::List(_) => "array".into(),
            Shape::Tuple(shapes) => format!("array of {} elements", shapes.len()),
            Shape::Record(_) => "object".into(),
            Shape::Enum(names) => format!("string, one of {}", names.shown()),
            Shape::Flags(names) => format!("array of some of {}", names.shown()),
            Shape::Variant(cases) | Shape::Result(cases) => {
                format!(r#""case" or {{"case": value}}, one of {}"#, cases.names.shown())
            }
            Shape::Option(_) if self.is_wrapped_option() => r#"null or {"some": value}"#.into(),
            Shape::Option(inner) => format!("{} or null", inner.expectation()),
            integer => match integer.integer_range() {
                Some((min, max)) => format!("integer from {min} to {max}"),
                None => "value".into(),
            },
        }
    }

    /// The least and the greatest value of an integer type.
    pub(crate) fn integer_range(&self) -> Option<(i128, i128)> {
        Some(match self {
            Shape::S8 => (i8::MIN.into(), i8::MAX.into()),
            Shape::U8 => (0, u8::MAX.into()),
            Shape::S16 => (i16::MIN.into(), i16::MAX.into()),
            Shape::U16 => (0, u16::MAX.into()),
            Shape::S32 => (i32::MIN.into(), i32::MAX.into()),
            Shape::U32 => (0, u32::MAX.into()),
            Shape::S64 => (i64::MIN.into(), i64::MAX.into()),
            Shape::U64 => (0, u64::MAX.into()),
            _ => return None,
        })
    }
}
