//! A task on the rings of a selector that does what the test says, frame by frame.

use crate::support::{PATIENCE, Running, list, polled, sym};
use okernel_abi::connection::{CONNECTION_BYTES, name, split};
use okernel_abi::value::Value;
use okernel_abi::{Handle, connection};
use okernel_core::{Context, EndpointId, Grant, Outcome};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// What came: the kind's word, the connection, the bytes.
pub type Came = (&'static str, u64, Vec<u8>);

enum Order {
    Send(u32, Vec<u8>),
    /// Reads no more until it is told to go on.
    Pause,
    GoOn,
    End,
}

/// The test's hold on the task.
pub struct Relay {
    orders: Sender<Order>,
    came: Receiver<Came>,
    pub numbers: HashMap<String, i64>,
    pub at: String,
}

/// Makes a selector on a core and a task there that has its rings.
pub fn relay(running: &Running, core: u16, address: &str, options: Value) -> Relay {
    let answer = running.request(list([
        sym("select"),
        Value::Int(core.into()),
        Value::text(address),
        options,
    ]));
    let Value::Dict(pair) = answer else {
        panic!("{answer:?}");
    };
    let (Value::Symbols(names), Value::List(values)) = *pair else {
        panic!("no dictionary");
    };
    let mut numbers = HashMap::new();
    let mut at = String::new();
    for (name, value) in names.into_iter().zip(values) {
        match value {
            Value::Int(number) => drop(numbers.insert(name, number)),
            text => at = text.as_text().unwrap(),
        }
    }
    let (orders, ordered) = channel();
    let (tell, came) = channel();
    let mut task = polled("relay", task(ordered, tell));
    for name in ["in", "out"] {
        if let Some(number) = numbers.get(name) {
            task = task.grant(
                name,
                Grant::Endpoint(EndpointId::from_number(*number).unwrap()),
            );
        }
    }
    running.spawn(core, task);
    Relay {
        orders,
        came,
        numbers,
        at,
    }
}

fn task(
    ordered: Receiver<Order>,
    tell: Sender<Came>,
) -> impl FnMut(&mut Context) -> Outcome + Send {
    let (mut paused, mut unsent) = (false, None::<(u32, Vec<u8>)>);
    move |cx: &mut Context| {
        if unsent.is_none() {
            match ordered.try_recv() {
                Ok(Order::Send(kind, payload)) => unsent = Some((kind, payload)),
                Ok(Order::Pause) => paused = true,
                Ok(Order::GoOn) => paused = false,
                Ok(Order::End) => return Outcome::End,
                Err(_) => {}
            }
        }
        if let Some((kind, payload)) = unsent.take() {
            let out = cx.grant("out").unwrap();
            if !send(cx, out, kind, &payload) {
                unsent = Some((kind, payload));
            }
        }
        if !paused {
            let input = cx.grant("in").unwrap();
            while let Some(frame) = receive(cx, input) {
                let _ = tell.send(frame);
            }
        }
        Outcome::Infinite
    }
}

fn send(cx: &mut Context, out: Handle, kind: u32, payload: &[u8]) -> bool {
    let mut frame = (payload.len() as u32).to_le_bytes().to_vec();
    frame.extend(kind.to_le_bytes());
    frame.extend(payload);
    frame.resize(frame.len().next_multiple_of(8), 0);
    cx.publisher(out).unwrap().write(&frame).is_ok()
}

fn receive(cx: &mut Context, input: Handle) -> Option<Came> {
    let subscriber = cx.subscriber(input).unwrap();
    let mut header = [0; 8];
    subscriber.peek(0, &mut header).ok()?;
    let length = u32::from_le_bytes(header[..4].try_into().unwrap()) as usize;
    let kind = u32::from_le_bytes(header[4..].try_into().unwrap());
    let mut payload = vec![0; length];
    if length > 0 {
        assert_eq!(subscriber.peek(8, &mut payload), Ok(length));
    }
    subscriber.release(8 + length.next_multiple_of(8)).unwrap();
    Some(match name(kind) {
        Some(word) => {
            let (number, bytes) = split(&payload).unwrap();
            (word, number, bytes.to_vec())
        }
        None => ("other", 0, payload),
    })
}

impl Relay {
    pub fn send(&self, word: &str, number: u64, bytes: &[u8]) {
        let mut payload = Vec::with_capacity(CONNECTION_BYTES + bytes.len());
        payload.extend(number.to_le_bytes());
        payload.extend(bytes);
        let kind = connection::kind(word).unwrap();
        self.orders.send(Order::Send(kind, payload)).unwrap();
    }

    pub fn send_raw(&self, kind: u32, payload: &[u8]) {
        self.orders
            .send(Order::Send(kind, payload.to_vec()))
            .unwrap();
    }

    pub fn pause(&self) {
        self.orders.send(Order::Pause).unwrap();
    }

    pub fn go_on(&self) {
        self.orders.send(Order::GoOn).unwrap();
    }

    /// The task ends, and its ends of the rings with it.
    pub fn end(&self) {
        self.orders.send(Order::End).unwrap();
    }

    #[track_caller]
    pub fn next(&self) -> Came {
        self.came.recv_timeout(PATIENCE).expect("a frame")
    }

    /// The next frame, which must be of this kind; answers its connection and text.
    #[track_caller]
    pub fn expect(&self, word: &str) -> (u64, String) {
        let (came, number, bytes) = self.next();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(came, word, "{number} {text}");
        (number, text)
    }

    /// Bytes of data frames until there are so many.
    #[track_caller]
    pub fn bytes(&self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            match self.next() {
                ("data", _, more) => bytes.extend(more),
                other => panic!("{} {:?}", other.0, String::from_utf8_lossy(&other.2)),
            }
        }
        bytes
    }

    /// That nothing comes for a while.
    #[track_caller]
    pub fn silence(&self) {
        if let Ok((word, number, _)) = self.came.recv_timeout(Duration::from_millis(50)) {
            panic!("{word} {number}");
        }
    }

    /// What `tcp://` or `ws://` is followed by.
    pub fn socket(&self) -> &str {
        self.at.split_once("://").unwrap().1
    }
}
