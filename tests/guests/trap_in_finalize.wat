;; Has done its work when it traps.
;; ends: done
;; log: finalize: trap: unreachable
(func (export "finalize") (param i32) (unreachable))
