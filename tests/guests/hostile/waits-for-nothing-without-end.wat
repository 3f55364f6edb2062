;; Waits for what is there already, again and again: it computes next to nothing, the host does all the work.
(import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $after (param i64) (result i32)))
(import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
(import "wasi:io/poll@0.2.6" "[resource-drop]pollable" (func $drop (param i32)))
(func $receive (local $pollable i32)
  (loop $again
    (local.set $pollable (call $after (i64.const 0)))
    (call $block (local.get $pollable))
    (call $drop (local.get $pollable))
    (br $again)))
