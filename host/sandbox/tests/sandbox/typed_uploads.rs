//! What of a component's own functions becomes a method, under which names, and which components are
//! refused for them.

use std::fmt::Write as _;

use greenroom_core::component::MethodDescription;
use serde_json::json;

use crate::guests::{Host, component_of, small_limits};
use crate::typed_guest::typed;

fn names(methods: &[MethodDescription]) -> Vec<(&str, &[String])> {
    methods.iter().map(|method| (method.name.as_str(), method.aliases.as_slice())).collect()
}

#[tokio::test]
async fn functions_of_one_name_are_told_apart_by_their_interfaces() {
    let core = r#"(module
        (func (export "one#get") (result i32) (i32.const 1))
        (func (export "one#only-one") (result i32) (i32.const 1))
        (func (export "two#get") (result i32) (i32.const 2))
        (func (export "only-one") (result i32) (i32.const 3)))"#;
    let host = Host::new(&small_limits());
    let behavior = host.prepare(component_of(core, "clashing")).await;
    let methods = behavior.describe().methods;
    assert_eq!(
        names(&methods),
        [
            ("one.get", &[][..]),
            ("one.only-one", &["one.only_one".to_owned()]),
            ("only-one", &["only_one".to_owned()]),
            ("two.get", &[]),
        ]
    );
    assert_eq!(methods[0].interface.as_deref(), Some("one"));
    assert_eq!(methods[2].interface, None);
}

#[tokio::test]
async fn a_component_says_what_can_be_asked_of_it() {
    let host = Host::new(&small_limits());
    let mut component = typed("typed").to_vec();
    let docs = br#"{"interfaces":{"calculator":{"funcs":{"divide":"Divides."}}}}"#;
    let section = [&[12][..], b"package-docs", &[1], docs].concat();
    component.extend([0, u8::try_from(section.len()).unwrap()]);
    component.extend(section);
    let description = host.prepare(component.into()).await.describe();
    assert!(!description.takes_any_method);
    let divide = description.methods.iter().find(|method| method.name == "divide").unwrap();
    assert_eq!(divide.docs.as_deref(), Some("Divides."));
    assert_eq!(divide.interface.as_deref(), Some("test:guests/calculator"));
    let number = json!({"type": "integer", "minimum": 0, "maximum": u32::MAX});
    assert_eq!(divide.parameters["properties"], json!({"left": number, "right": number}));
    assert_eq!(divide.result, Some(number));
    assert_eq!(divide.error, Some(json!({"type": "string"})));
    let keep = description.methods.iter().find(|method| method.name == "keep").unwrap();
    assert!(keep.takes_bytes && keep.gives_bytes);
    let refuse = description.methods.iter().find(|method| method.name == "refuse").unwrap();
    assert_eq!((&refuse.result, &refuse.error), (&None, &None), "a failure is an error like any other");
}

#[tokio::test]
async fn the_cache_keeps_what_can_be_asked() {
    let host = Host::new(&small_limits());
    let described = host.prepare(typed("typed")).await.describe();
    assert_eq!(host.prepare(typed("typed")).await.describe(), described);
    assert_eq!(host.engine.figures().loaded, 1);
}

#[tokio::test]
async fn functions_that_take_or_give_no_values_are_refused() {
    let host = Host::new(&small_limits());
    let core = r#"(module
        (func (export "cart#open") (param i32) (result i32) (i32.const 1))
        (func (export "cart#[constructor]item") (result i32) (i32.const 1)))"#;
    let text = host.rejects(component_of(core, "with-resource")).await;
    assert_eq!(
        text,
        "the function `open` of `cart` can't be a method: the type of its parameter `item` has a resource \
         (`own` or `borrow`); methods take and give values"
    );
    let text = host.rejects(component_of(core, "with-constructor")).await;
    assert!(
        text.contains("`[constructor]item` of `cart`") && text.contains("belongs to a resource"),
        "{text}"
    );

    let long = "a-name-that-is-longer-than-the-sixty-four-bytes-that-a-method-may-have";
    let core = format!("(module (func (export \"{long}\")))");
    let text = host.rejects(component_of(&core, "with-long-name")).await;
    assert!(text.contains(long) && text.contains("longer than 64 bytes"), "{text}");
}

