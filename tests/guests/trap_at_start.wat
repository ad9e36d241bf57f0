;; Traps before its first call.
;; ends: trap: unreachable
(func $start (unreachable))
(start $start)
