//! The kernel on the network: HTTP for pages, WebSocket for sessions, on one port.
//!
//! Reading order: who may come in, what is said before a session (HTTP), the protocol of a
//! session (docs/protocol.md), and the selectors of the boot core that carry it. All of it
//! runs on the boot core's thread and never waits.

pub mod access;

pub mod site;

mod http;

mod pages;

mod stream;

mod message;

mod json;

mod outbox;

mod subscription;

mod talk;

mod peer;

mod connection;

pub mod server;

pub mod client;
