;; Has data that is to lie at the end of what 32 bits can name, beyond its memory.
;; ends: out of bounds
(data (i32.const -16) "sixteen bytes ..and more")
