;; Never comes back from its first call.
;; ends: killed
(func (export "init") (result i32) (loop (br 0)) (i32.const 0))
