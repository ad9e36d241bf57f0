//! Selectors leave no descriptor behind. Alone in its binary, since it counts those of the whole process.

use okernel_abi::value::Value;
use okernel_core::{Config, Control, Kernel, NoHooks, NoModules};
use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

fn request(control: &Control, items: Vec<Value>) -> Value {
    let (tell, answer) = channel();
    control.request(Value::List(items), move |value| {
        let _ = tell.send(value);
    });
    answer.recv_timeout(PATIENCE).expect("an answer")
}

fn symbol(name: &str) -> Value {
    Value::Symbol(name.to_string())
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The number and the address of a new selector.
fn select(control: &Control, address: &str) -> (Value, String) {
    let address = Value::text(address);
    match request(control, vec![symbol("select"), Value::Int(1), address]) {
        Value::Dict(pair) => match pair.1 {
            Value::List(values) => (
                values[0].clone(),
                values.last().and_then(Value::as_text).unwrap(),
            ),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn sockets_files_and_rings_are_given_back() {
    let modules = Arc::new(NoModules);
    let kernel = Kernel::simple(2, Config::default(), modules, Arc::new(NoHooks)).unwrap();
    let control = kernel.control();
    let running = thread::spawn(move || kernel.run().unwrap());
    let path = std::env::temp_dir().join(format!("okernel-fds-{}", std::process::id()));
    std::fs::write(&path, b"text").unwrap();
    let follow = format!("file://{}?mode=follow", path.display());
    let append = format!("file://{}?mode=append", path.display());
    let mut before = 0;
    for round in 0..20 {
        let mut made = Vec::new();
        for address in [
            "tcp://127.0.0.1:0",
            "ws://127.0.0.1:0",
            "timer://1ms",
            &follow,
            &append,
        ] {
            made.push(select(&control, address));
        }
        let mut streams = Vec::new();
        for (_, at) in &made[..2] {
            let socket = at.split_once("://").unwrap().1;
            streams.extend((0..10).map(|_| TcpStream::connect(socket).unwrap()));
        }
        let bad = vec![symbol("select"), Value::Int(0), Value::text(&made[0].1)];
        assert!(matches!(request(&control, bad), Value::Error(_)), "in use");
        for (id, _) in made {
            assert_eq!(request(&control, vec![symbol("drop"), id]), Value::Nil);
        }
        for stream in &mut streams {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0);
        }
        drop(streams);
        if round == 0 {
            // What the kernel makes once is there now.
            before = descriptors();
        }
    }
    let until = Instant::now() + PATIENCE;
    while descriptors() > before + 4 {
        assert!(Instant::now() < until, "{} after {before}", descriptors());
        thread::sleep(Duration::from_millis(10));
    }
    std::fs::remove_file(&path).unwrap();
    control.halt(0);
    assert_eq!(running.join().unwrap(), 0);
}
