;; Fills all of its memory again and again, each time by one instruction, within which nothing interrupts it.
(func $receive
  (drop (memory.grow (i32.const 900)))
  (loop $on (memory.fill (i32.const 131072) (i32.const 1) (i32.const 58982400)) (br $on)))
