;; Publishes as fast as it can, with a reader that never reads.
;; before: r:pub[1;65536]; s:sub[1;r];
;; grants: [out:r]
;; ends: killed
(import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
(import "okernel" "pub_write" (func $pub_write (param i32 i32 i32) (result i64)))
(data (i32.const 0) "out")
(func (export "poll") (result i32) (local $handle i32)
  (local.set $handle (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 3))))
  (loop $more
    (drop (call $pub_write (local.get $handle) (i32.const 0) (i32.const 64)))
    (br $more))
  (i32.const 1))
