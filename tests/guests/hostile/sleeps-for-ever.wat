;; Waits for a moment that is centuries away.
(import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $after (param i64) (result i32)))
(import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
(func $receive (call $block (call $after (i64.const 0x7fffffffffffffff))))
