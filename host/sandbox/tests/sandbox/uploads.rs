//! What may be uploaded, and what is said of everything else.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use greenroom_core::Limits;
use greenroom_core::sandbox::{PrepareError, SandboxEngine as _, Trap};
use greenroom_sandbox::{CompileSettings, WasmtimeEngine};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::guests::{Guest, Host, compiler, component_of, small_limits};

#[tokio::test]
async fn a_component_tells_what_it_imports() {
    let items = r#"
        (import "greenroom:actor/state@0.1.0" "delete" (func (param i32 i32) (result i32)))
        (import "greenroom:actor/log@0.1.0" "write" (func (param i32 i32 i32)))"#;
    let host = Host::new(&small_limits());
    let component = Guest { items, ..Guest::default() }.component();
    let behavior = host.prepare(component.clone()).await;
    let info = behavior.info();
    assert_eq!(info.size_bytes, component.len() as u64);
    assert_eq!(info.digest, greenroom_core::Digest::of(&component));
    assert_eq!(
        info.imports,
        ["greenroom:actor/log@0.1.0", "greenroom:actor/state@0.1.0", "greenroom:actor/types@0.1.0"]
    );
}

#[tokio::test]
async fn what_is_no_component_is_told_what_it_is() {
    let host = Host::new(&small_limits());
    let core = wat::parse_str("(module)").unwrap();
    let cases: [(&[u8], &str); 12] = [
        (b"", "empty"),
        (b"\0", "cut short"),
        (b"\0asm", "cut short"),
        (b"\0asm\x0d\0\x01", "cut short"),
        (&core, "core WebAssembly module"),
        (b"\0asm\x0a\0\x01\0", "version"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"\x1f\x8b\x08rest", "gzip"),
        (b"\x7fELFrest", "native program"),
        (b"(component)", "WebAssembly text"),
        (b"package greenroom", "text"),
        (b"\xff\xfe\xfd", "ff, fe, fd"),
    ];
    for (bytes, says) in cases {
        let text = host.rejects(Bytes::copy_from_slice(bytes)).await;
        assert!(text.contains(says), "{bytes:02x?}: {text}");
    }
    assert_eq!(host.engine.figures().compiled, 0);
}

#[tokio::test]
async fn what_is_too_large_is_refused_with_the_limit() {
    let component = Guest::default().component();
    let host = Host::new(&Limits { component_bytes: component.len() as u64 - 1, ..small_limits() });
    let text = host.rejects(component.clone()).await;
    assert!(text.contains(&format!("component_bytes ({})", component.len() - 1)), "{text}");
    let text = host.rejects(Guest { pages: 65, ..Guest::default() }.component().slice(..100)).await;
    assert!(text.contains("component"), "{text}");
    let host = Host::new(&small_limits());
    let text = host.rejects(Guest { pages: 65, ..Guest::default() }.component()).await;
    assert!(text.contains("sandbox_memory_bytes (4194304)"), "{text}");
}

#[tokio::test]
async fn every_import_that_is_not_offered_is_named() {
    let items = r#"
        (import "acme:bank/accounts@1.0.0" "open" (func))
        (import "acme:bank/vault@1.0.0" "empty" (func))
        (import "greenroom:actor/state@0.1.0" "delete" (func (param i32 i32) (result i32)))"#;
    let core = Guest { items, ..Guest::default() };
    let host = Host::new(&small_limits());
    let text = host.rejects(core.component_of_world("stranger")).await;
    assert!(
        text.contains("not offered here: acme:bank/accounts@1.0.0, acme:bank/vault@1.0.0. Offered are"),
        "{text}"
    );
}

