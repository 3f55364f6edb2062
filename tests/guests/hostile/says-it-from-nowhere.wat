;; Hands the host a key that begins beyond its memory.
(import "greenroom:actor/state@0.1.0" "get" (func $get (param i32 i32 i32)))
(func $receive (call $get (i32.const -4) (i32.const 100) (i32.const 200)))
