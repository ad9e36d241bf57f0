//! What the shell is to do once the kernel runs.

use std::io;
use std::path::PathBuf;

use okernel_abi::layout::END_OF_INPUT;
use okernel_core::{After, ConsoleConfig, Offered, PlainLines, Prompt};

use super::stdio::Stdout;

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
    Text(String),
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
            Work::Script { args, .. } => ("script", args.clone()),
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

    /// The shell's first inputs, and what comes after them.
    pub(super) fn into_inputs(self) -> (Vec<Vec<u8>>, After) {
        match self {
            Work::Console { init, terminal } => {
                let source = match terminal {
                    true => PlainLines::prompting(io::stdin(), Stdout),
                    false => PlainLines::new(io::stdin()),
                };
                let config = ConsoleConfig {
                    source: Box::new(source),
                    prompt: terminal.then(Prompt::default),
                    offered: Offered::default(),
                };
                (
                    init.map(|path| load(&path)).into_iter().collect(),
                    After::Console(config),
                )
            }
            Work::Script { path, .. } => (vec![load(&path)], After::HaltWhenAlone),
            Work::Text(text) => {
                let mut input = text.into_bytes();
                input.push(END_OF_INPUT);
                (vec![input], After::HaltWhenAlone)
            }
            Work::Service { init } => (
                init.map(|path| load(&path)).into_iter().collect(),
                After::Stay,
            ),
        }
    }
}

/// The shell's command that runs a script.
fn load(path: &std::path::Path) -> Vec<u8> {
    format!("\\l {}", path.display()).into_bytes()
}
