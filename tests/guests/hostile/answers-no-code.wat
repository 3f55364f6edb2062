;; It fails with a code that there is not.
(func $receive (i32.store8 (i32.const 16) (i32.const 1)) (i32.store8 (i32.const 20) (i32.const 200)))
