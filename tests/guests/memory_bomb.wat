;; Asks for memory and writes to it for as long as it gets any; then it aborts, as an allocator does.
;; grants: [memory:16777216]
;; ends: limit: the memory limit of 16777216 bytes is reached
(func (export "poll") (result i32) (local $pages i32)
  (loop $more
    (local.set $pages (memory.grow (i32.const 16)))
    (if (i32.eq (local.get $pages) (i32.const -1)) (then (unreachable)))
    (memory.fill (i32.mul (local.get $pages) (i32.const 65536)) (i32.const 7) (i32.const 0x100000))
    (br $more))
  (i32.const 1))
