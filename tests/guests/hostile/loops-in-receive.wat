;; Never comes back from a message.
(func $receive (loop $on (br $on)))
