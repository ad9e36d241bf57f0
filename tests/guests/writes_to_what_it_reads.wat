;; Stores into the ring that it may only read.
;; grants: [in:sub[1;pub[1;65536]]]
;; ends: trap: wrote to the ring 'in', which the task can only read
(import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
(import "okernel" "ring_map" (func $ring_map (param i32) (result i64)))
(data (i32.const 0) "in")
(func (export "poll") (result i32)
  (i64.store
    (i32.wrap_i64 (call $ring_map (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 2)))))
    (i64.const -1))
  (i32.const 1))
