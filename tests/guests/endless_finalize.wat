;; Ends at once, and then never comes back from its last call.
;; ends: done
;; log: finalize: refused: killed
(func (export "finalize") (param i32) (loop (br 0)))
