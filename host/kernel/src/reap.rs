//! What happens to a task's things when it has ended.
//!
//! In this order: its publishers close (their readers drain them first), its subscribers leave and gate no
//! more, its timers go; the directory keeps the reason; its supervisor and its monitors are told, those who are
//! linked to it and its children end or are handed up; then whoever waits for the task is answered.
//!
//! The ends of rings that a supervised task was granted are the exception: they stay as they are, in the
//! hands of the supervisor, at the position of the last commit and release.

use crate::capability::Object;
use crate::cell::Cell;
use crate::core::{Core, Phase};
use crate::exit::Exit;
use crate::ids::{CoreId, EndpointId};
use crate::inbox::Post;
use crate::message::Message;
use crate::refusal::Refusal;
use crate::relations::Orphans;
use okernel_abi::Errno;
use std::sync::atomic::Ordering;

impl Core {
    /// Takes everything back from a task that has ended. Its cell is out of the table.
    pub(crate) fn reap(&mut self, mut cell: Box<Cell>, exit: Exit) {
        self.tasks.remove(cell.key);
        self.places.remove(&cell.id);
        self.stats.tasks.set(self.tasks.len() as u64);
        let heir = self.heir(&cell);
        let (mut publishers, mut subscribers, mut timers) = (Vec::new(), Vec::new(), Vec::new());
        let mut orphans = Orphans::of(&exit);
        for object in cell.handles.drain() {
            self.forget_wait(&object);
            match object.into_plain() {
                Object::Publisher(_, id) => publishers.push(id),
                Object::Subscriber(_, id) => subscribers.push(id),
                Object::Timer(timer) => timers.extend(timer.key),
                Object::Reply(reply) => self.forget(reply.waits),
                // A shell is somebody's hand: what it started stands by itself.
                Object::System => orphans = Orphans::HandedUp,
                _ => {}
            }
        }
        let let_go = std::mem::take(&mut cell.let_go);
        for id in publishers.into_iter().chain(subscribers).chain(let_go) {
            match heir {
                Some(heir) if cell.granted.contains(&id) => self.keep(id, heir),
                _ => self.drop_endpoint(id),
            }
        }
        for timer in timers {
            self.timers.cancel(timer);
        }
        self.forget_grants(cell.id);
        self.stats.timers.set(self.timers.len() as u64);
        let memory = &self.shared.guest_memory;
        // Giving back is never refused.
        let _ = memory.change(cell.stats.memory_bytes.get(), 0);
        self.log_exit(&cell, &exit);
        self.tell_outlet(&cell, &exit);
        // What a supervisor makes good is no failure.
        if matches!(exit, Exit::Error(_)) && heir.is_none() {
            self.shared.task_failed.store(true, Ordering::Release);
        }
        self.say_farewell(&cell, &exit, orphans);
        let waiting = cell.execs.drain(..).map(|job| job.asker);
        for asker in cell.executing.take().into_iter().chain(waiting) {
            let text = format!("exec: task {} ended: {exit}", cell.id);
            let refusal = Refusal::new(Errno::NotFound, text);
            self.answer(asker, Message::Error(refusal));
        }
        for asker in cell.kill_askers.drain(..) {
            self.answer(asker, Message::AckKill);
        }
        let orders = cell.drop_orders(&exit).into_iter();
        for (asker, refusal) in orders.chain(cell.drop_moving(&exit)) {
            self.answer(asker, Message::Error(refusal));
        }
        if self.shared.watch_ends.load(Ordering::Acquire) {
            self.shared.signals[CoreId::BOOT.index()].post(Post::TaskEnded);
        }
    }

    /// An endpoint of this core is given up: a publisher closes its ring, a subscriber leaves.
    pub(crate) fn drop_endpoint(&mut self, id: EndpointId) {
        if let Some(end) = self.memory.remove(id) {
            drop(end);
            self.shared.directory.remove_endpoint(id);
        }
    }

    fn log_exit(&self, cell: &Cell, exit: &Exit) {
        let (task, name, core) = (cell.id, &cell.name, self.id);
        match exit {
            Exit::Error(fault) if fault.backtrace.is_empty() => {
                tracing::error!(%task, name, %core, "{exit}");
            }
            Exit::Error(fault) => {
                tracing::error!(%task, name, %core, "{exit}\n{}", fault.backtrace.trim_end());
            }
            _ if self.phase == Phase::Running => tracing::info!(%task, name, %core, "{exit}"),
            _ => tracing::debug!(%task, name, %core, "{exit}"),
        }
    }
}
