//! The kernel on the network: clients in another language, hostile ones, access, TLS.
//!
//! The clients are Python programs in `tests/clients`. One of them needs the package `websockets`;
//! where it is missing its tests say so and pass, unless `OKERNEL_CLIENTS=required` is set. The
//! interpreter is `OKERNEL_PYTHON`, or `python3`.

use crate::server::Server;
use crate::support::{Output, okernel, root, run_with};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn python() -> Command {
    let name = std::env::var_os("OKERNEL_PYTHON").unwrap_or_else(|| "python3".into());
    Command::new(name)
}

/// Whether the clients that need the package can run; says so if not.
fn has_websockets() -> bool {
    let found = python()
        .args(["-c", "import websockets"])
        .stderr(Stdio::null())
        .status();
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    let text = "the Python package `websockets` is missing: python3 -m venv target/clients; \
                target/clients/bin/pip install websockets; \
                OKERNEL_PYTHON=$PWD/target/clients/bin/python cargo test";
    assert!(
        std::env::var_os("OKERNEL_CLIENTS").is_none_or(|value| value != "required"),
        "{text}"
    );
    eprintln!("NOT TESTED: {text}");
    false
}

fn client(script: &str, args: &[&str]) -> Output {
    let path = root().join("tests/clients").join(script);
    run_with(python().arg(path).args(args), b"")
}

#[test]
fn a_client_in_another_language_has_a_session() {
    if !has_websockets() {
        return;
    }
    let server = Server::start(&[]);
    let url = format!("ws://{}/ws", server.address);
    let before = server.settled();
    let output = client("session.py", &[&url, &server.owner, &server.viewer]);
    assert_eq!(output.ok(), "ok\n");
    server.comes_back_to(before);
    server.stop();
}

#[test]
fn a_hostile_client_harms_nobody() {
    let server = Server::start(&[]);
    let port = server.address.rsplit(':').next().unwrap();
    let before = server.settled();
    let output = client("fuzz.py", &["127.0.0.1", port, &server.owner, "1"]);
    assert_eq!(output.ok(), "ok\n");
    // Windows of the sessions' rings and sockets: all of them are given back.
    server.comes_back_to(before);
    server.stop();
}

#[test]
fn the_first_page_is_for_those_with_the_token() {
    let server = Server::start(&[]);
    let host = format!("Host: {}", server.address);
    let get = |path: &str, more: &str| {
        server.http(&format!("GET {path} HTTP/1.1\r\n{host}\r\n{more}\r\n"))
    };
    assert!(get("/", "").starts_with("HTTP/1.1 401 "));
    let answer = get(&format!("/?token={}", server.owner), "");
    assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
    let cookie = answer
        .lines()
        .find_map(|line| line.strip_prefix("Set-Cookie: "))
        .unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let answer = get("/", &format!("Cookie: {pair}\r\n"));
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("<html"),
        "{answer}"
    );
    assert!(answer.contains("Content-Security-Policy: default-src 'none'"));
    let evil = server.http(&format!(
        "GET / HTTP/1.1\r\nHost: evil.test\r\nCookie: {pair}\r\n\r\n"
    ));
    assert!(evil.starts_with("HTTP/1.1 403 "), "{evil}");
    server.stop();
}

/// A certificate of our own and its key, as files.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let names = vec!["localhost".to_string(), "127.0.0.1".to_string()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key)
}

#[test]
fn sessions_go_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(folder.path());
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let server = Server::start(&["--tls-cert", certificate, "--tls-key", key]);
    // Who speaks without it is not answered.
    let mut socket = TcpStream::connect(&server.address).unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // The connection may break off, or end with an alert.
    let _ = socket.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    if has_websockets() {
        let url = format!("wss://{}/ws", server.address);
        let args = [
            &url,
            &server.owner,
            &server.viewer,
            certificate,
            "evaluating",
            "a_large_result",
            "access",
        ];
        assert_eq!(client("session.py", &args).ok(), "ok\n");
    }
    server.stop();
}

fn refused(args: &[&str]) -> String {
    let output = run_with(okernel().args(args), b"");
    assert_eq!(output.status, 1, "{output:?}");
    output.stderr
}

#[test]
fn strangers_are_not_let_near_without_care() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(folder.path());
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let tokens = folder.path().join("tokens");
    fs::write(&tokens, "x".repeat(40)).unwrap();
    fs::set_permissions(&tokens, fs::Permissions::from_mode(0o644)).unwrap();
    let tokens = tokens.to_str().unwrap();
    let open = ["eval", "1", "--listen", "0.0.0.0:0"];
    let tls = ["--tls-cert", certificate, "--tls-key", key];
    assert!(refused(&open).contains("needs --token-file"));
    assert!(refused(&[&open[..], &tls].concat()).contains("needs --token-file"));
    let token = ["--token-file", tokens];
    assert!(refused(&[&open[..], &token].concat()).contains("--tls-cert"));
    let all = [&open[..], &token, &tls].concat();
    assert!(refused(&all).contains("chmod 600"));
    fs::set_permissions(tokens, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(run_with(okernel().args(&all), b"").ok(), "1\n");
    let swapped = ["--tls-cert", key, "--tls-key", certificate];
    assert!(refused(&[&open[..], &token, &swapped].concat()).contains("no certificate in PEM"));
}

#[test]
fn a_taken_address_is_said() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let text = refused(&["eval", "1", "--listen", &address]);
    assert!(text.contains(&format!("--listen {address}: ")), "{text}");
}
