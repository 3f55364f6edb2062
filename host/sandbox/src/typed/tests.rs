//! Values become JSON and come back the same, whatever their type; no JSON makes the host fall; and
//! each type's JSON, both ways, by example.

use greenroom_core::Payload;
use proptest::prelude::*;
use serde_json::{Value, json};
use wasmtime::component::Val;

use crate::typed::arguments::arguments;
use crate::typed::json_in::{Path, Reading, Wanted};
use crate::typed::json_out::{NotWritten, json_of};
use crate::typed::names::Names;
use crate::typed::room::VALUES_MAX;
use crate::typed::schema::schema;
use crate::typed::shape::{Cases, Fields, Shape};

const NAMES: [&str; 4] = ["a", "due-at", "x1", "get-URL"];

fn shapes() -> impl Strategy<Value = Shape> {
    let names = || (1..=NAMES.len()).prop_map(|count| Names::new(NAMES.into_iter().take(count)));
    let leaf = prop_oneof![
        prop::sample::select(vec![
            Shape::Bool,
            Shape::S8,
            Shape::U8,
            Shape::S16,
            Shape::U16,
            Shape::S32,
            Shape::U32,
            Shape::S64,
            Shape::U64,
            Shape::F32,
            Shape::F64,
            Shape::Char,
            Shape::String,
            Shape::Bytes,
        ]),
        names().prop_map(Shape::Enum),
        names().prop_map(Shape::Flags),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let payload = prop::option::of(inner.clone());
        let cases = prop::collection::vec(payload.clone(), 1..=NAMES.len());
        prop_oneof![
            inner.clone().prop_map(|item| match item {
                Shape::U8 => Shape::Bytes,
                item => Shape::List(Box::new(item)),
            }),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Shape::Tuple),
            prop::collection::vec(inner.clone(), 1..=NAMES.len()).prop_map(|shapes| {
                Shape::Record(Fields { names: Names::new(NAMES.into_iter().take(shapes.len())), shapes })
            }),
            cases.prop_map(|payloads| {
                let names = Names::new(NAMES.into_iter().take(payloads.len()));
                Shape::Variant(Cases { names, payloads })
            }),
            inner.prop_map(|inner| Shape::Option(Box::new(inner))),
            (payload.clone(), payload).prop_map(|(ok, err)| Shape::Result(Cases::of_result(ok, err))),
        ]
    })
}

fn boxed(shape: Option<&Shape>) -> BoxedStrategy<Option<Box<Val>>> {
    match shape {
        Some(shape) => values(shape).prop_map(|value| Some(Box::new(value))).boxed(),
        None => Just(None).boxed(),
    }
}

