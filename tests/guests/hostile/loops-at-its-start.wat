;; Never comes to be: its start function has no end.
(func $start (loop $on (br $on)))
(start $start)
