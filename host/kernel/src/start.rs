//! The start of a task: its endpoints are fetched, its rights are checked, then it is made.
//!
//! What other tasks hold is never taken from them. If a spawn fails, its endpoints lie on the core
//! where the task would have run, held by nobody, and can be used again by their numbers.

use crate::capability::{Armed, Grant, Handles, Object};
use crate::cell::{Begun, Cell, Interrupt, Pinned, Stage, TakesInput, Woken};
use crate::core::{Core, Phase};
use crate::derivation::{Capability, Derived, Standing, Thing};
use crate::directory::TaskInfo;
use crate::grants::lost;
use crate::ids::{CoreId, EndpointId, TaskId};
use crate::inbox::Asker;
use crate::io::output::Stream;
use crate::limits::{LOG_BURST_SECONDS, NAME_BYTES_MAX, SPAWN_BURST_SECONDS};
use crate::memory::Place;
use crate::message::Message;
use crate::pending::{Pending, PendingSpawn};
use crate::program::Program;
use crate::rate_budget::RateBudget;
use crate::refusal::Refusal;
use crate::share::Account;
use crate::spawn::{Body, Lives, Spawn};
use crate::stats::{State, TaskStats};
use crate::task::{Fault, FaultKind, Task};
use crate::task_limits::Limits;
use crate::turn::panic_text;
use crate::wake::TaskWake;
use crate::wfq::Weight;
use okernel_abi::{Errno, Handle};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::task::Waker;

/// An endpoint that is granted: its name to the task, and where it lies.
type Named<'g> = (&'g str, Place, EndpointId);

/// What a task is granted, made object by object.
struct Granted<'g> {
    handles: Handles,
    places: Vec<Named<'g>>,
    /// Readers that were made for it.
    readers: Vec<EndpointId>,
    /// The handles of the grants, and what becomes of each a capability.
    grants: Vec<Handle>,
    derived: Vec<Derived>,
}

impl Granted<'_> {
    fn new(handles: usize) -> Self {
        Granted {
            handles: Handles::new(handles),
            places: Vec::new(),
            readers: Vec::new(),
            grants: Vec::new(),
            derived: Vec::new(),
        }
    }
}

fn end_object(place: Place, id: EndpointId) -> Object {
    match place {
        Place::Publisher(key) => Object::Publisher(key, id),
        Place::Subscriber(key) => Object::Subscriber(key, id),
    }
}

fn refuse(errno: Errno, text: impl std::fmt::Display) -> Refusal {
    Refusal::new(errno, format!("spawn: {text}"))
}

impl Core {
    /// Carries out an order to spawn: fetches the endpoints that lie elsewhere, then starts the task.
    pub(crate) fn spawn(&mut self, asker: Asker, spawn: Box<Spawn>) {
        if self.phase != Phase::Running {
            let refusal = refuse(Errno::Halting, "the kernel is halting");
            return self.answer_spawn(asker, Err(refusal));
        }
        let mut away = Vec::new();
        for id in endpoints(&spawn) {
            match self.home_of(id) {
                Ok(home) if home == self.id => {}
                Ok(home) => away.push((id, home)),
                Err(refusal) => return self.answer_spawn(asker, Err(refusal)),
            }
        }
        if away.is_empty() {
            let started = self.start(*spawn);
            return self.answer_spawn(asker, started);
        }
        let parent = spawn.parent;
        let waiting = self.spawns.insert(PendingSpawn {
            spawn,
            asker,
            missing: away.len(),
            refusal: None,
        });
        for (endpoint, home) in away {
            let message = Message::Migrate {
                endpoint,
                asker: parent,
            };
            let pending = Pending::Grant {
                spawn: waiting,
                endpoint,
            };
            self.ask(home, message, pending);
        }
    }

