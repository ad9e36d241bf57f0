;; Tries every handle of the first generations but its own, then its own after it was closed. One that is
;; taken would be a trap.
;; grants: [out:pub[1;65536]]
;; ends: done
(import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
(import "okernel" "handle_kind" (func $handle_kind (param i32) (result i64)))
(import "okernel" "pub_claim" (func $pub_claim (param i32 i32 i32) (result i64)))
(import "okernel" "close" (func $close (param i32) (result i64)))
(data (i32.const 0) "out")
(func (export "poll") (result i32) (local $own i32) (local $forged i32)
  (local.set $own (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 3))))
  (local.set $forged (i32.const 1000000))
  (loop $next
    (local.set $forged (i32.sub (local.get $forged) (i32.const 1)))
    (if (i32.ne (local.get $forged) (local.get $own)) (then
      (if (i64.ge_s (call $handle_kind (local.get $forged)) (i64.const 0)) (then (unreachable)))
      (if (i64.ge_s (call $close (local.get $forged)) (i64.const 0)) (then (unreachable)))))
    (br_if $next (local.get $forged)))
  (if (i64.lt_s (call $close (local.get $own)) (i64.const 0)) (then (unreachable)))
  (if (i64.ge_s (call $pub_claim (local.get $own) (i32.const 8) (i32.const 8)) (i64.const 0)) (then (unreachable)))
  (if (i64.ge_s (call $close (local.get $own)) (i64.const 0)) (then (unreachable)))
  (i32.const 1))
