//! The InterCore task: carries out the messages that come over the bus.
//!
//! Every core has it; it runs in the bus's share of the core's time, not in the tasks'. Requests
//! are carried out and answered, answers go to whoever asked. Nothing here waits: what takes
//! longer (a load, an endpoint from elsewhere, the end of a task) is answered later.

use crate::capability::Object;
use crate::cell::{ExecJob, Interrupt, Kill, TakesInput};
use crate::core::{Core, Phase};
use crate::envelope::Envelope;
use crate::ids::{CoreId, EndpointId, TaskId};
use crate::inbox::{Asker, Post};
use crate::io::output::Stream;
use crate::io::rings;
use crate::io::selector::{Effect, Notice, Selector};
use crate::keep::News;
use crate::kernel::INTERRUPTED;
use crate::memory::End;
use crate::message::{Message, QosChange};
use crate::pending::{Answer, Pending};
use crate::refusal::Refusal;
use crate::revoke::Taken;
use crate::spawn::Outlet;
use crate::table::Key;
use crate::wfq::Weight;
use okernel_abi::Errno;
use okernel_abi::value::Value;
use okernel_ring::Policy;
use std::io;
use std::sync::atomic::Ordering;

impl Core {
    /// Carries out one message.
    pub(crate) fn carry_out(&mut self, envelope: &Envelope) {
        let Some((address, message)) = Message::open(envelope, &self.shared.parcels) else {
            tracing::error!(core = %self.id, ?envelope, "an envelope that cannot be opened");
            return;
        };
        let asker = Asker {
            core: address.from,
            ask: address.ask,
        };
        let number = |number| Answer::Value(Value::Int(number));
        let Some(message) = self.pass_on(asker, message) else {
            return;
        };
        match message {
            Message::Nop => self.answer(asker, Message::AckNop),
            Message::Pub {
                capacity_bytes,
                creator,
            } => {
                let made = self.publish(capacity_bytes, creator);
                self.answer_or_refuse(asker, made.map(Message::AckPub));
            }
            Message::Sub {
                ring,
                policy,
                creator,
            } => {
                let made = self.subscribe(ring, policy, creator);
                self.answer_or_refuse(asker, made.map(Message::AckSub));
            }
            Message::Spawn(spawn) => self.spawn(asker, spawn),
            Message::Exec { task, input } => self.exec(asker, task, input),
            Message::Offer(outlet, names) => self.offer(asker, outlet, &names),
            Message::Print {
                outlet,
                stream,
                bytes,
            } => self.print(asker, outlet, stream, bytes),
            Message::Select(order) => {
                let selected = self.select(*order);
                self.answer_or_refuse(asker, selected.map(Message::AckSelect));
            }
            Message::Drop(selector) => self.drop_selector(asker, selector),
            Message::AckSelect(value) | Message::AckValue(value) => {
                self.answered(address.ask, Ok(Answer::Value(value)));
            }
            Message::Stats { period_ms } => {
                let ring = self.feed_ring(period_ms);
                self.answer_or_refuse(asker, ring.map(Message::AckPub));
            }
            Message::Qos(change) => {
                let changed = self.qos(change);
                self.answer_or_refuse(asker, changed.map(|()| Message::AckQos));
            }
            Message::Load { name, path, class } => self.load(asker, &name, &path, class),
            Message::Upgrade(module) => {
                self.order_upgrades(&module);
                self.answer(asker, Message::AckNop);
            }
            Message::Check { name, path } => self.check(asker, &name, &path),
            Message::Move { task, to } => self.move_task(asker, task, to),
            Message::Arrive(arrival) => {
                self.arrive(*arrival);
                self.answer(asker, Message::AckNop);
            }
            Message::Relay(relay) => {
                self.deliver(relay.task, relay.delivery);
                self.answer(asker, Message::AckNop);
            }
            Message::Try { task, candidate } => self.try_task(asker, task, candidate),
            Message::Read(path) => self.read(asker, path),
            Message::Write(writing) => self.write(asker, *writing),
            Message::Kill(task) => self.end_task(asker, task, Kill::Asked),
            Message::End(task, kill) => self.end_task(asker, task, kill),
            Message::Exited {
                supervisor,
                child,
                begun,
                notice,
            } => {
                let notice = *notice;
                let news = News::Ended {
                    child,
                    begun,
                    notice,
                };
                self.tell_supervisor(supervisor, news);
                self.answer(asker, Message::AckExited);
            }
            Message::Begun { supervisor, task } => {
                self.tell_supervisor(supervisor, News::Begun(task));
                self.answer(asker, Message::AckNop);
            }
            Message::Release {
                endpoint,
                holder,
                heir,
            } => {
                self.release(endpoint, holder, heir);
                self.answer(asker, Message::AckRelease);
            }
            Message::Migrate {
                endpoint,
                asker: task,
            } => {
                let moved = self.migrate(endpoint, task);
                self.answer_or_refuse(asker, moved.map(Message::AckMigrate));
            }
            Message::Halt(status) => {
                self.shared.set_status(status);
                self.halt_asker = Some(asker);
                self.halt();
            }
            Message::Interrupt(task) => {
                let interrupted = self.interrupt(task);
                self.answer_or_refuse(asker, interrupted.map(|()| Message::AckInterrupt));
            }
            Message::Revoke(task) => self.revoke(asker, task),
            Message::AckInterrupt
            | Message::AckExited
            | Message::AckRelease
            | Message::AckRevoke
            | Message::AckNop
            | Message::AckTry
            | Message::AckMove
            | Message::AckQos
            | Message::AckKill
            | Message::AckPrint => {
                self.answered(address.ask, Ok(Answer::Value(Value::Nil)));
            }
            Message::AckHalt | Message::AckDrop => {
                self.answered(address.ask, Ok(Answer::Value(Value::Nil)))
            }
            Message::AckPub(id) | Message::AckSub(id) => {
                self.answered(address.ask, Ok(number(id.number())));
            }
            Message::AckSpawn(task) => self.answered(address.ask, Ok(number(task.number()))),
            Message::AckExec(executed, outcome) => {
                self.answered(address.ask, Ok(Answer::Executed(executed, outcome)));
            }
            Message::AckLoad(module) => {
                let name = Value::Symbol(module.name);
                self.answered(address.ask, Ok(Answer::Value(name)));
            }
            Message::AckRead(bytes) => {
                self.answered(address.ask, Ok(Answer::Value(Value::Chars(bytes))));
            }
            Message::AckWrite => self.answered(address.ask, Ok(Answer::Value(Value::Nil))),
            Message::AckMigrate(end) => self.answered(address.ask, Ok(Answer::End(end))),
            Message::Error(refusal) => self.answered(address.ask, Err(refusal)),
        }
    }