#[tokio::test]
async fn what_is_no_actor_is_told_what_is_missing() {
    let host = Host::new(&small_limits());
    let world = r#"(module (func (export "wasi:cli/run@0.2.6#run")))"#;
    let text = host.rejects(component_of(world, "no-actor")).await;
    assert!(
        text.contains("must export greenroom:actor/behavior@0.1.0")
            && text.contains("or functions of its own"),
        "{text}"
    );
    assert!(text.contains("it exports wasi:cli/run@0.2.6"), "{text}");

    let empty = wat::parse_str("(component)").unwrap();
    assert!(host.rejects(empty.into()).await.contains("it exports nothing"));

    let wrong = wat::parse_str(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $b (export "receive" (func $f)))
            (export "greenroom:actor/behavior@0.1.0" (instance $b)))"#,
    )
    .unwrap();
    let text = host.rejects(wrong.into()).await;
    assert!(text.contains("activate") || text.contains("receive"), "{text}");

    let wrong_import = wat::parse_str(
        r#"(component
            (import "greenroom:actor/state@0.1.0" (instance (export "get" (func (param "key" u32)))))
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $b (export "deactivate" (func $f)))
            (export "greenroom:actor/behavior@0.1.0" (instance $b)))"#,
    )
    .unwrap();
    let text = host.rejects(wrong_import.into()).await;
    assert!(text.contains("greenroom:actor/state@0.1.0") && text.contains("get"), "{text}");
}

#[tokio::test]
async fn a_component_of_the_async_abi_is_told_so() {
    let asynchronous = wat::parse_str(
        r#"(component
            (core module $m (func (export "f") (result i32) unreachable) (func (export "cb") (param i32 i32 i32) (result i32) unreachable))
            (core instance $i (instantiate $m))
            (func $f async (canon lift (core func $i "f") async (callback (core func $i "cb"))))
            (instance $b (export "receive" (func $f)))
            (export "greenroom:actor/behavior@0.1.0" (instance $b)))"#,
    )
    .unwrap();
    let text = Host::new(&small_limits()).rejects(asynchronous.into()).await;
    assert!(text.contains("synchronous ABI"), "{text}");
}

#[tokio::test]
async fn shapes_that_choke_compilers_are_refused_before_they_meet_one() {
    let host = Host::new(&small_limits());
    let blocks = |depth| format!("(func {} {})", "(block ".repeat(depth), ")".repeat(depth));
    let exports = (0..100_001).fold(String::new(), |mut text, n| {
        let _ = write!(text, "(export \"{n}\" (func 0))");
        text
    });
    let cases = [
        (blocks(2_500), "deeply nested blocks"),
        (format!("(func (param i32) (block {}))", "local.get 0 drop ".repeat(400_000)), "large body"),
        (format!("(func (local {}))", "i32 i64 ".repeat(10_001)), "many locals"),
        (format!("(func (param i32) (block (br_table {} (local.get 0))))", "0 ".repeat(17_000)), "br_table"),
        ("(func)\n".repeat(200_001), "many functions"),
        ("(memory 0)\n".repeat(17), "many memories"),
        ("(table 0 funcref)\n".repeat(65), "many tables"),
        (format!("(func (export \"{}\"))", "n".repeat(9_000)), "long name"),
        (exports + "(func)", "one kind"),
    ];
    for (items, says) in cases {
        let bytes = wat::parse_str(format!("(component (core module {items}))")).unwrap();
        let text = host.rejects(bytes.into()).await;
        assert!(text.contains(says) && text.contains("beyond the bound of"), "{says}: {text}");
    }
    let instances = format!("(core module $m) {}", "(core instance (instantiate $m))\n".repeat(201));
    let text = host.rejects(wat::parse_str(format!("(component {instances})")).unwrap().into()).await;
    assert!(text.contains("many core instances (201), beyond the bound of 200"), "{text}");
    let nested = format!("{}{}", "(component ".repeat(10), ")".repeat(10));
    assert!(host.rejects(wat::parse_str(nested).unwrap().into()).await.contains("nested deep"));
    assert_eq!(host.engine.figures().compiled, 0);
}

