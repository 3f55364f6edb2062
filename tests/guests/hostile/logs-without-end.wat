;; Logs a forged line, with what would clear a terminal, without end.
(import "greenroom:actor/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(data (i32.const 100) "forged\0a{\22level\22:\22ERROR\22,\22message\22:\22the host is down\22}\0a\1b[2J\1b[31m\00")
(func $receive (loop $on (call $log (i32.const 4) (i32.const 100) (i32.const 64)) (br $on)))
