//! The bus under load: rings far too small, many requests at once, all answered.

use crate::support::{kernel, list, run, sym};
use okernel_abi::value::Value;
use okernel_core::Config;
use std::collections::HashSet;
use std::sync::mpsc::channel;

#[test]
fn thousands_of_requests_through_a_ring_of_64_messages() {
    let config = Config {
        bus_ring_bytes: 4096,
        ..Config::default()
    };
    let kernel = kernel(3, config);
    let running = run(kernel);
    let (tell, answers) = channel();
    for number in 0..2000 {
        let tell = tell.clone();
        let request = match number % 2 {
            0 => list([sym("pub"), Value::Int(number % 3), Value::Int(8)]),
            _ => list([sym("kill"), Value::Int(1 << 40)]),
        };
        running
            .control
            .request(request, move |value| tell.send((number, value)).unwrap());
    }
    let mut numbers = HashSet::new();
    for _ in 0..2000 {
        let (number, value) = answers.recv_timeout(crate::support::PATIENCE).unwrap();
        match value {
            Value::Int(endpoint) if number % 2 == 0 => {
                assert!(numbers.insert(endpoint));
            }
            Value::Error(text) if number % 2 == 1 => {
                assert_eq!(text, format!("kill: there is no task {}", 1i64 << 40));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(numbers.len(), 1000);
    running.halt();
}
