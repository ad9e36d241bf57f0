//! What is said in one session: the protocol of docs/protocol.md, without the socket under it.
//!
//! Inputs go to the session's task in their order and are answered in it. All else that is asked of
//! the kernel carries a tag, by which the answer finds its way back.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use okernel_abi::layout::{Executed, OutcomeForm, REPORTED_INPUT};
use okernel_abi::value::Value;
use okernel_core::{Effect, Effects, EndpointId, TaskId};
use okernel_ring::Policy;
use serde_json::{Value as Json, json};

use super::access::Role;
use super::json::to_json;
use super::message::{self, Format, Named, Request, RingName, Table, VERSION, Wrong};
use super::outbox::Outbox;
use super::site::Site;
use super::subscription::{Next, Subscription};

/// Inputs of one connection that may wait to be evaluated.
const INPUTS_MAX: usize = 64;

/// Rings that one connection may follow.
const SUBSCRIPTIONS_MAX: usize = 32;

/// Requests of one connection that the kernel may still have to answer.
const ASKED_MAX: usize = 64;

/// The input by which a person leaves.
const LEAVE: &str = "\\\\";

/// Why a session is closed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Goodbye {
    /// A WebSocket's close code.
    pub code: u16,
    /// For a person, at most 123 bytes of it are sent.
    pub reason: String,
}

impl Goodbye {
    pub fn new(code: u16, reason: impl Into<String>) -> Goodbye {
        let reason = reason.into();
        Goodbye { code, reason }
    }
}

/// Close codes of the protocol's own.
pub const NO_HELLO: u16 = 4000;
pub const ENDED: u16 = 4001;
pub const SLOW: u16 = 4002;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// The client has not said hello.
    Strange,
    /// Its session is being spawned.
    Spawning,
    Ready,
}

/// What was asked of the kernel.
enum Asked {
    View { id: u64, table: Table },
    Stats { id: u64, format: Format, rate: u32 },
}

/// An input on its way.
struct Input {
    id: u64,
    format: Format,
}

/// One session's state.
pub struct Talk {
    site: Arc<Site>,
    role: Role,
    stage: Stage,
    /// The session's task.
    session: Option<TaskId>,
    /// Set when the session is the connection's own, and ends with it.
    own: Option<TaskId>,
    inputs: VecDeque<Input>,
    asked: HashMap<u64, Asked>,
    next_tag: u64,
    subscriptions: Vec<Subscription>,
}

impl Talk {
    /// A session for somebody with this role; the server speaks first.
    pub fn new(site: Arc<Site>, role: Role, outbox: &mut Outbox) -> Talk {
        let kernel = env!("CARGO_PKG_VERSION");
        outbox.json(&json!({
            "type": "hello", "version": VERSION, "kernel": kernel, "role": role.word(),
        }));
        Talk {
            site,
            role,
            stage: Stage::Strange,
            session: None,
            own: None,
            inputs: VecDeque::new(),
            asked: HashMap::new(),
            next_tag: 0,
            subscriptions: Vec::new(),
        }
    }

    /// Whether the client has not said hello yet.
    pub fn is_strange(&self) -> bool {
        self.stage == Stage::Strange
    }

    /// Whether further messages have to wait.
    pub fn is_spawning(&self) -> bool {
        self.stage == Stage::Spawning
    }

    /// A message has come.
    ///
    /// # Errors
    /// It ends the session.
    pub fn text(
        &mut self,
        text: &str,
        outbox: &mut Outbox,
        effects: &mut Effects<'_>,
    ) -> Result<(), Goodbye> {
        match message::read(text) {
            Ok(Request::Hello { version, join }) if self.is_strange() => {
                self.hello(version, join, outbox, effects)
            }
            _ if self.is_strange() => Err(Goodbye::new(NO_HELLO, "hello was expected first")),
            Ok(request) => self.request(request, outbox, effects),
            Err(Wrong { id, text }) => {
                refuse(outbox, id, &text);
                Ok(())
            }
        }
    }

    fn hello(
        &mut self,
        version: u64,
        join: bool,
        outbox: &mut Outbox,
        effects: &mut Effects<'_>,
    ) -> Result<(), Goodbye> {
        if version != VERSION {
            let text = format!("version {version} is not spoken here, {VERSION} is");
            return Err(Goodbye::new(NO_HELLO, text));
        }
        if self.role == Role::Owner && !join {
            self.stage = Stage::Spawning;
            effects.push(Effect::Spawn(Box::new((self.site.session)())));
            return Ok(());
        }
        self.session = self.site.console;
        effects.push(Effect::Mirror);
        self.ready(outbox);
        Ok(())
    }

    fn ready(&mut self, outbox: &mut Outbox) {
        self.stage = Stage::Ready;
        let session = self.session.map(TaskId::number);
        let joined = self.own.is_none();
        outbox.json(&json!({"type": "ready", "session": session, "joined": joined}));
    }

