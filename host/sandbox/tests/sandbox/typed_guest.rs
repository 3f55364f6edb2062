//! A guest with functions of its own, in WebAssembly text.

use bytes::Bytes;

use crate::guests::component_of;

/// A module with everything that a typed guest needs; what `activate` was given is added to each sum.
const TYPED: &str = r#"(module
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 65536))
  (global $activated (mut i32) (i32.const 0))
  (data (i32.const 100) "by zero" "no" "\ff\fe")
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32) (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap (i32.and (i32.add (i32.add (global.get $heap) (local.get $size)) (i32.const 7)) (i32.const -8)))
    (loop $more
      (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
        (then
          (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
          (br $more))))
    (local.get $at))
  (func $pair (param $at i32) (param $length i32) (result i32)
    (i32.store (i32.const 20) (local.get $at))
    (i32.store (i32.const 24) (local.get $length))
    (i32.const 20))
  (func (export "greenroom:actor/lifecycle@0.1.0#activate") (param i32 i32 i32 i32) (result i32)
    (global.set $activated (i32.const 100))
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.const 16))
  (func (export "greenroom:actor/lifecycle@0.1.0#deactivate") unreachable)
  (func (export "test:guests/calculator#add") (param i32 i32) (result i32)
    (i32.add (global.get $activated) (i32.add (local.get 0) (local.get 1))))
  (func (export "test:guests/calculator#divide") (param i32 i32) (result i32)
    (i32.store8 (i32.const 16) (i32.eqz (local.get 1)))
    (if (local.get 1)
      (then (i32.store (i32.const 20) (i32.div_u (local.get 0) (local.get 1))))
      (else (drop (call $pair (i32.const 100) (i32.const 7)))))
    (i32.const 16))
  (func (export "test:guests/calculator#refuse") (result i32)
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.store8 (i32.const 20) (i32.const 3))
    (i32.store (i32.const 24) (i32.const 107))
    (i32.store (i32.const 28) (i32.const 2))
    (i32.const 16))
  (func (export "test:guests/calculator#say-back") (param i32 i32) (result i32)
    (call $pair (local.get 0) (local.get 1)))
  (func (export "test:guests/calculator#keep") (param i32 i32) (result i32)
    (call $pair (local.get 0) (local.get 1)))
  (func (export "test:guests/calculator#stop") unreachable)
  (func (export "test:guests/calculator#junk") (param $kind i32) (result i32)
    (if (i32.eqz (local.get $kind)) (then (return (call $pair (i32.const 109) (i32.const 2)))))
    (if (i32.eq (local.get $kind) (i32.const 1)) (then (return (call $pair (i32.const 100) (i32.const -1)))))
    (if (i32.eq (local.get $kind) (i32.const 2)) (then (return (i32.const -4))))
    (call $pair (i32.const 65536) (i32.const 65536)))
  (func (export "test:guests/calculator#choose") (result i32)
    (i32.store8 (i32.const 16) (i32.const 7))
    (i32.const 16))
  (func (export "ping-all")))"#;

/// The component, for one of the typed worlds in `tests/wasi-wit`.
pub(crate) fn typed(world: &str) -> Bytes {
    component_of(TYPED, world)
}