    fn home_of(&self, id: EndpointId) -> Result<CoreId, Refusal> {
        self.shared.not_the_feed("spawn", id)?;
        let Some(info) = self.shared.directory.endpoint(id) else {
            return Err(refuse(
                Errno::NotFound,
                format_args!("there is no endpoint {id}"),
            ));
        };
        info.home.ok_or_else(|| {
            refuse(
                Errno::Busy,
                format_args!("endpoint {id} is closed, or on its way to another core"),
            )
        })
    }

    /// Starts a task whose endpoints are all here.
    pub(crate) fn start(&mut self, spawn: Spawn) -> Result<TaskId, Refusal> {
        let Spawn {
            name,
            body,
            grants,
            args,
            limits,
            weight,
            parent,
            seed,
            pinned,
            outlet,
            keeper,
            restarts,
            last,
            sources,
            lives,
            account,
        } = spawn;
        if name.len() > NAME_BYTES_MAX {
            return Err(refuse(Errno::TooLarge, "the name is too long"));
        }
        let limits = limits.unwrap_or(self.shared.config.limits);
        let module = match &body {
            Body::Program(Program::Module(name)) => Some(name.clone()),
            _ => None,
        };
        self.check_wants(&body, &grants)?;
        let body = self.make_body(body, &limits)?;
        let mut made = Granted::new(limits.handles);
        let earlier = lives.as_ref().map_or(Vec::new(), earlier);
        if let Err(refusal) = self.make_handles(&grants, &sources, &earlier, parent, &mut made) {
            made.readers.iter().for_each(|id| self.drop_endpoint(*id));
            return Err(refusal);
        }
        let weight = Weight::new(weight);
        let stats = Arc::new(TaskStats::default());
        stats.weight.set(weight.get().into());
        stats.restarts.set(restarts);
        stats.version.set(body.version().into());
        stats.pinned.set(u64::from(pinned == Pinned::Yes));
        let info = TaskInfo {
            name: name.clone(),
            module: module.clone(),
            core: self.id,
            parent,
            supervisor: keeper.map(|keeper| keeper.supervisor),
            last,
            children_count: 0,
            below_count: 0,
            spawn_budget: RateBudget::new(limits.spawns_per_second, SPAWN_BURST_SECONDS),
            limits,
            stats: Arc::clone(&stats),
        };
        let added = self
            .shared
            .directory
            .add_task(info, &self.shared.config.tasks);
        let id = match added {
            Ok(id) => id,
            Err(refusal) => {
                made.readers.iter().for_each(|id| self.drop_endpoint(*id));
                return Err(refusal);
            }
        };
        let Granted {
            mut handles,
            places,
            readers,
            grants,
            derived,
        } = made;
        // A reader that was made for a grant goes with it: no supervisor keeps it.
        let granted = places.iter().map(|(_, _, endpoint)| *endpoint);
        let granted = granted.filter(|id| !readers.contains(id)).collect();
        let capabilities = self
            .shared
            .capabilities
            .enter(id, parent, derived, &self.shared.clock);
        if let Some(lives) = &lives {
            let mut lives = lives.lock().unwrap_or_else(PoisonError::into_inner);
            if lives.is_empty() {
                lives.clone_from(&capabilities);
            }
        }
        for (handle, capability) in grants.into_iter().zip(capabilities) {
            self.expire_later(&capability);
            handles.bind(handle, capability);
        }
        for (name, place, endpoint) in places {
            self.memory.hand(place, id);
            self.shared.directory.set_owner(endpoint, Some(id));
            self.shared.directory.set_name(endpoint, name);
        }
        let system = handles
            .objects()
            .any(|(_, object)| matches!(object.plain(), Object::System));
        let key = self.tasks.next_key();
        let wake = TaskWake::new(key, Arc::clone(&self.signal));
        let mut cell = Box::new(Cell {
            id,
            key,
            name,
            args,
            seed: seed.unwrap_or_else(|| crate::spawn::seed_of(id)),
            limits,
            module,
            orders: Vec::new(),
            trial: None,
            finalize_until_ns: 0,
            body: Some(body),
            handles,
            outlet,
            state: State::Runnable,
            stage: Stage::New,
            begun: Begun::No,
            seat: None,
            entry: 0,
            time: 0,
            weight,
            pinned,
            moving: None,
            waker: Waker::from(Arc::clone(&wake)),
            wake,
            armed: Vec::new(),
            woken: Woken::No,
            execs: VecDeque::new(),
            takes_input: if system {
                TakesInput::Yes
            } else {
                TakesInput::No
            },
            executing: None,
            interrupt: Interrupt::No,
            kill: None,
            kill_askers: Vec::new(),
            keeper,
            granted,
            let_go: Vec::new(),
            news: VecDeque::new(),
            account: Account::open(limits.share, account, self.now_ns),
            log_budget: RateBudget::new(limits.log_lines_per_second, LOG_BURST_SECONDS),
            timers_count: 0,
            print_bytes: 0,
            print_elsewhere: 0,
            print_armed: Armed::No,
            requests_count: 0,
            revocations: 0,
            stats,
        });
        (cell.time, cell.entry) = self.queue.join(key, 0);
        // What it comes from may have been taken back since it was asked for.
        self.take_lost(&mut cell);
        tracing::debug!(task = %id, name = cell.name, core = %self.id, "started");
        self.tasks.insert(Some(cell));
        self.places.insert(id, key);
        self.stats.tasks.set(self.tasks.len() as u64);
        Ok(id)
    }