#[tokio::test]
async fn more_functions_than_methods_may_be_are_refused() {
    let host = Host::new(&small_limits());
    let of = |count: usize| {
        let exports = (0..count).fold(String::new(), |mut text, n| {
            let _ = write!(text, "(export \"f{n}\" (func $f))");
            text
        });
        let text = format!(
            r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $many {exports})
            (export "one" (instance $many)) (export "two" (instance $many)))"#
        );
        wat::parse_str(text).unwrap().into()
    };
    assert_eq!(host.prepare(of(500)).await.describe().methods.len(), 1_000);
    let text = host.rejects(of(501)).await;
    assert_eq!(text, "the component exports more functions than the bound of 1000");
}

#[tokio::test]
async fn behavior_and_lifecycle_exclude_each_other() {
    let core = r#"(module
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "greenroom:actor/behavior@0.1.0#activate") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "greenroom:actor/behavior@0.1.0#receive")
          (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) unreachable)
        (func (export "greenroom:actor/behavior@0.1.0#deactivate"))
        (func (export "greenroom:actor/lifecycle@0.1.0#activate") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "greenroom:actor/lifecycle@0.1.0#deactivate")))"#;
    let host = Host::new(&small_limits());
    let text = host.rejects(component_of(core, "twice")).await;
    assert!(
        text.contains("greenroom:actor/lifecycle@0.1.0") && text.contains("leave the latter out"),
        "{text}"
    );
}

#[tokio::test]
async fn a_lifecycle_of_other_types_or_another_version_is_refused() {
    let host = Host::new(&small_limits());
    let of = |version: &str| {
        let text = format!(
            r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $l (export "activate" (func $f)) (export "deactivate" (func $f)))
            (export "greenroom:actor/lifecycle@{version}" (instance $l))
            (export "run" (func $f)))"#
        );
        wat::parse_str(text).unwrap().into()
    };
    let text = host.rejects(of("0.1.0")).await;
    assert!(text.contains("lifecycle") && text.contains("activate"), "{text}");
    let text = host.rejects(of("0.7.0")).await;
    assert!(text.contains("lifecycle@0.7.0, a version not known here"), "{text}");
}

#[tokio::test]
async fn a_long_name_is_not_written_out_without_end() {
    let (name, shared) = ("n".repeat(50_000), "$r ".repeat(5_000));
    let text = format!(
        r#"(component
        (core module $m
          (memory (export "memory") 1)
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
          (func (export "f") (param i32)))
        (core instance $i (instantiate $m))
        (type $own (record (field "{name}" u8)))
        (export $r "r" (type $own))
        (type $t (tuple {shared}))
        (func $f (param "p" $t) (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
        (export "f" (func $f)))"#
    );
    let text = Host::new(&small_limits()).rejects(wat::parse_str(text).unwrap().into()).await;
    assert!(text.contains("`f` can't be a method") && text.contains("1048576 bytes of names"), "{text}");
}

#[tokio::test]
async fn types_that_share_parts_are_not_written_out_without_end() {
    let mut types = String::from("(type $t0 (tuple u32 u32))");
    for level in 1..=16 {
        let below = level - 1;
        let _ = write!(types, "(type $t{level} (tuple (list $t{below}) (list $t{below})))");
    }
    let text = format!(
        r#"(component
        (core module $m
          (memory (export "memory") 1)
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
          (func (export "f") (result i32) unreachable))
        (core instance $i (instantiate $m))
        {types}
        (func $f (result $t16) (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
        (export "f" (func $f)))"#
    );
    let text = Host::new(&small_limits()).rejects(wat::parse_str(text).unwrap().into()).await;
    assert!(text.contains("`f` can't be a method") && text.contains("more than 20000 types"), "{text}");
}
