//! Hints behind the cursor: how an earlier line went on, or what a call wants.

use okernel_shell::help::pages;
use rustyline::hint::Hint;
use rustyline::history::{History, SearchDirection};

/// Text that is shown faintly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Faint {
    shown: String,
    /// Whether the right arrow takes it over.
    takes: Takes,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Takes {
    Yes,
    No,
}

impl Hint for Faint {
    fn display(&self) -> &str {
        &self.shown
    }

    fn completion(&self) -> Option<&str> {
        match self.takes {
            Takes::Yes => Some(&self.shown),
            Takes::No => None,
        }
    }
}

/// The hint for a line whose cursor stands at its end; no wider than `room` columns.
pub fn hint(line: &str, history: &dyn History, room: usize) -> Option<Faint> {
    if line.is_empty() {
        return None;
    }
    let newest = history.len().saturating_sub(1);
    if let Ok(Some(earlier)) = history.starts_with(line, newest, SearchDirection::Reverse)
        && let Some(rest) = earlier.entry.get(line.len()..)
        && let Some(shown) = rest.lines().next().filter(|rest| !rest.is_empty())
    {
        return Some(Faint {
            shown: shown.to_string(),
            takes: Takes::Yes,
        });
    }
    let usage = usage(line)?;
    let shown = format!("   {usage}").chars().take(room).collect();
    Some(Faint {
        shown,
        takes: Takes::No,
    })
}

/// What the help says of the function whose bracket was just opened.
fn usage(line: &str) -> Option<&'static str> {
    let before = line.strip_suffix('[')?;
    let name = before
        .trim_end_matches(|c: char| c.is_ascii_alphanumeric())
        .len();
    let topic = &before[name..];
    let page = pages().find(|page| page.topic == topic && !topic.is_empty())?;
    page.lines.first().copied()
}

#[cfg(test)]
mod tests {
    use super::hint;
    use rustyline::hint::Hint;
    use rustyline::history::{History, MemHistory};

    #[test]
    fn history_comes_before_help() {
        let mut history = MemHistory::new();
        history.add("a:1 2 3").unwrap();
        history.add("f:{x+\n  1}").unwrap();
        let shown = |line| hint(line, &history, 60).map(|hint| hint.display().to_string());
        assert_eq!(shown("a:").as_deref(), Some("1 2 3"));
        assert_eq!(shown("f:").as_deref(), Some("{x+"));
        assert_eq!(shown("a:1 2 3"), None);
        assert_eq!(shown(""), None);
        let usage = hint("2+snd[", &history, 60).unwrap();
        assert!(usage.display().contains("snd[") && usage.completion().is_none());
        assert_eq!(shown("nosuch["), None);
        assert_eq!(shown("["), None);
    }
}
