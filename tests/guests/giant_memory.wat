;; Wants nearly all memory that 32 bits can name from the start.
;; ends: limit: the memory limit
(memory (export "memory") 65000)
