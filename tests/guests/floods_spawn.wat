;; Spawns itself as often as it can and passes the right to spawn on, as its children do. Its limits and its share of a
;; core are theirs too, and none outlives the first.
;; grants: [spawn:`spawn;limits:[children:50;spawns:50;cpu:30]]
;; after: kill e; {(x<1000)&2<#&~`ended=(ps[])`state}{rcv[quiet;20];x+1}/0; print[($(#&~`ended=(ps[])`state))," left"];
;; prints: 2 left
;; ends: killed
(import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
(import "okernel" "request" (func $request (param i32 i32 i32) (result i64)))
(data (i32.const 0) "spawn")
;; The request (`spawn;1;`evil;[spawn:`spawn]).
(data (i32.const 16) "\09\00\00\00\04\00\00\00\04\00\00\00\05\00\00\00spawn\00\00\00\01\00\00\00\01\00\00\00\01\00\00\00\00\00\00\00\04\00\00\00\04\00\00\00evil\00\00\00\00\0a\00\00\00\02\00\00\00\08\00\00\00\01\00\00\00\09\00\00\00\00\00\00\00\05\00\00\00spawn\00\00\00\00\00\00\00\09\00\00\00\01\00\00\00\04\00\00\00\05\00\00\00spawn\00\00\00")
(func (export "poll") (result i32) (local $right i32)
  (local.set $right (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 5))))
  (loop $more
    (br_if $more (i64.gt_s (call $request (local.get $right) (i32.const 16) (i32.const 120)) (i64.const 0))))
  (i32.const 3))
