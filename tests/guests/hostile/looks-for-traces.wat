;; Looks through all the memory it can get, and traps when it holds anything.
(func $receive
  (local $at i32)
  (drop (memory.grow (i32.const 900)))
  (local.set $at (i32.const 131072))
  (loop $on
    (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (br_if $on (i32.lt_u (local.get $at) (i32.const 59113472)))))
