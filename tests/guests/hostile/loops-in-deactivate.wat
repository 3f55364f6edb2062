;; Never lets itself be put away.
(func $deactivate (loop $on (br $on)))
