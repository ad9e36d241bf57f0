;; Grows its memory by a page, has the kernel write to the last bytes of it and over their end, and grows again, with
;; a window between its pages.
;; before: r:pub[1;65536]; s:sub[1;r];
;; grants: [out:r;in:s;limits:[memory:4194304]]
;; ends: done
(import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
(import "okernel" "ring_map" (func $ring_map (param i32) (result i64)))
(import "okernel" "ring_info" (func $ring_info (param i32 i32) (result i64)))
(import "okernel" "grants" (func $grants (param i32 i32) (result i64)))
(import "okernel" "pub_write" (func $pub_write (param i32 i32 i32) (result i64)))
(data (i32.const 0) "out")
(func (export "poll") (result i32) (local $out i32) (local $end i32)
  (local.set $out (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 3))))
  (drop (call $ring_map (local.get $out)))
  (loop $more
    (local.set $end (i32.mul (memory.size) (i32.const 65536)))
    (drop (call $grants (i32.sub (local.get $end) (i32.const 4)) (i32.const 4)))
    (drop (call $grants (i32.sub (local.get $end) (i32.const 4)) (i32.const 5)))
    (drop (call $ring_info (local.get $out) (i32.sub (local.get $end) (i32.const 1))))
    (drop (call $pub_write (local.get $out) (i32.sub (local.get $end) (i32.const 64)) (i32.const 64)))
    (drop (call $pub_write (local.get $out) (i32.sub (local.get $end) (i32.const 64)) (i32.const 65)))
    (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
  (i32.const 1))
