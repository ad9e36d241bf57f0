;; Writes to the ring that it may only read by a bulk instruction, which the engine carries out itself.
;; grants: [in:sub[1;pub[1;65536]]]
;; ends: trap: memory.copy or memory.fill touched a ring that the task can only read
(import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
(import "okernel" "ring_map" (func $ring_map (param i32) (result i64)))
(data (i32.const 0) "in")
(func (export "poll") (result i32)
  (memory.fill
    (i32.wrap_i64 (call $ring_map (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 2)))))
    (i32.const 255) (i32.const 4096))
  (i32.const 1))
