//! One turn of a task: its calls, its outcome, its end.
//!
//! Init, exec, poll and finalize all run here, on the thread that holds the core, with the core
//! inside of the context. Any of them may be suspended in the middle; then this function's thread
//! parks deep inside of the call and comes back with the core when the task's next turn has come.
//! A panic in a call ends that task and nothing else.

use crate::cell::{Begun, Cell, Kill, Stage, Woken};
use crate::context::{Context, Inner};
use crate::core::Core;
use crate::exit::Exit;
use crate::share::Throttled;
use crate::stats::State;
use crate::task::{Ending, Fault, FaultKind, Outcome, Task};
use crate::upgrade;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What is left to do with a task after its calls.
enum Next {
    Again,
    Sleep,
    End(Exit),
}

/// Gives a task its turn. `core.now_ns` is the moment at which it begins.
pub(crate) fn run(mut core: Box<Core>, mut cell: Box<Cell>) -> Box<Core> {
    let Some(mut body) = cell.body.take() else {
        core.put_cell(cell);
        return core;
    };
    core.begin_turn(&mut cell);
    cell.armed.clear();
    cell.woken = Woken::No;
    let mut cx = Context::new(core, cell);
    let next = calls(&mut body, &mut cx);
    let (core, cell) = cx.into_parts();
    match next {
        Next::End(exit) => end(core, cell, body, exit),
        Next::Again => {
            let mut core = finish(core, cell, body, State::Runnable);
            core.drain_ready();
            core
        }
        Next::Sleep => {
            let mut core = finish(core, cell, body, State::Waiting);
            core.drain_ready();
            core
        }
    }
}

fn calls(body: &mut Box<dyn Task>, cx: &mut Context) -> Next {
    if let Some(exit) = cx.kill().map(Kill::exit) {
        return ending(body, cx, exit);
    }
    if cx.stage() == Stage::New {
        upgrade::renew(body, cx);
        cx.set_stage(Stage::Live);
        if let Err(fault) = guarded(cx, |cx| body.init(cx)) {
            // A task that never began is not asked to finish.
            cx.set_stage(Stage::Ending);
            return Next::End(blame(cx, fault));
        }
        if cx.inner().cell.begun == Begun::No {
            let Inner { core, cell } = cx.inner_mut();
            core.has_begun(cell);
        }
    }
    if cx.has_orders() {
        if let Err(fault) = upgrade::carry_out(body, cx) {
            return Next::End(blame(cx, fault));
        }
        if let Some(exit) = cx.kill().map(Kill::exit) {
            return ending(body, cx, exit);
        }
    }
    if let Some(input) = cx.next_exec()
        && let Err(fault) = guarded(cx, |cx| body.exec(cx, &input))
    {
        return Next::End(blame(cx, fault));
    }
    let outcome = guarded(cx, |cx| Ok(body.poll(cx)));
    if let Some(exit) = cx.kill().map(Kill::exit) {
        return ending(body, cx, exit);
    }
    match outcome {
        Ok(Outcome::Infinite) => Next::Again,
        Ok(Outcome::Yield) => sleep_or_again(cx),
        Ok(Outcome::End) => Next::End(Exit::Done),
        Ok(Outcome::Err(fault)) | Err(fault) => Next::End(Exit::Error(fault)),
    }
}

/// A task that is to end may have to end others first.
fn ending(body: &mut Box<dyn Task>, cx: &mut Context, exit: Exit) -> Next {
    match guarded(cx, |cx| Ok(body.ending(cx, &exit))) {
        Ok(Ending::NotYet) => sleep_or_again(cx),
        Ok(Ending::Ready) | Err(_) => Next::End(exit),
    }
}

fn sleep_or_again(cx: &Context) -> Next {
    match cx.may_sleep() {
        Woken::No => Next::Sleep,
        Woken::Yes => Next::Again,
    }
}

/// A task that was told to unwind fails in consequence; that is not the reason of its end.
fn blame(cx: &Context, fault: Fault) -> Exit {
    cx.kill().map_or(Exit::Error(fault), Kill::exit)
}

pub(crate) fn guarded<T>(
    cx: &mut Context,
    call: impl FnOnce(&mut Context) -> Result<T, Fault>,
) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(|| call(cx))) {
        Ok(result) => result,
        Err(payload) => {
            if cx.is_empty() {
                // The core is lost with whatever had taken the context: nothing can go on.
                tracing::error!("a call panicked while it had given its context away");
                std::process::abort();
            }
            Err(Fault::new(FaultKind::Panic, panic_text(&*payload)))
        }
    }
}

pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        return (*text).to_string();
    }
    match payload.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => "a panic without a message".to_string(),
    }
}

fn finish(
    mut core: Box<Core>,
    mut cell: Box<Cell>,
    body: Box<dyn Task>,
    state: State,
) -> Box<Core> {
    core.end_turn(&mut cell);
    for id in cell.let_go.drain(..) {
        core.drop_endpoint(id);
    }
    cell.body = Some(body);
    cell.set_state(state);
    if state == State::Runnable && core.throttle(&mut cell) == Throttled::No {
        cell.entry = core.queue.push(cell.key, cell.time);
    }
    let (key, moves) = (cell.key, cell.moving.is_some());
    core.put_cell(cell);
    if moves {
        core.depart(key);
    }
    core
}

/// The end of a task: it is told, it is dropped, then its things go in order.
fn end(core: Box<Core>, mut cell: Box<Cell>, mut body: Box<dyn Task>, exit: Exit) -> Box<Core> {
    let was_live = cell.stage == Stage::Live;
    cell.stage = Stage::Ending;
    if was_live {
        core.begin_finalize(&mut cell);
    }
    let mut cx = Context::new(core, cell);
    if was_live {
        let told = guarded(&mut cx, |cx| {
            body.finalize(cx, &exit);
            Ok(())
        });
        if let Err(fault) = told {
            tracing::warn!(task = %cx.task(), name = cx.name(), %fault, "finalize failed");
        }
    }
    let (mut core, mut cell) = cx.into_parts();
    if catch_unwind(AssertUnwindSafe(|| drop(body))).is_err() {
        tracing::warn!(task = %cell.id, name = cell.name, "a task panicked as it was dropped");
    }
    core.end_turn(&mut cell);
    core.reap(cell, exit);
    core.drain_ready();
    core
}
