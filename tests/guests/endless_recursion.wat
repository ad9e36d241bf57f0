;; Calls itself without end.
;; ends: trap: the stack of 512 KiB overflowed
(func $deeper (param i64) (result i64)
  (i64.add (local.get 0) (call $deeper (i64.add (local.get 0) (i64.const 1)))))
(func (export "poll") (result i32) (i32.wrap_i64 (call $deeper (i64.const 0))))
