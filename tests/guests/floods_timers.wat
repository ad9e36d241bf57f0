;; Sets timers until it gets no more, each to fire for ever as soon as can be, and goes on for ever.
;; grants: [timer:`timer]
;; ends: killed
(import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
(import "okernel" "timer_set" (func $timer_set (param i32 i64 i64) (result i64)))
(data (i32.const 0) "timer")
(func (export "poll") (result i32) (local $timers i32)
  (local.set $timers (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 5))))
  (loop $more
    (br_if $more (i64.gt_s (call $timer_set (local.get $timers) (i64.const 1) (i64.const 1)) (i64.const 0))))
  (i32.const 3))
