;; Loops for ever before its first call.
;; ends: killed
(func $start (loop $for_ever (br $for_ever)))
(start $start)
