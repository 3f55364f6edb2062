;; Keeps something under a key of 1 MiB, and takes what the host says for an answer: nothing is kept.
(import "greenroom:actor/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
(func $receive
  (drop (memory.grow (i32.const 32)))
  (memory.fill (i32.const 131072) (i32.const 107) (i32.const 1048576))
  (call $set (i32.const 131072) (i32.const 1048576) (i32.const 0) (i32.const 4) (i32.const 200))
  (call $answer (i32.load (i32.const 204)) (i32.load (i32.const 208))))
