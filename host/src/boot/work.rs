//! What the shell is to do once the kernel runs.

use std::io;
use std::path::PathBuf;

use okernel_abi::layout::END_OF_INPUT;
use okernel_core::{After, ConsoleConfig, Offered, PlainLines, Prompt};

use crate::console::terminal::Restore;
use crate::console::{self, Opened};

use super::signals::Prompted;

/// The work that boot was asked for.
#[derive(Debug)]
pub enum Work {
    /// Lines from standard input, after a script if there is one.
    Console {
        /// The script.
        init: Option<PathBuf>,
        /// Whether a person types: then there is a prompt, and mistakes don't set the exit status.
        terminal: bool,
    },
    /// A script with its arguments; the kernel halts when its tasks have ended.
    Script {
        /// The script.
        path: PathBuf,
        /// What it finds in `args`.
        args: Vec<String>,
    },
    /// Text to evaluate; the kernel halts when its tasks have ended.
    Text {
        /// The program.
        text: String,
        /// What it finds in `args`.
        args: Vec<String>,
    },
    /// A script, and then whatever its tasks do, until something halts the kernel.
    Service {
        /// The script.
        init: Option<PathBuf>,
    },
}

impl Work {
    /// The shell's arguments: where its inputs come from, then the script's own.
    pub(super) fn shell_args(&self) -> Vec<String> {
        let (mode, args) = match self {
            Work::Console {
                terminal: false, ..
            } => ("lines", Vec::new()),
            Work::Script { args, .. } | Work::Text { args, .. } => ("script", args.clone()),
            _ => ("terminal", Vec::new()),
        };
        [vec![mode.to_string()], args].concat()
    }

    /// Whether a person is prompted.
    pub(super) fn prompted(&self) -> Prompted {
        match self {
            Work::Console { terminal: true, .. } => Prompted::Yes,
            _ => Prompted::No,
        }
    }

    /// The arguments of a shell for a person elsewhere.
    pub(super) fn session_args() -> Vec<String> {
        vec!["terminal".to_string()]
    }

    /// The shell's first inputs, and what comes after them.
    pub(super) fn start(self) -> Started {
        let first = |script: Option<PathBuf>| script.map(|path| load(&path)).into_iter().collect();
        let (inputs, after) = match self {
            Work::Console { init, terminal } => {
                let offered = Offered::default();
                let Opened { source, restore } = match terminal {
                    true => console::open(&offered),
                    false => Opened {
                        source: Box::new(PlainLines::new(io::stdin())),
                        restore: None,
                    },
                };
                let config = ConsoleConfig {
                    source,
                    prompt: terminal.then(Prompt::default),
                    offered,
                };
                return Started {
                    inputs: first(init),
                    after: After::Console(config),
                    restore,
                };
            }
            Work::Script { path, .. } => (vec![load(&path)], After::HaltWhenAlone),
            Work::Text { text, .. } => {
                let mut input = text.into_bytes();
                input.push(END_OF_INPUT);
                (vec![input], After::HaltWhenAlone)
            }
            Work::Service { init } => (first(init), After::Stay),
        };
        Started {
            inputs,
            after,
            restore: None,
        }
    }
}

/// How the shell begins.
pub(super) struct Started {
    pub(super) inputs: Vec<Vec<u8>>,
    pub(super) after: After,
    /// Puts the terminal back when the kernel has halted.
    pub(super) restore: Option<Restore>,
}

/// The shell's command that runs a script.
fn load(path: &std::path::Path) -> Vec<u8> {
    format!("\\l {}", path.display()).into_bytes()
}
