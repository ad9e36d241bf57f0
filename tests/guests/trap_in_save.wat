;; Traps as it writes its state for an upgrade: it ends, as after every trap of its own.
;; then: load[`evil;"AGAIN"];
;; ends: trap: unreachable
(func (export "poll") (result i32) (i32.const 3))
(func (export "save") (result i32) (unreachable))
(func (export "restore") (param i32 i32) (result i32) (i32.const 0))