    fn answer_or_refuse(&mut self, asker: Asker, result: Result<Message, Refusal>) {
        self.answer(asker, result.unwrap_or_else(Message::Error));
    }

    /// Makes a ring whose publisher lies on this core. The capacity is rounded up to what a ring
    /// can have: a power of two, a page at least.
    pub(crate) fn publish(
        &mut self,
        capacity_bytes: u64,
        creator: Option<TaskId>,
    ) -> Result<EndpointId, Refusal> {
        let publisher = rings::create("pub", capacity_bytes)?;
        let ring = publisher.ring().clone();
        let id = self
            .shared
            .directory
            .add_publisher(ring, self.id, creator)?;
        self.memory.insert(End::Publisher(id, publisher));
        Ok(id)
    }

    /// Makes a subscriber that lies on this core.
    pub(crate) fn subscribe(
        &mut self,
        ring: EndpointId,
        policy: Policy,
        creator: Option<TaskId>,
    ) -> Result<EndpointId, Refusal> {
        let (id, subscriber) = self.shared.subscribe(ring, policy, self.id, creator)?;
        self.memory.insert(End::Subscriber(id, subscriber));
        Ok(id)
    }

    fn exec(&mut self, asker: Asker, task: TaskId, input: Vec<u8>) {
        let Some(cell) = self.cell_by_id(task) else {
            let refusal = self.no_task("exec", task);
            return self.answer(asker, Message::Error(refusal));
        };
        cell.takes_input = TakesInput::Yes;
        cell.execs.push_back(ExecJob { input, asker });
        let key = cell.key;
        self.wake(key);
    }

    /// Asks a task to give up the input that it works on, or that it is about to begin with.
    fn interrupt(&mut self, task: TaskId) -> Result<(), Refusal> {
        let Some(cell) = self.cell_by_id(task) else {
            return Err(self.no_task("interrupt", task));
        };
        if cell.executing.is_some() || !cell.execs.is_empty() {
            cell.interrupt = Interrupt::Asked;
            let key = cell.key;
            self.wake(key);
        }
        Ok(())
    }

