;; Never comes back from save. It has its share of the core until it is killed, and is not upgraded.
;; then: load[`evil;"AGAIN"];
;; ends: killed
(func (export "poll") (result i32) (i32.const 3))
(func (export "save") (result i32) (loop (br 0)) (i32.const 0))
(func (export "restore") (param i32 i32) (result i32) (i32.const 0))
