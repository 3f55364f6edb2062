;; Fills all the memory it can get with a pattern, for whoever has it next.
(func $receive
  (drop (memory.grow (i32.const 900)))
  (memory.fill (i32.const 131072) (i32.const 165) (i32.const 58982400)))
