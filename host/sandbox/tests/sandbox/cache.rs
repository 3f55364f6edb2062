//! Compiled code is kept, shared, and never believed without proof.

use std::fs;
use std::sync::Arc;

use greenroom_core::sandbox::SandboxEngine as _;
use greenroom_sandbox::WasmtimeEngine;

use crate::guests::{Guest, Host, ask, compiler, small_limits};

#[tokio::test]
async fn the_same_bytes_are_compiled_once_and_shared() {
    let host = Host::new(&small_limits());
    let component = Guest::default().component();
    let prepared = futures::future::join_all((0..8).map(|_| host.engine.prepare(component.clone()))).await;
    let first = prepared[0].as_ref().unwrap();
    assert!(prepared.iter().all(|behavior| Arc::ptr_eq(behavior.as_ref().unwrap(), first)));
    assert_eq!(host.engine.figures().compiled, 1);
    assert_eq!(host.engine.figures().components, 1);
    drop(prepared);
    assert_eq!(host.engine.figures().components, 0, "code that nobody uses leaves memory");
    host.prepare(component).await;
    assert_eq!((host.engine.figures().compiled, host.engine.figures().loaded), (1, 1));
}

#[tokio::test]
async fn a_restarted_host_compiles_nothing_again() {
    let first = Host::new(&small_limits());
    let component = Guest::default().component();
    let before = first.prepare(component.clone()).await.info().clone();
    let mut nothing_to_compile_with = compiler();
    nothing_to_compile_with.program = "/nonexistent".into();
    let engine = WasmtimeEngine::new(&small_limits(), first.folder.path(), nothing_to_compile_with).unwrap();
    let behavior = engine.prepare(component).await.unwrap();
    assert_eq!(*behavior.info(), before);
    assert_eq!((engine.figures().compiled, engine.figures().loaded), (0, 1));
}

#[tokio::test]
async fn code_that_was_changed_on_disk_is_compiled_again_and_replaced() {
    let host = Host::new(&small_limits());
    let component = Guest::default().component();
    drop(host.prepare(component.clone()).await);
    let file = fs::read_dir(host.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|suffix| suffix == "code"))
        .unwrap();
    let good = fs::read(&file).unwrap();
    for at in [0, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        fs::write(&file, bad).unwrap();
        let compiled = host.engine.figures().compiled;
        let (mut sandbox, turn) = host.start(component.clone()).await;
        assert_eq!(ask(&mut *sandbox, &turn, "x").await.unwrap(), "x");
        assert_eq!(host.engine.figures().compiled, compiled + 1, "byte {at}");
        drop(sandbox);
        drop(host.prepare(component.clone()).await);
        assert_eq!(host.engine.figures().compiled, compiled + 1, "replaced");
    }
}
