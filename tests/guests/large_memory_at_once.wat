;; Begins with more memory than it may have, and data in all of it.
;; grants: [limits:[memory:1048576]]
;; ends: the memory limit of 1048576 bytes is reached
(memory (export "memory") 1000)
(data (i32.const 65000000) "here")
