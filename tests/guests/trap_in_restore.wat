;; Traps as it takes over from the version before, which goes on.
;; then: load[`evil;"AGAIN"];
;; after: {(x<1000)&0=+/(v:versions[])`refused}{rcv[quiet;20];x+1}/0;
;; log: trap: unreachable
;; ends: killed
(import "okernel" "state" (func $state (param i32 i32 i32) (result i64)))
(func (export "poll") (result i32) (i32.const 3))
(func (export "save") (result i32)
  (i32.wrap_i64 (call $state (i32.const 1) (i32.const 0) (i32.const 0))))
(func (export "restore") (param i32 i32) (result i32) (unreachable))
