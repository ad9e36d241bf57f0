;; Prints without waiting until it is told to wait, for ever.
;; grants: [console:`errors]
;; ends: killed
(import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
(import "okernel" "console_write" (func $console_write (param i32 i32 i32) (result i64)))
(data (i32.const 0) "console")
(func (export "poll") (result i32) (local $console i32)
  (local.set $console (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 7))))
  (loop $more
    (br_if $more (i64.gt_s (call $console_write (local.get $console) (i32.const 0) (i32.const 7)) (i64.const 0))))
  (i32.const 3))