/// Within a component that has a method: `$m` is a module with a page of memory.
fn actor_with(parts: &str) -> Bytes {
    let text = format!(
        r#"(component
            (core module $m (memory 16) (func (export "f")))
            {parts}
            (core instance $i (instantiate $m))
            (func (export "run") (canon lift (core func $i "f"))))"#
    );
    wat::parse_str(text).unwrap().into()
}

#[tokio::test]
async fn parts_count_as_often_as_they_are_instantiated() {
    let small = Host::new(&small_limits());
    let twice = "(instance (instantiate $c)) (instance (instantiate $c))";
    let nested = format!(
        "(component $c (alias outer 1 $m (core module $o)) (core instance (instantiate $o)) \
           (core instance (instantiate $o))) (component $d (alias outer 1 $c (component $c)) {twice})"
    );
    let of = |parts: &str| actor_with(&format!("{nested} {parts}"));
    let text = small.rejects(of("(instance (instantiate $d))")).await;
    assert!(
        text.contains("5242880 bytes of memory to start") && text.contains("sandbox_memory_bytes"),
        "{text}"
    );
    small.prepare(of("(instance (instantiate $c))")).await;

    let large = Host::new(&Limits { sandbox_memory_bytes: 1 << 30, ..small_limits() });
    let text = large.rejects(of(&"(instance (instantiate $d))".repeat(50))).await;
    assert!(text.contains("many core instances (201), beyond the bound of 200"), "{text}");
}

