//! Sockets and files that are written, over the pair of rings of a selector.
//!
//! Whoever may `select` makes the selector and grants its two rings; the task sees a [`TcpListener`] whose
//! connections are [`TcpStream`]s. The same types serve WebSockets: a message is what one
//! [`TcpStream::recv`] answers.
//!
//! ```text
//! o) n:select[0;"tcp://127.0.0.1:9000"]
//! o) spawn[0;`echo;[in:n`in;out:n`out]]
//! ```

mod appender;
mod hub;
mod listener;
mod serve;
mod stream;

pub use appender::FileAppender;
pub use listener::TcpListener;
pub use stream::TcpStream;
