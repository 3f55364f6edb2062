;; Keeps a value of 50 MiB.
(import "greenroom:actor/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
(func $receive
  (drop (memory.grow (i32.const 900)))
  (call $set (i32.const 100) (i32.const 1) (i32.const 0) (i32.const 52428800) (i32.const 200)))