    fn print(&mut self, asker: Asker, outlet: Outlet, stream: Stream, bytes: Vec<u8>) {
        let slot = match outlet {
            Outlet::Console => {
                self.mirror(stream, &bytes);
                self.console
            }
            Outlet::Slot(slot) => Some(slot),
        };
        let written = slot.and_then(|slot| self.io.write(slot, stream, bytes, asker));
        if written.is_none() && outlet != Outlet::Console {
            // Whoever would have read it has gone.
            self.answer(asker, Message::AckPrint);
        } else if written.is_none() {
            let refusal = Refusal::new(Errno::Unsupported, "print: this core has no console");
            self.answer(asker, Message::Error(refusal));
        }
    }

    fn qos(&mut self, change: QosChange) -> Result<(), Refusal> {
        match change {
            QosChange::Core(quanta) => {
                self.quanta = quanta;
                self.stats.bus_us.set(quanta.bus_us);
                self.stats.io_us.set(quanta.io_us);
                self.stats.tasks_us.set(quanta.tasks_us);
            }
            QosChange::Task { task, weight } => {
                let Some(cell) = self.cell_by_id(task) else {
                    return Err(self.no_task("qos", task));
                };
                cell.weight = Weight::new(weight);
                cell.stats.weight.set(cell.weight.get().into());
            }
        }
        Ok(())
    }

    /// Lets an endpoint go to another core, if no other task holds it.
    fn migrate(&mut self, id: EndpointId, asker: Option<TaskId>) -> Result<End, Refusal> {
        let Some(place) = self.memory.place(id) else {
            return Err(Refusal::new(
                Errno::NotFound,
                format!("endpoint {id} is not on core {}", self.id),
            ));
        };
        if let Some(owner) = self.memory.owner(place) {
            if !self.may_take(owner, asker) {
                return Err(Refusal::new(
                    Errno::Busy,
                    format!("endpoint {id} is in use by task {owner}"),
                ));
            }
            self.take_end_from(owner, id);
        }
        self.shared.directory.set_home(id, None);
        self.memory
            .remove(id)
            .ok_or_else(|| Refusal::new(Errno::NotFound, format!("endpoint {id} is gone")))
    }

    pub(crate) fn no_task(&self, op: &str, task: TaskId) -> Refusal {
        let text = match self.shared.directory.ended_exit(task) {
            Some(exit) => format!("{op}: task {task} has ended: {exit}"),
            None => format!("{op}: there is no task {task}"),
        };
        Refusal::new(Errno::NotFound, text)
    }

    /// Takes a right on an endpoint back from a task while it is called; the endpoint stays here.
    pub(crate) fn detach(&mut self, cell: &mut crate::cell::Cell, id: EndpointId) {
        if self.take_end(cell, id) == Taken::No {
            return;
        }
        if let Some(place) = self.memory.place(id) {
            self.memory.set_owner(place, None);
        }
        self.shared.directory.set_owner(id, None);
    }

    /// Halts the whole kernel. Called on any core; the boot core tells all others.
    pub(crate) fn halt_kernel(&mut self, status: i32) {
        self.shared.set_status(status);
        if self.id != CoreId::BOOT {
            self.shared.signals[CoreId::BOOT.index()].post(Post::Halt(status));
            return;
        }
        if self.phase != Phase::Running {
            return;
        }
        for other in 1..self.shared.cores_count() {
            if self.shared.parked[other].load(Ordering::Acquire) {
                self.halts_awaited += 1;
                let core = CoreId(other as u16);
                self.ask(core, Message::Halt(status), Pending::Halt);
            }
        }
        self.halt();
    }

