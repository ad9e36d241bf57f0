;; ends: trap: unreachable
(func (export "init") (result i32) (unreachable))