/// One that comes from an import is not followed when it is uploaded.
#[tokio::test]
async fn a_sandbox_that_would_have_too_many_core_instances_is_told_the_bound() {
    let host = Host::new(&Limits { sandbox_memory_bytes: 1 << 30, ..small_limits() });
    let parts = format!(
        "(component $empty (core module $e) (core instance (instantiate $e)))
         (component $many (import \"c\" (component $c)) {}) (instance (instantiate $many (with \"c\" (component $empty))))",
        "(instance (instantiate $c))".repeat(201)
    );
    let trap = host.fails_to_start(actor_with(&parts)).await;
    assert!(
        matches!(&trap, Trap::Crashed(text) if text.contains("more than 200 core instances")),
        "{trap:?}"
    );
}

#[tokio::test]
async fn what_is_too_expensive_to_compile_is_given_up() {
    // Many functions, each cheap to check and dear to compile.
    let function = format!("(func (param i32) {})\n", "(block (br_if 0 (local.get 0))) ".repeat(10_000));
    let bomb = Guest { items: &function.repeat(30), ..Guest::default() }.component();
    let tight = |change: fn(&mut CompileSettings)| {
        let mut settings = compiler();
        change(&mut settings);
        settings
    };
    let cases = [
        (tight(|settings| settings.memory_bytes = 100 << 20), "compile.memory_bytes"),
        (tight(|settings| settings.cpu = Duration::from_secs(1)), "compile.cpu"),
    ];
    for (settings, says) in cases {
        let folder = tempfile::tempdir().unwrap();
        let engine = WasmtimeEngine::new(&small_limits(), folder.path(), settings).unwrap();
        let started = Instant::now();
        match engine.prepare(bomb.clone()).await {
            Err(PrepareError::Rejected(text)) => {
                assert!(text.contains("too expensive to compile") && text.contains(says), "{says}: {text}");
            }
            Err(other) => panic!("{says}: {other:?}"),
            Ok(_) => panic!("{says}: compiled in {:?}", started.elapsed()),
        }
    }
}

#[tokio::test]
async fn a_compilation_that_gets_no_processor_time_is_not_the_components_fault() {
    let folder = tempfile::tempdir().unwrap();
    let settings = CompileSettings {
        program: "/bin/sleep".into(),
        arguments: vec!["60".into()],
        timeout: Duration::from_millis(100),
        ..compiler()
    };
    let engine = WasmtimeEngine::new(&small_limits(), folder.path(), settings).unwrap();
    match engine.prepare(Guest::default().component()).await.map(|_| ()) {
        Err(PrepareError::Lacking(text)) => assert!(text.contains("compile.timeout"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_compiling_process_that_is_killed_is_not_the_components_fault() {
    let folder = tempfile::tempdir().unwrap();
    for (script, says) in [("kill -9 $$", "SIGKILL"), ("kill -15 $$", "signal 15")] {
        let settings = CompileSettings {
            program: "/bin/sh".into(),
            arguments: ["-c", script].map(Into::into).into(),
            ..compiler()
        };
        let engine = WasmtimeEngine::new(&small_limits(), folder.path(), settings).unwrap();
        match engine.prepare(Guest::default().component()).await.map(|_| ()) {
            Err(PrepareError::Lacking(text)) => assert!(text.contains(says), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

/// To know what an instance exports, the validator copies all of it.
fn dear_to_check() -> Bytes {
    let exports = (0..49_000).fold(String::new(), |mut text, n| {
        let _ = write!(text, "(export \"a{n}\" (type $t))");
        text
    });
    let instances = "(instance (instantiate $c))\n".repeat(1_000);
    wat::parse_str(format!("(component (component $c (type $t u8) {exports}) {instances})")).unwrap().into()
}

#[tokio::test]
async fn what_is_too_expensive_to_check_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let settings = CompileSettings { memory_bytes: 500 << 20, ..compiler() };
    let engine = WasmtimeEngine::new(&small_limits(), folder.path(), settings).unwrap();
    match engine.prepare(dear_to_check()).await.map(|_| ()) {
        Err(PrepareError::Rejected(text)) => assert!(text.contains("bytes of memory"), "{text}"),
        other => panic!("{other:?}"),
    }
}

/// The shell bounds the compiling process more tightly than its settings do, as `ulimit` does for a host.
#[tokio::test]
async fn memory_that_the_host_may_not_have_itself_is_not_the_components_fault() {
    let folder = tempfile::tempdir().unwrap();
    let settings = CompileSettings {
        program: "/bin/sh".into(),
        arguments: ["-c", "ulimit -v 500000 && exec \"$0\"", env!("CARGO_BIN_EXE_compile-component")]
            .map(Into::into)
            .into(),
        ..compiler()
    };
    let engine = WasmtimeEngine::new(&small_limits(), folder.path(), settings).unwrap();
    match engine.prepare(dear_to_check()).await.map(|_| ()) {
        Err(PrepareError::Lacking(text)) => assert!(text.contains("the system refused it"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_compiler_that_can_t_be_started_is_the_hosts_fault() {
    let folder = tempfile::tempdir().unwrap();
    let settings = |program: &str| CompileSettings { program: program.into(), ..compiler() };
    for (program, is_lack) in [("/nonexistent", true), ("/bin/false", false), ("/bin/true", false)] {
        let engine = WasmtimeEngine::new(&small_limits(), folder.path(), settings(program)).unwrap();
        match engine.prepare(Guest::default().component()).await.map(|_| ()) {
            Err(PrepareError::Lacking(text)) => {
                assert!(is_lack && text.contains("can't be started"), "{text}");
            }
            Err(PrepareError::Failed(_)) => assert!(!is_lack, "{program}"),
            other => panic!("{program}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_compiling_process_is_in_a_group_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let settings = CompileSettings {
        program: "/bin/sh".into(),
        arguments: ["-c", "read -r _ _ _ _ group _ < /proc/$$/stat; echo $(($$ - group)) >&2; exit 2"]
            .map(Into::into)
            .into(),
        ..compiler()
    };
    let engine = WasmtimeEngine::new(&small_limits(), folder.path(), settings).unwrap();
    let outcome = engine.prepare(Guest::default().component()).await.map(|_| ());
    assert_eq!(outcome, Err(PrepareError::Rejected("0\n".into())));
}

#[test]
fn a_compiling_process_is_the_first_to_go_and_goes_with_its_host() {
    // A shell is its host here; it hands on this test's pipe, which stays open.
    let mut shell = Command::new("/bin/sh")
        .args([
            "-c",
            "exec 3<&0; \"$0\" <&3 >/dev/null & echo $!; wait",
            env!("CARGO_BIN_EXE_compile-component"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pid = String::new();
    BufReader::new(shell.stdout.take().unwrap()).read_line(&mut pid).unwrap();
    let process = Path::new("/proc").join(pid.trim());
    let bounds = [4_u64 << 30, 60, 4 << 20, 1_000, 4 << 30, 1].map(u64::to_le_bytes).concat();
    let mut stdin = shell.stdin.take().unwrap();
    stdin.write_all(&bounds).unwrap();
    soon(|| fs::read_to_string(process.join("oom_score_adj")).unwrap() == "1000\n");
    soon(|| fs::read_to_string(process.join("limits")).unwrap().contains("4294967296"));
    shell.kill().unwrap();
    shell.wait().unwrap();
    // Nobody may have waited for it yet.
    soon(|| fs::read_to_string(process.join("stat")).map_or(true, |stat| stat.contains(") Z ")));
    drop(stdin);
}

fn soon(happened: impl Fn() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < Duration::from_secs(10), "it did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Damaged uploads are refused or, when the damage does not matter, taken: nothing else happens.
async fn survives(host: &Host, bytes: Vec<u8>) {
    match host.engine.prepare(bytes.into()).await {
        Ok(_) => {}
        Err(PrepareError::Rejected(text)) => assert!(!text.is_empty() && text.len() < 20_000, "{text}"),
        Err(failed) => panic!("{failed:?}"),
    }
}

#[tokio::test]
async fn a_component_cut_anywhere_is_refused() {
    let host = Host::new(&small_limits());
    let component = Guest::default().component();
    for length in (0..component.len()).step_by(7) {
        let text = host.rejects(component.slice(..length)).await;
        assert!(!text.is_empty());
    }
}

#[tokio::test]
async fn flipped_bits_never_do_more_than_be_refused() {
    let host = Host::new(&small_limits());
    let component = Guest::default().component();
    // The same damage every time: a failure can be looked into.
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let damage = prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..4);
    for _ in 0..300 {
        let mut bytes = component.to_vec();
        for (at, bit) in damage.new_tree(&mut runner).unwrap().current() {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        survives(&host, bytes).await;
    }
}

/// Data at the start of 16 MiB and at its end.
const SPARSE: &str =
    r#"256) (data (memory {}) (i32.const 0) "x") (data (memory {}) (i32.const 16777215) "y")"#;

/// The component with further modules in it, which it never instantiates.
fn with_modules(component: &[u8], modules: &[Vec<u8>]) -> Bytes {
    const CORE_MODULE_SECTION: u8 = 1;
    let mut bytes = component.to_vec();
    for module in modules {
        bytes.push(CORE_MODULE_SECTION);
        let mut length = module.len();
        while length >= 0x80 {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend(module);
    }
    bytes.into()
}

/// Bytes of all code in the cache.
fn cached_bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files.filter(|file| file.file_name() != "key").map(|file| file.metadata().unwrap().len()).sum()
}

#[tokio::test]
async fn an_image_costs_what_its_data_costs() {
    let sparse = |name: &str| SPARSE.replace("{}", name);
    let module = wat::parse_str(format!("(module (memory {})", sparse("0"))).unwrap();
    let never_instantiated = with_modules(&Guest::default().component(), &vec![module; 15]);
    let items: String = (0..7)
        .map(|number| format!("(memory $m{number} {}\n", sparse(&format!("$m{number}"))))
        .collect::<Vec<_>>()
        .concat();
    let instantiated = Guest { items: &items, ..Guest::default() }.component();
    for component in [never_instantiated, instantiated] {
        let host = Host::new(&Limits { sandbox_memory_bytes: 128 << 20, ..small_limits() });
        let size = component.len();
        host.start(component).await;
        let code = cached_bytes(host.folder.path());
        assert!(code < 1 << 20, "{size} bytes became {code}");
    }
}
