//! Kernels whose tasks move: what their tests share.

use crate::support::{Running, kernel, list, sym};
use okernel_abi::value::Value;
use okernel_core::{Config, Kernel, Pinning, TaskId};
use std::sync::mpsc::{Receiver, channel};

pub fn cores(count: usize) -> Kernel {
    let config = Config {
        pinning: Pinning::Free,
        ..Config::default()
    };
    kernel(count, config)
}

/// Moves a task, and waits until it has arrived or is known not to.
pub fn moves(running: &Running, task: TaskId, core: u64) -> Value {
    running.request(list([
        sym("move"),
        Value::Int(task.number()),
        Value::Int(core as i64),
    ]))
}

/// Moves a task without waiting.
pub fn begin_move(running: &Running, task: TaskId, core: u64) -> Receiver<Value> {
    let (tell, told) = channel();
    let request = list([
        sym("move"),
        Value::Int(task.number()),
        Value::Int(core as i64),
    ]);
    running.control.request(request, move |answer| {
        let _ = tell.send(answer);
    });
    told
}

pub fn error(answer: &Value) -> &str {
    match answer {
        Value::Error(text) => text,
        other => panic!("{other:?}"),
    }
}

pub fn int(running: &Running, task: TaskId, column: &str) -> i64 {
    match running.ps(task, column) {
        Some(Value::Int(int)) => int,
        other => panic!("{column}: {other:?}"),
    }
}