    /// The session's task was spawned, or could not be.
    ///
    /// # Errors
    /// There is no session then.
    pub fn spawned(&mut self, answer: &Value, outbox: &mut Outbox) -> Result<(), Goodbye> {
        let Some(task) = answer.as_int().and_then(TaskId::from_number) else {
            let reason = error_text(answer).unwrap_or("no session can be made");
            return Err(over(outbox, reason));
        };
        (self.session, self.own) = (Some(task), Some(task));
        self.ready(outbox);
        Ok(())
    }

    /// A task with this connection's output has ended.
    ///
    /// # Errors
    /// It was the session.
    pub fn ended(&self, task: TaskId, why: &str, outbox: &mut Outbox) -> Result<(), Goodbye> {
        if self.own == Some(task) {
            return Err(over(
                outbox,
                &format!("the session's task has ended: {why}"),
            ));
        }
        Ok(())
    }

    fn request(
        &mut self,
        request: Request,
        outbox: &mut Outbox,
        effects: &mut Effects<'_>,
    ) -> Result<(), Goodbye> {
        match request {
            Request::Hello { .. } => refuse(outbox, None, "hello was said already"),
            Request::Eval { id, .. } if self.role == Role::Viewer => {
                refuse(outbox, Some(id), "a viewer cannot evaluate");
            }
            Request::Eval { id, text, format } => {
                return self.eval(Input { id, format }, &text, outbox, effects);
            }
            Request::Interrupt if self.role == Role::Viewer => {
                refuse(outbox, None, "a viewer cannot interrupt");
            }
            Request::Interrupt => {
                if let Some(task) = self.session {
                    effects.push(Effect::Interrupt { task });
                }
            }
            Request::Subscribe {
                id,
                ring,
                rate,
                format,
            } => match ring {
                RingName::Number(number) => {
                    self.subscribe(id, number, format, rate, outbox, effects);
                }
                RingName::Named(Named::Stats) => {
                    let asked = Asked::Stats { id, format, rate };
                    self.ask("stats", asked, id, outbox, effects);
                }
            },
            Request::Unsubscribe { id } => {
                let found = self.subscriptions.iter().position(|one| one.id == id);
                match found {
                    Some(at) => {
                        self.subscriptions.swap_remove(at);
                        end(outbox, id, "unsubscribed");
                    }
                    None => refuse(outbox, Some(id), "there is no such subscription"),
                }
            }
            Request::View { id, of } => {
                let asked = Asked::View { id, table: of };
                self.ask(of.words().1, asked, id, outbox, effects);
            }
            Request::Ping { id } => outbox.json(&json!({"type": "pong", "id": id})),
        }
        Ok(())
    }

    fn eval(
        &mut self,
        input: Input,
        text: &str,
        outbox: &mut Outbox,
        effects: &mut Effects<'_>,
    ) -> Result<(), Goodbye> {
        if text.trim() == LEAVE {
            return Err(over(outbox, "left"));
        }
        let Some(task) = self.session else {
            refuse(outbox, Some(input.id), "there is no console to join");
            return Ok(());
        };
        if self.inputs.len() >= INPUTS_MAX {
            let text = format!("{INPUTS_MAX} inputs wait already");
            refuse(outbox, Some(input.id), &text);
            return Ok(());
        }
        let form = match input.format {
            Format::Text => OutcomeForm::Text,
            Format::Json | Format::Binary => OutcomeForm::Value,
        };
        let input_bytes = [&[REPORTED_INPUT, form as u8], text.as_bytes()].concat();
        self.inputs.push_back(input);
        let input = input_bytes;
        effects.push(Effect::Exec { task, input });
        Ok(())
    }

    /// How the input that is the next in turn went.
    ///
    /// # Errors
    /// The session is gone.
    pub fn reported(
        &mut self,
        report: Result<(Executed, Vec<u8>), String>,
        outbox: &mut Outbox,
    ) -> Result<(), Goodbye> {
        let Some(Input { id, format }) = self.inputs.pop_front() else {
            return Ok(());
        };
        let (executed, bytes) = report.map_err(|text| over(outbox, &text))?;
        if executed == Executed::Incomplete {
            outbox.json(&json!({"type": "result", "id": id, "status": "incomplete"}));
            return Ok(());
        }
        if executed == Executed::Done && format == Format::Binary {
            outbox.json(&json!({"type": "result", "id": id, "status": "done", "binary": true}));
            outbox.binary(bytes);
            return Ok(());
        }
        let outcome = match Value::decode(&bytes) {
            Ok(outcome) => to_json(&outcome),
            Err(error) => {
                refuse(
                    outbox,
                    Some(id),
                    &format!("the value cannot be shown: {error}"),
                );
                return Ok(());
            }
        };
        match (executed, outcome) {
            (Executed::Failed, Json::Object(mut error)) => {
                error.insert("type".to_string(), Json::from("error"));
                error.insert("id".to_string(), Json::from(id));
                outbox.json(&Json::Object(error));
            }
            (_, outcome) => {
                let member = match format {
                    Format::Text => "text",
                    Format::Json | Format::Binary => "value",
                };
                outbox
                    .json(&json!({"type": "result", "id": id, "status": "done", member: outcome}));
            }
        }
        Ok(())
    }