    fn make_handles<'g>(
        &mut self,
        grants: &'g [(String, Grant)],
        sources: &[Option<Arc<Capability>>],
        earlier: &[Arc<Capability>],
        parent: Option<TaskId>,
        made: &mut Granted<'g>,
    ) -> Result<(), Refusal> {
        for (at, (name, grant)) in grants.iter().enumerate() {
            if name.len() > NAME_BYTES_MAX {
                return Err(refuse(Errno::TooLarge, "the name of a grant is too long"));
            }
            if made.handles.named(name).is_some() {
                let text = format_args!("{name} is granted twice");
                return Err(refuse(Errno::Invalid, text));
            }
            let first = earlier.get(at).cloned();
            let source = first.clone().or_else(|| sources.get(at).cloned().flatten());
            let standing = source.as_ref().map_or(Standing::Good, |source| {
                source.standing_at(self.shared.clock.now_ns())
            });
            if standing != Standing::Good {
                return Err(lost(name, standing));
            }
            let (object, thing) = self.make_object(name, grant, parent, made)?;
            let again = first.is_some();
            let mut derived = match first {
                Some(first) => Derived::again(name, first, thing),
                None => Derived::whole(name, source, thing),
            };
            let mut cut = grant;
            while !again && let Grant::Attenuated(inner, attenuation) = cut {
                let in_time = derived.attenuate(attenuation, &self.shared.clock);
                in_time.ok_or_else(|| {
                    let text = "the moment until which it is granted has passed";
                    refuse(Errno::Expired, format_args!("{name}: {text}"))
                })?;
                cut = inner;
            }
            let handle = made
                .handles
                .insert_named(name, object)
                .map_err(|errno| refuse(errno, format_args!("{name}: {errno}")))?;
            made.grants.push(handle);
            made.derived.push(derived);
        }
        Ok(())
    }

    /// Makes what a grant is a right to, whatever that is cut down to.
    fn make_object<'g>(
        &mut self,
        name: &'g str,
        grant: &Grant,
        parent: Option<TaskId>,
        made: &mut Granted<'g>,
    ) -> Result<(Object, Thing), Refusal> {
        let object = match grant {
            Grant::Endpoint(id) => {
                let place = self.take_place(*id, parent)?;
                if made.places.iter().any(|(_, _, other)| other == id) {
                    let text = format_args!("endpoint {id} is granted twice");
                    return Err(refuse(Errno::Invalid, text));
                }
                made.places.push((name, place, *id));
                end_object(place, *id)
            }
            Grant::Reader(ring, policy) => {
                let id = self
                    .subscribe(*ring, *policy, parent)
                    .map_err(|refusal| refuse(refusal.errno, format_args!("{name}: {refusal}")))?;
                made.readers.push(id);
                let Some(place) = self.memory.place(id) else {
                    let text = format_args!("{name}: endpoint {id} is gone");
                    return Err(refuse(Errno::NotFound, text));
                };
                made.places.push((name, place, id));
                end_object(place, id)
            }
            Grant::Attenuated(inner, _) => {
                return self.make_object(name, inner, parent, made);
            }
            Grant::File(file) => Object::File(Arc::clone(file)),
            Grant::Timers => Object::Timers,
            Grant::Clock => Object::Clock,
            Grant::Console => Object::Console(Stream::Out),
            Grant::Errors => Object::Console(Stream::Errors),
            Grant::Spawn => Object::Spawn,
            Grant::System => Object::System,
        };
        let thing = match (&object, grant) {
            (Object::Subscriber(_, id), Grant::Reader(..)) => Thing::Reader(*id),
            (Object::Publisher(_, id) | Object::Subscriber(_, id), _) => {
                Thing::Endpoint(object.kind(), *id)
            }
            (Object::File(file), _) => {
                Thing::File(file.path().display().to_string(), file.access().word())
            }
            _ => Thing::Right(object.kind()),
        };
        Ok((object, thing))
    }

    /// Where an endpoint lies that a new task is to hold. What its parent holds is taken from the parent.
    fn take_place(&mut self, id: EndpointId, parent: Option<TaskId>) -> Result<Place, Refusal> {
        let Some(place) = self.memory.place(id) else {
            let text = format_args!("endpoint {id} is not on core {}", self.id);
            return Err(refuse(Errno::NotFound, text));
        };
        match self.memory.owner(place) {
            None => {}
            Some(owner) if self.may_take(owner, parent) => {
                self.take_end_from(owner, id);
                self.memory.set_owner(place, None);
            }
            Some(owner) => {
                let text = format_args!("endpoint {id} is in use by task {owner}");
                return Err(refuse(Errno::Busy, text));
            }
        }
        Ok(place)
    }

    /// Whether what `owner` holds may go to a child of `parent`: it is the parent's, or a supervisor above it
    /// keeps it.
    pub(crate) fn may_take(&self, owner: TaskId, parent: Option<TaskId>) -> bool {
        parent.is_some_and(|parent| self.shared.directory.is_under(parent, owner))
    }

    fn make_body(&self, body: Body, limits: &Limits) -> Result<Box<dyn Task>, Refusal> {
        let program = match body {
            Body::Native(task) => return Ok(task),
            Body::Program(program) => program,
        };
        let modules = &self.shared.modules;
        let made = catch_unwind(AssertUnwindSafe(|| modules.instantiate(&program, limits)));
        let fault = match made {
            Ok(Ok(task)) => return Ok(task),
            Ok(Err(fault)) => fault,
            Err(payload) => Fault::new(FaultKind::Host, panic_text(&*payload)),
        };
        let errno = match fault.kind {
            FaultKind::Limit => Errno::Limit,
            FaultKind::Refused => Errno::NotFound,
            _ => Errno::Invalid,
        };
        Err(refuse(errno, fault.message))
    }
}

/// The grants of the first life of a task that is started again.
fn earlier(lives: &Lives) -> Vec<Arc<Capability>> {
    let lives = lives.lock().unwrap_or_else(PoisonError::into_inner);
    lives.clone()
}

/// All endpoints that an order grants.
fn endpoints(spawn: &Spawn) -> Vec<EndpointId> {
    let grants = spawn.grants.iter();
    grants.filter_map(|(_, grant)| grant.endpoint()).collect()
}
