;; Claims room in its ring, writes half of it, and traps without a commit.
;; grants: [out:pub[1;65536]]
;; ends: trap: unreachable
(import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
(import "okernel" "ring_map" (func $ring_map (param i32) (result i64)))
(import "okernel" "pub_claim" (func $pub_claim (param i32 i32 i32) (result i64)))
(data (i32.const 0) "out")
(func (export "poll") (result i32) (local $handle i32)
  (local.set $handle (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 3))))
  (drop (call $pub_claim (local.get $handle) (i32.const 4096) (i32.const 4096)))
  (memory.fill (i32.wrap_i64 (call $ring_map (local.get $handle))) (i32.const 255) (i32.const 2048))
  (unreachable))
