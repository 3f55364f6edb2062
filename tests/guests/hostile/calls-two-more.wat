;; Calls two actors of its type, whose ids are its own and one more letter; each of them does the same.
(import "greenroom:actor/messaging@0.1.0" "call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(data (i32.const 100) "calls-two-morego")
(func $ask (param $letter i32)
  (memory.copy (i32.const 1000) (global.get $me) (global.get $me_length))
  (i32.store8 (i32.add (i32.const 1000) (global.get $me_length)) (local.get $letter))
  (call $call (i32.const 100) (i32.const 14) (i32.const 1000) (i32.add (global.get $me_length) (i32.const 1))
    (i32.const 114) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 200)))
(func $receive (call $ask (i32.const 97)) (call $ask (i32.const 98)))
