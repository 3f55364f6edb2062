;; Reads its state at every level of a recursion without end.
(import "greenroom:actor/state@0.1.0" "get" (func $get (param i32 i32 i32)))
(func $down (param i32) (result i32)
  (call $get (i32.const 100) (i32.const 1) (i32.const 200))
  (i32.add (call $down (local.get 0)) (i32.const 1)))
(func $receive (drop (call $down (i32.const 1))))