fn values(shape: &Shape) -> BoxedStrategy<Val> {
    match shape.clone() {
        Shape::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        Shape::S8 => any::<i8>().prop_map(Val::S8).boxed(),
        Shape::U8 => any::<u8>().prop_map(Val::U8).boxed(),
        Shape::S16 => any::<i16>().prop_map(Val::S16).boxed(),
        Shape::U16 => any::<u16>().prop_map(Val::U16).boxed(),
        Shape::S32 => any::<i32>().prop_map(Val::S32).boxed(),
        Shape::U32 => any::<u32>().prop_map(Val::U32).boxed(),
        Shape::S64 => any::<i64>().prop_map(Val::S64).boxed(),
        Shape::U64 => any::<u64>().prop_map(Val::U64).boxed(),
        Shape::F32 => prop::num::f32::ANY.prop_map(Val::Float32).boxed(),
        Shape::F64 => prop::num::f64::ANY.prop_map(Val::Float64).boxed(),
        Shape::Char => any::<char>().prop_map(Val::Char).boxed(),
        Shape::String => any::<String>().prop_map(Val::String).boxed(),
        Shape::Bytes => values(&Shape::List(Box::new(Shape::U8))),
        Shape::List(item) => prop::collection::vec(values(&item), 0..5).prop_map(Val::List).boxed(),
        Shape::Tuple(shapes) => shapes.iter().map(values).collect::<Vec<_>>().prop_map(Val::Tuple).boxed(),
        Shape::Record(fields) => {
            let members = fields.shapes.iter().map(values).collect::<Vec<_>>();
            let names = fields.names;
            members
                .prop_map(move |values| Val::Record(names.iter().map(str::to_owned).zip(values).collect()))
                .boxed()
        }
        Shape::Variant(cases) => (0..cases.names.len())
            .prop_flat_map(move |place| {
                let name = cases.names.get(place).to_owned();
                boxed(cases.payloads[place].as_ref())
                    .prop_map(move |payload| Val::Variant(name.clone(), payload))
            })
            .boxed(),
        Shape::Enum(names) => {
            (0..names.len()).prop_map(move |place| Val::Enum(names.get(place).to_owned())).boxed()
        }
        Shape::Flags(names) => {
            let names: Vec<String> = names.iter().map(str::to_owned).collect();
            prop::sample::subsequence(names.clone(), 0..=names.len()).prop_map(Val::Flags).boxed()
        }
        Shape::Option(inner) => prop_oneof![
            Just(Val::Option(None)),
            values(&inner).prop_map(|value| Val::Option(Some(Box::new(value)))),
        ]
        .boxed(),
        Shape::Result(cases) => prop_oneof![
            boxed(cases.payloads[0].as_ref()).prop_map(|payload| Val::Result(Ok(payload))),
            boxed(cases.payloads[1].as_ref()).prop_map(|payload| Val::Result(Err(payload))),
        ]
        .boxed(),
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["a", "due_at", "ok", "err", "some", "NaN", "12", "AAAA", "é"])
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 4, |inner| {
        let name = prop::sample::select(vec!["a", "due-at", "x1", "get_url", "ok", "err", "some", "other"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.prop_map(str::to_owned), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn read(shape: &Shape, json: &[u8]) -> Result<Val, String> {
    let reading = Reading::new();
    reading.read(json, Wanted { shape, path: &Path::Root, reading: &reading })
}

fn write(shape: &Shape, value: &Val) -> String {
    String::from_utf8(json_of(shape, value, usize::MAX).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_value_comes_back_as_it_was((shape, value) in shapes().prop_flat_map(|shape| {
        let value = values(&shape);
        (Just(shape), value)
    })) {
        let json = write(&shape, &value);
        prop_assert_eq!(read(&shape, json.as_bytes()), Ok(value.clone()), "{}", json);
        // As the one argument of a function, in each form.
        let parameters = Fields { names: Names::new(["due-at"]), shapes: vec![shape.clone()] };
        let by_name = format!("{{\"due_at\":{json}}}");
        let by_position = format!("[{json}]");
        let mut forms = vec![by_name];
        if !shape.can_be_array() {
            forms.push(by_position);
        }
        if !shape.can_be_object() && json != "null" {
            forms.push(json.clone());
        }
        for form in forms {
            let read = arguments(&parameters, &Payload::new(Payload::JSON, form.clone()));
            prop_assert_eq!(read.map(|it| it.0), Ok(vec![value.clone()]), "{}", form);
        }
        schema(&shape);
    }

    #[test]
    fn any_json_is_taken_or_refused(shape in shapes(), other in shapes(), json in any_json()) {
        let text = json.to_string();
        match read(&shape, text.as_bytes()) {
            Ok(value) => prop_assert_eq!(read(&shape, write(&shape, &value).as_bytes()), Ok(value)),
            Err(refusal) => prop_assert!(refusal.starts_with('$'), "{}", refusal),
        }
        for shapes in [vec![], vec![shape.clone()], vec![shape, other]] {
            let names = Names::new(NAMES.into_iter().take(shapes.len()));
            let payload = Payload::new("", text.clone());
            if let Err(refusal) = arguments(&Fields { names, shapes }, &payload) {
                prop_assert!(refusal.starts_with('$'), "{}", refusal);
            }
        }
    }

    #[test]
    fn any_bytes_are_taken_or_refused(shape in shapes(), bytes in any::<Vec<u8>>()) {
        let _ = read(&shape, &bytes);
    }
}

fn named(names: &[&'static str], shapes: Vec<Shape>) -> Fields {
    Fields { names: Names::new(names.iter().copied()), shapes }
}

fn option(shape: Shape) -> Shape {
    Shape::Option(Box::new(shape))
}

#[test]
fn integers_keep_their_value() {
    for (shape, json, written) in [
        (Shape::U64, "18446744073709551615", "\"18446744073709551615\""),
        (Shape::U64, "\"18446744073709551615\"", "\"18446744073709551615\""),
        (Shape::U64, "9007199254740991", "9007199254740991"),
        (Shape::U64, "9007199254740992", "\"9007199254740992\""),
        (Shape::U64, "\"7\"", "7"),
        (Shape::S64, "-9223372036854775808", "\"-9223372036854775808\""),
        (Shape::S64, "\"-9007199254740991\"", "-9007199254740991"),
        (Shape::U8, "255", "255"),
        (Shape::U8, "1e2", "100"),
        (Shape::S32, "-2.0", "-2"),
        (Shape::U64, "-0", "0"),
        (Shape::U64, "-0.0", "0"),
        (Shape::U64, "0e-400", "0"),
        (Shape::U64, "18446744073709551615.0", "\"18446744073709551615\""),
        (Shape::U64, "9007199254740993.00e0", "\"9007199254740993\""),
        (Shape::S64, "-92233720368547758080e-1", "\"-9223372036854775808\""),
        (option(Shape::U64), "5e0", "5"),
        (option(Shape::U64), " null ", "null"),
        (Shape::F64, "1e-400", "0.0"),
        (Shape::F64, "-1e-400", "-0.0"),
        (Shape::F64, "-0", "-0.0"),
        (Shape::F64, "1.7976931348623157e308", "1.7976931348623157e+308"),
        (Shape::F32, "16777217", "16777216.0"),
        (Shape::F64, "18014398509481985", "1.8014398509481984e+16"),
    ] {
        assert_eq!(write(&shape, &read(&shape, json.as_bytes()).unwrap()), written, "{json}");
    }
    for (shape, json) in [
        (Shape::U8, "256"),
        (Shape::U8, "-1"),
        (Shape::U8, "1.5"),
        (Shape::U8, "\"1\""),
        (Shape::U64, "18446744073709551616"),
        (Shape::U64, "\"18446744073709551616\""),
        (Shape::U64, "-1"),
        (Shape::U64, "\"+1\""),
        (Shape::U64, "\" 1\""),
        (Shape::U64, "\"\""),
        (Shape::S64, "\"-\""),
        (Shape::S64, "1e300"),
        (Shape::F32, "1e300"),
        (Shape::F32, "-3.5e38"),
        (Shape::F64, "1e309"),
        (Shape::F64, "-1e99999999999999999999"),
        (Shape::F64, "\"nan\""),
        (Shape::F64, "\"1\""),
        (Shape::U64, "1e99999999999999999999"),
        (Shape::S64, "9223372036854775808.0"),
        (Shape::Char, "7"),
        (Shape::Char, "1e-400"),
    ] {
        let refusal = read(&shape, json.as_bytes()).unwrap_err();
        assert!(refusal.starts_with("$: expected "), "{json}: {refusal}");
    }
}

#[test]
fn no_number_is_rounded_to_an_integer() {
    for json in
        ["1e-400", "-1e-400", "1.5", "0.1", "4.99999999999999999999", "18446744073709551614.5", "1e-1"]
    {
        for shape in [Shape::U8, Shape::U64, Shape::S64, option(Shape::U32)] {
            let refusal = read(&shape, json.as_bytes()).unwrap_err();
            let says = format!("found {json}, which is not exactly a whole number");
            assert!(refusal.starts_with("$: expected integer") && refusal.ends_with(&says), "{refusal}");
        }
    }
    for json in ["NaN", "Infinity", "-Infinity", "+1", "01", "1.", ".5", "0x10", "1e"] {
        let refusal = read(&Shape::U64, json.as_bytes()).unwrap_err();
        assert!(refusal.starts_with("$: not JSON"), "{json}: {refusal}");
    }
}

#[test]
fn every_type_has_one_json() {
    let cases = Cases { names: Names::new(["plain", "with-value"]), payloads: vec![None, Some(Shape::Bool)] };
    let variant = Shape::Variant(cases);
    let result = Shape::Result(Cases::of_result(None, Some(Shape::String)));
    let flags = Shape::Flags(Names::new(["read", "write-all"]));
    let record = Shape::Record(named(&["due-at", "note"], vec![Shape::U8, option(Shape::String)]));
    for (shape, taken, written) in [
        (&Shape::F32, "0.1", "0.1"),
        (&Shape::F64, "\"-Infinity\"", "\"-Infinity\""),
        (&Shape::F64, "-0.0", "-0.0"),
        (&Shape::Char, "\"é\"", "\"é\""),
        (&Shape::Bytes, "\"-_8=\"", "\"+/8=\""),
        (&Shape::Bytes, "\"+/8\"", "\"+/8=\""),
        (&variant, "\"plain\"", "\"plain\""),
        (&variant, "{\"plain\":null}", "\"plain\""),
        (&variant, "{\"with_value\":true}", "{\"with-value\":true}"),
        (&result, "\"ok\"", "\"ok\""),
        (&result, "{\"err\":\"no\"}", "{\"err\":\"no\"}"),
        (&flags, "[\"write_all\",\"read\",\"read\"]", "[\"read\",\"write-all\"]"),
        (&record, "{\"due_at\":1}", "{\"due-at\":1,\"note\":null}"),
        (&option(option(Shape::U8)), "null", "null"),
        (&option(option(Shape::U8)), "{\"some\":null}", "{\"some\":null}"),
        (&option(option(Shape::U8)), "{\"some\":5}", "{\"some\":5}"),
        (&Shape::Tuple(vec![Shape::U8, Shape::Bool]), "[1,true]", "[1,true]"),
    ] {
        let value = read(shape, taken.as_bytes()).unwrap_or_else(|refusal| panic!("{taken}: {refusal}"));
        assert_eq!(write(shape, &value), written, "{taken}");
    }
}

#[test]
fn a_refusal_names_the_path_and_what_was_expected() {
    let item = Shape::Record(named(&["sizes"], vec![Shape::List(Box::new(Shape::U8))]));
    let kinds = Cases { names: Names::new(["one", "two"]), payloads: vec![None, Some(item.clone())] };
    let shape = Shape::Record(named(
        &["deadline", "items", "kind"],
        vec![Shape::String, option(Shape::List(Box::new(item))), option(Shape::Variant(kinds))],
    ));
    for (json, refusal) in [
        ("5", "$: expected object, found number 5"),
        ("{}", "$.deadline: is missing; expected string"),
        ("{\"deadline\":5}", "$.deadline: expected string, found number 5"),
        ("{\"deadline\":\"x\",\"deadline\":\"y\"}", "$.deadline: is there twice"),
        ("{\"deadline\":\"x\",\"due\":1}", "$: no member \"due\" is known; known are deadline, items, kind"),
        (
            "{\"items\":[{\"sizes\":[1,300]}]}",
            "$.items[0].sizes[1]: expected integer from 0 to 255, found number 300",
        ),
        ("{\"items\":{}}", "$.items: expected array, found object"),
        ("{\"kind\":\"two\"}", "$.kind: expected {\"two\": value}, found only its name"),
        ("{\"kind\":{\"one\":1}}", "$.kind.one: expected null, for this case carries no value"),
        (
            "{\"kind\":{\"two\":{\"sizes\":[\"\"]}}}",
            "$.kind.two.sizes[0]: expected integer from 0 to 255, found string",
        ),
        (
            "{\"kind\":{}}",
            "$.kind: expected \"case\" or {\"case\": value}, one of one, two, found an empty object",
        ),
        ("{\"kind\":{\"one\":null,\"two\":1}}", "$.kind: expected an object with one member, the case"),
        ("{\"deadline\":", "$: not JSON: EOF while parsing a value at line 1 column 12"),
    ] {
        assert_eq!(read(&shape, json.as_bytes()), Err(refusal.to_owned()), "{json}");
    }
}

#[test]
fn arguments_come_by_name_by_position_or_bare() {
    let none = named(&[], vec![]);
    let one = named(&["amount"], vec![Shape::U8]);
    let list = named(&["sizes"], vec![Shape::List(Box::new(Shape::U16))]);
    let record = named(&["item"], vec![Shape::Record(named(&["item"], vec![Shape::U8]))]);
    let maybe = named(&["note"], vec![option(Shape::String)]);
    let two = named(&["left-one", "right"], vec![Shape::U8, option(Shape::U8)]);
    let bytes = named(&["data"], vec![Shape::Bytes]);
    let taken = |parameters: &Fields, body: &str| {
        let read = arguments(parameters, &Payload::new(Payload::JSON, body.to_owned()));
        read.map(|(values, _)| {
            let written: Vec<Value> = parameters
                .shapes
                .iter()
                .zip(&values)
                .map(|(shape, value)| serde_json::from_str(&write(shape, value)).unwrap())
                .collect();
            Value::from(written)
        })
    };
    for (parameters, body, values) in [
        (&none, "", json!([])),
        (&none, " null ", json!([])),
        (&none, "{}", json!([])),
        (&none, "[]", json!([])),
        (&one, "2", json!([2])),
        (&one, "{\"amount\":2}", json!([2])),
        (&one, "[2]", json!([2])),
        (&list, "[1,2]", json!([[1, 2]])),
        (&list, "{\"sizes\":[]}", json!([[]])),
        (&record, "{\"item\":{\"item\":2}}", json!([{"item": 2}])),
        (&record, "[{\"item\":2}]", json!([{"item": 2}])),
        (&maybe, "", json!([null])),
        (&maybe, "null", json!([null])),
        (&maybe, "{}", json!([null])),
        (&maybe, "\"x\"", json!(["x"])),
        (&two, "{\"left_one\":1,\"right\":2}", json!([1, 2])),
        (&two, "{\"left-one\":1}", json!([1, null])),
        (&two, "[1,2]", json!([1, 2])),
        (&two, "[1]", json!([1, null])),
        (&bytes, "\"AAE=\"", json!(["AAE="])),
    ] {
        assert_eq!(taken(parameters, body), Ok(values), "{body}");
    }
    for (parameters, body, refusal) in [
        (&none, "1", "$: expected no arguments"),
        (&none, "[1]", "$: expected 0 elements, found more"),
        (&none, "{\"a\":1}", "$: no member \"a\" is known; known are none"),
        (&one, "", "$.amount: is missing; expected integer from 0 to 255"),
        (&one, "null", "$.amount: is missing"),
        (&one, "\"x\"", "$: expected integer from 0 to 255, found "),
        (&one, "{\"count\":2}", "$: no member \"count\" is known; known are amount"),
        (&record, "{\"item\":2}", "$.item: expected object, found number 2"),
        (&two, "3", "$: expected an object with the arguments left-one, right, or an array of them"),
        (&two, "[]", "$: expected 2 elements, found 0"),
        (&two, "[1,2,3]", "$: expected 2 elements, found more"),
        (&two, "{\"right\":2}", "$.left-one: is missing"),
    ] {
        let found = taken(parameters, body).unwrap_err();
        assert!(found.starts_with(refusal), "{body}: {found}");
    }
    let raw = Payload::new("application/octet-stream", &b"\x00\xff"[..]);
    assert_eq!(arguments(&bytes, &raw).unwrap().0, [Val::List(vec![Val::U8(0), Val::U8(255)])]);
}

#[test]
fn everything_is_bounded() {
    let list = Shape::List(Box::new(Shape::Bool));
    let many = format!("[{}true]", "true,".repeat(VALUES_MAX));
    assert!(read(&list, many.as_bytes()).unwrap_err().contains("more than 1048576 values"));

    let tiny = named(&NAMES, vec![option(Shape::U8); NAMES.len()]);
    let holes = format!("[{}{{}}]", "{},".repeat(VALUES_MAX / 4));
    let refusal = read(&Shape::List(Box::new(Shape::Record(tiny))), holes.as_bytes()).unwrap_err();
    assert!(refusal.contains("more than 1048576 values"), "what was left out counts: {refusal}");

    let bytes = format!("\"{}\"", "A".repeat(VALUES_MAX / 3 * 4 + 8));
    assert!(read(&Shape::Bytes, bytes.as_bytes()).unwrap_err().contains("more than 1048576 values"));

    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(&list, deep.as_bytes()).unwrap_err().starts_with("$[0]: expected boolean"));
    let foreign = format!("{{\"{}\":1}}", "\\u001b".repeat(10_000));
    let refusal = read(&Shape::Record(named(&["a"], vec![Shape::U8])), foreign.as_bytes()).unwrap_err();
    assert!(refusal.len() < 1_000 && !refusal.contains('\u{1b}'), "{refusal}");

    let text = Val::String("\u{1}".repeat(100));
    assert_eq!(json_of(&Shape::String, &text, 601), Err(NotWritten::TooLarge));
    assert_eq!(json_of(&Shape::String, &text, 602).map(|json| json.len()), Ok(602));
}

#[test]
fn a_member_that_is_left_out_counts_with_its_name() {
    let name = "n".repeat(10_000);
    let record = Fields { names: Names::new([name.as_str()]), shapes: vec![option(Shape::Bool)] };
    let list = Shape::List(Box::new(Shape::Record(record)));
    assert!(read(&list, b"[{},{}]").is_ok());
    let many = format!("[{}{{}}]", "{},".repeat(20_000));
    let refusal = read(&list, many.as_bytes()).map(|_| ()).unwrap_err();
    assert!(refusal.contains("more than 1048576 values"), "{refusal}");
}

#[test]
fn a_value_takes_the_time_of_its_text_however_large_its_type() {
    let cases: Vec<String> = (0..10_000).map(|n| format!("case-{n}")).collect();
    let choice = Shape::Enum(Names::new(cases.iter().map(String::as_str)));
    let list = Shape::List(Box::new(option(option(choice))));
    let many = format!(r#"[{}{{"some":null}}]"#, r#"{"some":null},"#.repeat(20_000));
    let began = std::time::Instant::now();
    assert!(read(&list, many.as_bytes()).is_ok());
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_schema_says_what_is_taken() {
    let shape = Shape::Record(named(
        &["due-at", "note", "kind"],
        vec![
            Shape::U64,
            option(option(Shape::Char)),
            Shape::Variant(Cases { names: Names::new(["a", "b"]), payloads: vec![None, Some(Shape::Bytes)] }),
        ],
    ));
    assert_eq!(
        schema(&shape),
        json!({
            "type": "object",
            "properties": {
                "due-at": {"type": ["integer", "string"], "format": "uint64", "minimum": 0, "pattern": "^[0-9]+$"},
                "note": {"anyOf": [
                    {
                        "type": "object",
                        "properties": {"some": {"anyOf": [
                            {"type": "string", "minLength": 1, "maxLength": 1},
                            {"type": "null"},
                        ]}},
                        "required": ["some"],
                        "additionalProperties": false,
                    },
                    {"type": "null"},
                ]},
                "kind": {"oneOf": [
                    {"const": "a"},
                    {
                        "type": "object",
                        "properties": {"b": {"type": "string", "contentEncoding": "base64"}},
                        "required": ["b"],
                        "additionalProperties": false,
                    },
                ]},
            },
            "required": ["due-at", "kind"],
            "additionalProperties": false,
        })
    );
}
