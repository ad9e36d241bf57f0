//! Which running kernel a verb speaks to: what `attach` and `top` take alike.

use std::path::PathBuf;

use crate::web::client::{ClientError, Target};

/// A kernel, and by what it knows its client.
#[derive(clap::Args)]
pub struct Remote {
    /// The kernel's URL, as it printed it; the token may be left out for one of this machine
    #[arg(default_value = "http://127.0.0.1:8001")]
    url: String,
    /// A file with the token in its first line
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A certificate in PEM to be trusted beside the system's
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
}

impl Remote {
    /// Where it is, with its token.
    ///
    /// # Errors
    /// The URL is none, a file cannot be read, or there is no token.
    pub fn target(&self) -> Result<Target, ClientError> {
        Target::new(
            &self.url,
            self.token_file.as_deref(),
            self.tls_ca.as_deref(),
        )
    }
}
