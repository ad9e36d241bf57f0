//! Tests of the slots: selectors that come and go, own ends of rings, and are called when they should.

use crate::core::Shared;
use crate::ids::{CoreId, EndpointId};
use crate::io::rings::{OwnPublisher, OwnSubscriber};
use crate::io::selector::{Effect, Effects, Notice, Ready, Selector};
use crate::kernel::Kernel;
use crate::{Config, Control, NoHooks, NoModules};
use okernel_abi::value::Value;
use okernel_ring::{FrameError, Policy, RecvError, Registered};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A frame of this kind makes the reader set its alarm; of the next, go.
const ALARM: u32 = 301;
const GO: u32 = 302;

/// Tells what it receives, and does what some frames say.
struct Reader {
    ring: EndpointId,
    shared: Arc<Shared>,
    own: Option<OwnSubscriber>,
    told: Sender<String>,
}

impl Reader {
    fn tell(&self, what: &str) {
        let _ = self.told.send(what.to_string());
    }

    fn read(&mut self, effects: &mut Effects<'_>) {
        let mut payload = Vec::new();
        while let Some(own) = &mut self.own {
            match own.end.recv(&mut payload) {
                Ok(frame) => match frame.kind {
                    ALARM => effects.call_at(Some(effects.now_ns() + 1_000_000)),
                    GO => return effects.push(Effect::Remove),
                    _ => self.tell(&String::from_utf8_lossy(&payload)),
                },
                Err(FrameError::Recv(RecvError::Empty)) => {
                    match own.end.register(&effects.waker()) {
                        Registered::Ready => {}
                        Registered::Waiting => return,
                    }
                }
                Err(error) => {
                    self.tell(&error.to_string());
                    return effects.push(Effect::Remove);
                }
            }
        }
    }
}

impl Selector for Reader {
    fn register(&mut self, effects: &mut Effects<'_>) -> io::Result<()> {
        let own = OwnSubscriber::join(&self.shared, CoreId(1), self.ring, Policy::Block);
        self.own = Some(own.map_err(|refusal| io::Error::other(refusal.text))?);
        self.tell("here");
        self.read(effects);
        Ok(())
    }

    fn ready(&mut self, ready: Ready<'_>, effects: &mut Effects<'_>) {
        match ready {
            Ready::Time => self.tell("time"),
            _ => self.read(effects),
        }
    }

    fn finalise(&mut self, _: &mut Effects<'_>) {
        self.tell("gone");
    }
}

/// Fills its ring, and tells when there is room again.
struct Writer {
    own: Option<OwnPublisher>,
    told: Sender<String>,
}

impl Writer {
    fn fill(&mut self, effects: &mut Effects<'_>) {
        let Some(own) = &mut self.own else { return };
        let mut count = 0;
        while own.end.send(300, &[0; 1016]).is_ok() {
            count += 1;
        }
        let registered = own.end.register(&effects.waker(), 1016);
        assert_eq!(registered, Registered::Waiting);
        // Only now may the reader make room.
        let _ = self.told.send(format!("filled {count}"));
    }
}

impl Selector for Writer {
    fn register(&mut self, effects: &mut Effects<'_>) -> io::Result<()> {
        self.fill(effects);
        Ok(())
    }

    fn ready(&mut self, _: Ready<'_>, effects: &mut Effects<'_>) {
        self.fill(effects);
    }

    fn notice(&mut self, _: Notice, _: &mut Effects<'_>) {}

    fn finalise(&mut self, _: &mut Effects<'_>) {
        let _ = self.told.send("gone".to_string());
    }
}

struct Stage {
    control: Control,
    thread: JoinHandle<i32>,
    told: Receiver<String>,
}

impl Stage {
    fn run(kernel: Kernel, told: Receiver<String>) -> Stage {
        Stage {
            control: kernel.control(),
            thread: thread::spawn(move || kernel.run().unwrap()),
            told,
        }
    }

