//! A dry run of an upgrade: would a module load, and could each of its running tasks go on as it?
//!
//! The module is compiled aside and kept nowhere. Each task is asked on its own core, between two turns:
//! its state is written, a new instance reads it and is dropped. A task that does not come to the end of a
//! turn within [`CHECK_MS`] is listed as such; nobody waits for it longer.

use crate::core::{Core, TimerOwner};
use crate::ids::TaskId;
use crate::inbox::{Asker, Post};
use crate::limits::CHECK_MS;
use crate::message::Message;
use crate::pending::Pending;
use crate::program::{Candidate, ModuleInfo};
use crate::refusal::Refusal;
use crate::table::Key;
use crate::upgrade::Order;
use okernel_abi::Errno;
use okernel_abi::value::Value;
use std::path::Path;
use std::sync::Arc;

/// A check whose tasks have not all answered.
#[derive(Debug)]
pub(crate) struct Survey {
    asker: Asker,
    rows: Vec<Row>,
    missing: usize,
    timer: Key,
}

/// What is known of one task.
#[derive(Debug)]
struct Row {
    task: TaskId,
    name: String,
    core: u16,
    /// None while it has not answered.
    outcome: Option<Result<(), String>>,
}

impl Core {
    /// Compiles a module aside, to find out what would come of loading it.
    pub(crate) fn check(&mut self, asker: Asker, name: &str, path: &Path) {
        let signal = Arc::clone(&self.signal);
        let module = name.to_string();
        let done = Box::new(move |result| {
            signal.post(Post::Checked {
                asker,
                module,
                result,
            });
        });
        self.shared.modules.check(name, path, done);
    }

    /// The module would load: asks its tasks.
    pub(crate) fn checked(
        &mut self,
        asker: Asker,
        module: &str,
        result: Result<(ModuleInfo, Candidate), String>,
    ) {
        let candidate = match result {
            Ok((_, candidate)) => candidate,
            Err(text) => {
                let refusal = Refusal::new(Errno::Io, text);
                return self.answer(asker, Message::Error(refusal));
            }
        };
        let mut rows = Vec::new();
        self.shared.directory.visit_tasks(|task, info| {
            if info.module.as_deref() == Some(module) {
                rows.push(Row {
                    task,
                    name: info.name.clone(),
                    core: info.core.0,
                    outcome: None,
                });
            }
        });
        if rows.is_empty() {
            return self.answer(asker, Message::AckValue(table(&rows)));
        }
        let deadline_ns = self.read_clock() + CHECK_MS * 1_000_000;
        let asked: Vec<TaskId> = rows.iter().map(|row| row.task).collect();
        let survey = self.surveys.next_key();
        let timer = self.timers.set(deadline_ns, 0, TimerOwner::Survey(survey));
        self.timer_next_ns = self.timer_next_ns.min(deadline_ns);
        self.surveys.insert(Survey {
            asker,
            missing: rows.len(),
            rows,
            timer,
        });
        for task in asked {
            let Some(info) = self.shared.directory.task(task) else {
                self.surveyed(survey, task, Err("it has ended".to_string()));
                continue;
            };
            let candidate = candidate.clone();
            let message = Message::Try { task, candidate };
            self.ask(info.core, message, Pending::Survey { survey, task });
        }
    }

    /// A task of this core is to be tried as another version.
    pub(crate) fn try_task(&mut self, asker: Asker, task: TaskId, candidate: Candidate) {
        let Some(cell) = self.cell_by_id(task) else {
            let refusal = self.no_task("check", task);
            return self.answer(asker, Message::Error(refusal));
        };
        cell.orders.push(Order::Try { candidate, asker });
        let key = cell.key;
        self.wake(key);
    }

    /// A task has answered.
    pub(crate) fn surveyed(&mut self, key: Key, task: TaskId, outcome: Result<(), String>) {
        let Some(survey) = self.surveys.get_mut(key) else {
            return;
        };
        let row = survey.rows.iter_mut().find(|row| row.task == task);
        if let Some(row) = row
            && row.outcome.is_none()
        {
            row.outcome = Some(outcome);
            survey.missing -= 1;
        }
        if survey.missing == 0 {
            self.end_survey(key);
        }
    }

    /// All tasks have answered, or have had long enough.
    pub(crate) fn end_survey(&mut self, key: Key) {
        if let Some(survey) = self.surveys.remove(key) {
            self.timers.cancel(survey.timer);
            self.answer(survey.asker, Message::AckValue(table(&survey.rows)));
        }
    }
}

/// The tasks of a module, and whether each could go on: `task name core ok why`.
fn table(rows: &[Row]) -> Value {
    let why = |row: &Row| match &row.outcome {
        Some(Ok(())) => Value::text(""),
        Some(Err(text)) => Value::text(text),
        None => Value::text(&format!("no turn of it has ended within {CHECK_MS} ms")),
    };
    let ok = |row: &Row| i64::from(matches!(row.outcome, Some(Ok(()))));
    Value::table(vec![
        (
            "task",
            Value::Ints(rows.iter().map(|row| row.task.number()).collect()),
        ),
        (
            "name",
            Value::Symbols(rows.iter().map(|row| row.name.clone()).collect()),
        ),
        (
            "core",
            Value::Ints(rows.iter().map(|row| row.core.into()).collect()),
        ),
        ("ok", Value::Ints(rows.iter().map(ok).collect())),
        ("why", Value::List(rows.iter().map(why).collect())),
    ])
}
