;; The media type of its answer is no UTF-8.
(func $receive
  (i32.store8 (i32.const 100) (i32.const 255))
  (i32.store (i32.const 20) (i32.const 100))
  (i32.store (i32.const 24) (i32.const 1)))
