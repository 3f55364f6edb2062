;; Writes `a` and `b`, sends itself a message, then traps.
(import "greenroom:actor/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
(data (i32.const 100) "ab")
(func $receive
  (call $set (i32.const 100) (i32.const 1) (i32.const 100) (i32.const 2) (i32.const 200))
  (call $set (i32.const 101) (i32.const 1) (i32.const 100) (i32.const 2) (i32.const 200))
  unreachable)
