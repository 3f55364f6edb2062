;; Makes one handle after another, and drops none.
(import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $after (param i64) (result i32)))
(func $receive (loop $on (drop (call $after (i64.const 1))) (br $on)))