    #[track_caller]
    fn told(&self, what: &str) {
        assert_eq!(self.told.recv_timeout(PATIENCE).as_deref(), Ok(what));
    }

    fn rings(&self) -> usize {
        let (tell, answer) = channel();
        let request = Value::List(vec![Value::Symbol("rings".to_string())]);
        self.control.request(request, move |value| {
            let _ = tell.send(value);
        });
        match answer.recv_timeout(PATIENCE) {
            Ok(Value::Table(pair)) => match &pair.1 {
                Value::List(columns) => columns[0].items_count(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// Waits until there are so many ends of rings: what tells of its end is dropped a moment later.
    fn rings_become(&self, count: usize) {
        let until = Instant::now() + PATIENCE;
        while self.rings() != count {
            assert!(Instant::now() < until, "{} ends of rings", self.rings());
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn halt(self) -> Receiver<String> {
        self.control.halt(0);
        assert_eq!(self.thread.join().unwrap(), 0);
        self.told
    }
}

trait Items {
    fn items_count(&self) -> usize;
}

impl Items for Value {
    fn items_count(&self) -> usize {
        match self {
            Value::Ints(items) => items.len(),
            Value::List(items) => items.len(),
            other => panic!("{other:?}"),
        }
    }
}

fn kernel() -> Kernel {
    let config = Config::default();
    Kernel::simple(2, config, Arc::new(NoModules), Arc::new(NoHooks)).unwrap()
}

#[test]
fn a_selector_is_called_for_its_ring_and_its_alarm_and_takes_itself_away() {
    let mut kernel = kernel();
    let (told, tells) = channel();
    // The writer's end stays with the test: it is a foreign thread's, as a task's would be.
    let core = kernel.core(CoreId(1)).unwrap();
    let shared = Arc::clone(&core.shared);
    let mut publisher = OwnPublisher::create(&shared, CoreId(1), "pub", 4096).unwrap();
    let reader = Reader {
        ring: publisher.id(),
        shared,
        own: None,
        told,
    };
    core.add_selector(Box::new(reader)).unwrap();
    let stage = Stage::run(kernel, tells);
    stage.told("here");
    for text in ["one", "two"] {
        thread::sleep(Duration::from_millis(3));
        publisher.end.send(0, text.as_bytes()).unwrap();
        stage.told(text);
    }
    publisher.end.send(ALARM, b"").unwrap();
    stage.told("time");
    assert_eq!(stage.rings(), 2);
    publisher.end.send(GO, b"").unwrap();
    stage.told("gone");
    stage.rings_become(1);
    publisher.end.send(0, &[0; 4000]).unwrap();
    publisher.end.send(0, &[0; 4000]).unwrap();
    drop(publisher);
    stage.rings_become(0);
    assert!(stage.halt().try_recv().is_err());
}

#[test]
fn a_selector_is_told_when_its_ring_has_room_and_is_finalised_at_the_end() {
    let mut kernel = kernel();
    let (told, tells) = channel();
    let core = kernel.core(CoreId(1)).unwrap();
    let shared = Arc::clone(&core.shared);
    let own = OwnPublisher::create(&shared, CoreId(1), "pub", 4096).unwrap();
    let mut subscriber = OwnSubscriber::join(&shared, CoreId(0), own.id(), Policy::Block).unwrap();
    let own = Some(own);
    core.add_selector(Box::new(Writer { own, told })).unwrap();
    let stage = Stage::run(kernel, tells);
    stage.told("filled 4");
    let mut payload = Vec::new();
    for _ in 0..10 {
        subscriber.end.recv(&mut payload).unwrap();
        stage.told("filled 1");
    }
    let told = stage.halt();
    assert_eq!(told.try_recv().as_deref(), Ok("gone"));
    assert!(
        shared.directory.endpoints().len() == 2,
        "the ring is closed, its reader stays"
    );
    assert!(subscriber.end.recv(&mut payload).is_ok());
}
