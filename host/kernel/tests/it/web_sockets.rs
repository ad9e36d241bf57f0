//! Selectors for WebSockets: messages both ways, and what is not one of ours is refused.

use crate::relay::{Relay, relay};
use crate::support::{Running, grants, kernel, run};
use okernel_abi::value::Value;
use okernel_core::Config;
use std::net::TcpStream;
use std::time::Duration;
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket};

fn stage() -> (Running, Relay) {
    let running = run(kernel(2, Config::default()));
    let small = grants([("message", Value::Int(10_000))]);
    let relay = relay(&running, 1, "ws://127.0.0.1:0", small);
    (running, relay)
}

fn connect(relay: &Relay, origin: Option<&str>) -> Result<WebSocket<TcpStream>, String> {
    let stream = TcpStream::connect(relay.socket()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut request = relay.at.as_str().into_client_request().unwrap();
    if let Some(origin) = origin {
        request
            .headers_mut()
            .insert("Origin", origin.parse().unwrap());
    }
    let (socket, _) = tungstenite::client(request, stream).map_err(|error| error.to_string())?;
    Ok(socket)
}

#[test]
fn messages_keep_their_kind_and_their_bounds() {
    let (running, relay) = stage();
    let mut socket = connect(&relay, None).unwrap();
    let (number, _) = relay.expect("open");
    socket.send(Message::text("hello")).unwrap();
    socket.send(Message::binary(vec![0, 1, 2])).unwrap();
    socket.send(Message::Ping(vec![7].into())).unwrap();
    socket.send(Message::text("")).unwrap();
    assert_eq!(relay.expect("text"), (number, "hello".to_string()));
    assert_eq!(relay.next(), ("data", number, vec![0, 1, 2]));
    assert_eq!(relay.expect("text"), (number, String::new()));
    assert_eq!(socket.read().unwrap(), Message::Pong(vec![7].into()));
    relay.send("text", number, "grüße".as_bytes());
    relay.send("data", number, &[9; 9000]);
    assert_eq!(socket.read().unwrap(), Message::text("grüße"));
    assert_eq!(socket.read().unwrap(), Message::binary(vec![9; 9000]));
    socket.close(None).unwrap();
    assert_eq!(relay.expect("end").0, number);
    assert_eq!(
        relay.expect("close"),
        (number, "closed by the peer".to_string())
    );
    running.halt();
}

#[test]
fn a_task_closes_with_its_reason() {
    let (running, relay) = stage();
    let mut socket = connect(&relay, Some("http://localhost:1234")).unwrap();
    let (number, _) = relay.expect("open");
    relay.send("text", number, b"last words");
    relay.send("close", number, b"enough");
    assert_eq!(socket.read().unwrap(), Message::text("last words"));
    let Message::Close(Some(close)) = socket.read().unwrap() else {
        panic!("no close");
    };
    assert_eq!((close.code, &*close.reason), (CloseCode::Normal, "enough"));
    assert_eq!(relay.expect("close").0, number);
    assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
    running.halt();
}

#[test]
fn too_large_a_message_ends_its_connection() {
    let (running, relay) = stage();
    let mut socket = connect(&relay, None).unwrap();
    let (number, _) = relay.expect("open");
    socket.send(Message::binary(vec![1; 10_001])).unwrap();
    let (closed, why) = relay.expect("close");
    assert_eq!(closed, number);
    assert_eq!(why, "a message of 10001 bytes, the limit is 10000");
    match socket.read() {
        Ok(Message::Close(Some(close))) => assert_eq!(close.code, CloseCode::Size),
        // What was not read of it may make the end a reset.
        Ok(other) => panic!("{other:?}"),
        Err(_) => {}
    }
    running.halt();
}

#[test]
fn pages_from_elsewhere_and_what_is_no_handshake_are_refused() {
    let (running, relay) = stage();
    for origin in ["http://example.com", "null"] {
        let error = connect(&relay, Some(origin)).unwrap_err();
        assert!(error.contains("403"), "{error}");
    }
    use std::io::{Read, Write};
    let mut stream = TcpStream::connect(relay.socket()).unwrap();
    stream
        .write_all(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
        .unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    relay.silence();
    connect(&relay, None).unwrap();
    relay.expect("open");
    running.halt();
}
