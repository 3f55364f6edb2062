;; Asks for memory again and again, whatever the answer.
(func $receive (loop $on (drop (memory.grow (i32.const 1))) (br $on)))