    /// Carries out what a foreign thread has posted.
    pub(crate) fn carry_out_post(&mut self, post: Post) {
        match post {
            Post::Notice(slot, notice) => self.notice(slot, notice),
            Post::Checked {
                asker,
                module,
                result,
            } => self.checked(asker, &module, result),
            Post::Loaded { asker, result } => {
                let loaded = result.map_err(|text| Refusal::new(Errno::Io, text));
                if let Ok(info) = &loaded {
                    self.tell_upgrades(&info.name);
                }
                self.answer_or_refuse(asker, loaded.map(Message::AckLoad));
            }
            Post::Read { asker, result } => {
                let read = result.map_err(|text| Refusal::new(Errno::Io, text));
                self.answer_or_refuse(asker, read.map(Message::AckRead));
            }
            Post::Wrote { asker, result } => {
                let wrote = result.map_err(|text| Refusal::new(Errno::Io, text));
                self.answer_or_refuse(asker, wrote.map(|()| Message::AckWrite));
            }
            Post::Written(askers) => self.written(askers),
            Post::Request { request, done } => self.control_request(&request, done),
            Post::Exec { task, input, done } => {
                self.send_exec(task, input, Pending::ControlExec(done));
            }
            Post::Spawn { core, spawn, done } => {
                self.shared.directory.spawn_begins();
                self.ask(core, Message::Spawn(spawn), Pending::ControlSpawn(done));
            }
            Post::Interrupt(task) => self.send_interrupt(task),
            Post::InterruptInput => match self.foreground {
                Some(slot) => self.notice(slot, Notice::Interrupt),
                None => self.halt_kernel(INTERRUPTED),
            },
            Post::Halt(status) => self.halt_kernel(status),
            Post::FeedWanted => self.feed_wanted(),
            Post::TaskEnded => self.look_whether_alone(),
        }
    }

    pub(crate) fn notice(&mut self, slot: Key, notice: Notice) {
        if !self.io.has(slot) {
            return self.notice_too_late(&notice);
        }
        let effects = self.io.notice(slot, notice, self.now_ns);
        self.carry_out_effects(slot, effects);
    }

    fn written(&mut self, askers: Vec<Asker>) {
        for asker in askers {
            self.answer(asker, Message::AckPrint);
        }
    }

    /// Sends an input to the core of its task.
    fn send_exec(&mut self, task: TaskId, input: Vec<u8>, pending: Pending) {
        match self.shared.directory.task(task) {
            Some(info) => self.ask(info.core, Message::Exec { task, input }, pending),
            None => {
                let refusal = self.no_task("exec", task);
                let ask = self.pending.insert(pending);
                self.answered(ask, Err(refusal));
            }
        }
    }

    fn send_interrupt(&mut self, task: TaskId) {
        if let Some(info) = self.shared.directory.task(task) {
            self.ask(info.core, Message::Interrupt(task), Pending::Nobody);
        }
    }

    /// Carries out what a selector asks for.
    pub(crate) fn carry_out_effects(&mut self, slot: Key, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Exec { task, input } => {
                    self.send_exec(task, input, Pending::SlotExec(slot));
                }
                Effect::Interrupt { task } => self.send_interrupt(task),
                Effect::StartConsole(verdict) => {
                    if let Some(console) = self.console {
                        self.foreground = Some(console);
                        self.notice(console, Notice::Start(verdict));
                    }
                }
                Effect::Halt(status) => self.halt_kernel(status),
                Effect::HaltWhenAlone(status) => {
                    self.alone_status = Some(status);
                    self.shared.watch_ends.store(true, Ordering::Release);
                    self.look_whether_alone();
                }
                Effect::Add(selector) => {
                    if let Err(error) = self.add_selector(selector) {
                        tracing::warn!(core = %self.id, "no slot for a selector: {error}");
                    }
                }
                Effect::Remove => self.remove_selector(slot),
                Effect::Ask(tag, request) => self.selector_request(slot, tag, &request),
                Effect::Spawn(spawn) => self.selector_spawn(slot, spawn),
                Effect::Written(askers) => self.written(askers),
                Effect::Mirror => self.mirrors.push(slot),
            }
        }
        self.timer_next_ns = self.timer_next_ns.min(self.io.next_ns());
    }

    /// Gives a selector a slot of this core, and carries out what it asks for.
    pub(crate) fn add_selector(&mut self, selector: Box<dyn Selector>) -> io::Result<Key> {
        let now_ns = self.read_clock();
        let (slot, effects) = self.io.add(selector, now_ns)?;
        self.carry_out_effects(slot, effects);
        Ok(slot)
    }
}

impl Object {
    /// The endpoint that it stands for, if any.
    pub(crate) fn endpoint(&self) -> Option<EndpointId> {
        match self.plain() {
            Object::Publisher(_, id) | Object::Subscriber(_, id) => Some(*id),
            _ => None,
        }
    }
}
