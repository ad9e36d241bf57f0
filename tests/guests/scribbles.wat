;; Publishes frames and scribbles over all that it has published, for ever, while it is read.
;; grants: [out:r]
;; before: r:pub[1;65536]; s:sub[0;r];
;; after: {@[{rcv[x;5]};x;{0}]}'20#s;
;; ends: killed
(import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
(import "okernel" "ring_map" (func $ring_map (param i32) (result i64)))
(import "okernel" "pub_claim" (func $pub_claim (param i32 i32 i32) (result i64)))
(import "okernel" "pub_commit" (func $pub_commit (param i32 i32) (result i64)))
(data (i32.const 0) "out")
(global $seed (mut i32) (i32.const 1))
(func (export "poll") (result i32) (local $handle i32) (local $window i32) (local $at i32)
  (local.set $handle (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 3))))
  (local.set $window (i32.wrap_i64 (call $ring_map (local.get $handle))))
  (loop $more
    (if (i64.gt_s (call $pub_claim (local.get $handle) (i32.const 64) (i32.const 64)) (i64.const 0))
      (then (drop (call $pub_commit (local.get $handle) (i32.const 64)))))
    (local.set $at (i32.const 0))
    (loop $scribble
      (global.set $seed (i32.add (i32.mul (global.get $seed) (i32.const 1664525)) (i32.const 1013904223)))
      (i32.store (i32.add (local.get $window) (local.get $at)) (global.get $seed))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $scribble (i32.lt_u (local.get $at) (i32.const 65536))))
    (br $more))
  (i32.const 1))
