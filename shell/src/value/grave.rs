//! Dropping without recursion.
//!
//! A list nested a million deep would otherwise be dropped by a million nested calls, and a guest
//! has one MiB of stack. Whatever can hold further values hands its children over to [`bury`] in
//! its `Drop`: the outermost call empties the queue in a loop, the inner ones only add to it.

use super::Value;
use std::cell::{Cell, RefCell};

thread_local! {
    static PENDING: RefCell<Vec<Vec<Value>>> = const { RefCell::new(Vec::new()) };
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Drops values in constant stack, however deep they nest.
///
/// Call it from the `Drop` of every type that owns values, with the values taken out.
pub fn bury(children: Vec<Value>) {
    if !children.iter().any(Value::nests) {
        return;
    }
    // At the end of a thread the queue may be gone already; then plain dropping must do.
    let Ok(busy) = BUSY.try_with(|busy| busy.replace(true)) else {
        return;
    };
    if busy {
        let _gone = PENDING.try_with(|pending| pending.borrow_mut().push(children));
        return;
    }
    let mut next = Some(children);
    while let Some(mut batch) = next {
        batch.clear();
        next = PENDING
            .try_with(|pending| pending.borrow_mut().pop())
            .unwrap_or(None);
    }
    let _gone = BUSY.try_with(|busy| busy.set(false));
}
