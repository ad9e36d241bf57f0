;; Has the kernel write where it reads: names over their own names, what it peeks over what it has just written,
;; a ring's bytes over the ring's own window.
;; before: r:pub[1;65536]; s:sub[1;r];
;; grants: [out:r;in:s]
;; ends: done
(import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
(import "okernel" "grants" (func $grants (param i32 i32) (result i64)))
(import "okernel" "ring_map" (func $ring_map (param i32) (result i64)))
(import "okernel" "ring_info" (func $ring_info (param i32 i32) (result i64)))
(import "okernel" "pub_write" (func $pub_write (param i32 i32 i32) (result i64)))
(import "okernel" "sub_peek" (func $sub_peek (param i32 i32 i32 i32) (result i64)))
(data (i32.const 0) "out")
(data (i32.const 16) "in")
(func (export "poll") (result i32) (local $out i32) (local $in i32) (local $window i32) (local $times i32)
  (local.set $out (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 3))))
  (local.set $in (i32.wrap_i64 (call $grant (i32.const 16) (i32.const 2))))
  (local.set $window (i32.wrap_i64 (call $ring_map (local.get $out))))
  (local.set $times (i32.const 1000))
  (loop $again
    (drop (call $grants (i32.const 0) (i32.const 64)))
    (drop (call $grant (i32.const 0) (i32.const 64)))
    (drop (call $pub_write (local.get $out) (i32.const 0) (i32.const 32)))
    (drop (call $sub_peek (local.get $in) (i32.const 0) (i32.const 8) (i32.const 64)))
    (drop (call $sub_peek (local.get $in) (i32.const 0) (local.get $window) (i32.const 64)))
    (drop (call $sub_peek (local.get $in) (i32.const 0) (i32.sub (local.get $window) (i32.const 8)) (i32.const 64)))
    (drop (call $pub_write (local.get $out) (i32.sub (local.get $window) (i32.const 8)) (i32.const 16)))
    (drop (call $ring_info (local.get $out) (local.get $window)))
    (local.set $times (i32.sub (local.get $times) (i32.const 1)))
    (br_if $again (local.get $times)))
  (i32.const 1))
