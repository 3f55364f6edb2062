;; Never comes back from its activation.
(func $activate (loop $on (br $on)))
