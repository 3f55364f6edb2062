;; Keeps something under one new key after another, whatever the host says.
(import "greenroom:actor/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
(func $receive
  (local $n i32)
  (loop $on
    (i32.store (i32.const 100) (i32.or (i32.and (local.get $n) (i32.const 0x0f0f0f0f)) (i32.const 0x40404040)))
    (i32.store (i32.const 104) (i32.or (i32.and (i32.shr_u (local.get $n) (i32.const 4)) (i32.const 0x0f0f0f0f)) (i32.const 0x40404040)))
    (call $set (i32.const 100) (i32.const 8) (i32.const 0) (i32.const 4096) (i32.const 200))
    (global.set $heap (i32.const 65536))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br $on)))