    fn ask(
        &mut self,
        op: &str,
        asked: Asked,
        id: u64,
        outbox: &mut Outbox,
        effects: &mut Effects<'_>,
    ) {
        if self.asked.len() >= ASKED_MAX {
            let text = format!("{ASKED_MAX} requests wait already");
            return refuse(outbox, Some(id), &text);
        }
        let tag = self.next_tag;
        self.next_tag += 1;
        self.asked.insert(tag, asked);
        effects.push(Effect::Ask(tag, Value::Symbols(vec![op.to_string()])));
    }

    /// The kernel's answer to what was asked with this tag.
    pub fn answered(
        &mut self,
        tag: u64,
        answer: &Value,
        outbox: &mut Outbox,
        effects: &mut Effects<'_>,
    ) {
        match (self.asked.remove(&tag), error_text(answer)) {
            (Some(Asked::View { id, .. } | Asked::Stats { id, .. }), Some(text)) => {
                refuse(outbox, Some(id), text);
            }
            (Some(Asked::View { id, table }), None) => {
                let (of, _) = table.words();
                let value = to_json(answer);
                outbox.json(&json!({"type": "view", "id": id, "of": of, "value": value}));
            }
            (Some(Asked::Stats { id, format, rate }), None) => match answer.as_int() {
                Some(number) => self.subscribe(id, number, format, rate, outbox, effects),
                None => refuse(outbox, Some(id), "the kernel has no statistics"),
            },
            (None, _) => {}
        }
    }

    fn subscribe(
        &mut self,
        id: u64,
        number: i64,
        format: Format,
        rate: u32,
        outbox: &mut Outbox,
        effects: &mut Effects<'_>,
    ) {
        if self.subscriptions.iter().any(|one| one.id == id) {
            return refuse(outbox, Some(id), "a subscription has this id already");
        }
        if self.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            let text = format!("{SUBSCRIPTIONS_MAX} subscriptions are the most");
            return refuse(outbox, Some(id), &text);
        }
        let Some(ring) = EndpointId::from_number(number) else {
            return refuse(
                outbox,
                Some(id),
                &format!("{number} is no publisher's number"),
            );
        };
        match effects.subscribe(ring, Policy::Lap) {
            Ok(own) => {
                let subscription = Subscription::new(id, number, own, format, rate);
                self.subscriptions.push(subscription);
                outbox.json(&json!({"type": "subscribed", "id": id, "ring": number}));
            }
            Err(refusal) => refuse(outbox, Some(id), &refusal.text),
        }
    }

    /// Sends the data that may be sent now. Answers the moment when there may be more of it.
    pub fn pump(&mut self, outbox: &mut Outbox, effects: &mut Effects<'_>) -> Option<u64> {
        let (waker, now_ns) = (effects.waker(), effects.now_ns());
        let mut next_ns: Option<u64> = None;
        let mut at = 0;
        while at < self.subscriptions.len() {
            match self.subscriptions[at].pump(outbox, &waker, now_ns) {
                Next::Over(reason) => {
                    let id = self.subscriptions.swap_remove(at).id;
                    end(outbox, id, &reason);
                    continue;
                }
                Next::At(moment_ns) => {
                    next_ns = Some(next_ns.map_or(moment_ns, |next_ns| next_ns.min(moment_ns)));
                }
                Next::Woken | Next::Room => {}
            }
            at += 1;
        }
        next_ns
    }

    /// The connection is over: its own session ends.
    pub fn leave(&mut self, effects: &mut Effects<'_>) {
        if let Some(task) = self.own.take() {
            let kill = Value::List(vec![
                Value::Symbol("kill".to_string()),
                Value::Int(task.number()),
            ]);
            effects.push(Effect::Ask(u64::MAX, kill));
        }
    }
}

/// Says that a message was wrong.
fn refuse(outbox: &mut Outbox, id: Option<u64>, text: &str) {
    let mut message = json!({"type": "error", "message": text});
    if let Some(id) = id {
        message["id"] = Json::from(id);
    }
    outbox.json(&message);
}

fn end(outbox: &mut Outbox, id: u64, reason: &str) {
    outbox.json(&json!({"type": "end", "id": id, "reason": reason}));
}

/// Says that the session is over.
fn over(outbox: &mut Outbox, reason: &str) -> Goodbye {
    outbox.json(&json!({"type": "ended", "reason": reason}));
    Goodbye::new(ENDED, reason)
}

fn error_text(answer: &Value) -> Option<&str> {
    match answer {
        Value::Error(text) => Some(text),
        _ => None,
    }
}
