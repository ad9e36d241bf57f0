//! What could stand at the cursor: names, modules, commands, files, and what a verb means.

use std::env;
use std::fs;
use std::path::PathBuf;

use okernel_shell::command::is_command;
use okernel_shell::help::pages;
use rustyline::completion::Candidate;

/// Choices that are given at most.
const CHOICES_MAX: usize = 1000;

/// A way to go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    shown: String,
    text: String,
}

impl Candidate for Choice {
    fn display(&self) -> &str {
        &self.shown
    }

    fn replacement(&self) -> &str {
        &self.text
    }
}

/// Where the completed text begins, and the ways to go on. `offered` are the names that there are;
/// nothing that is shown is wider than `columns`.
pub fn complete(line: &str, at: usize, offered: &[String], columns: usize) -> (usize, Vec<Choice>) {
    let typed = &line[..at];
    let (start, mut choices) = choices(typed, offered);
    choices.truncate(CHOICES_MAX);
    for choice in &mut choices {
        let fits = choice.shown.chars().take(columns.saturating_sub(1));
        choice.shown = fits.collect();
    }
    (start, choices)
}

fn choices(typed: &str, offered: &[String]) -> (usize, Vec<Choice>) {
    if typed.is_empty() {
        return (0, commands(""));
    }
    if is_command(typed) {
        let argument = typed
            .split_once(' ')
            .map(|(name, rest)| (name, rest.trim_start()));
        match argument {
            None => return (0, commands(typed)),
            Some(("\\l", path)) if !path.starts_with('"') => {
                return (typed.len() - path.len(), files(path, Quoted::No));
            }
            Some(("\\h", topic)) => return (typed.len() - topic.len(), topics(topic)),
            Some(_) => {}
        }
    }
    if let Some(quote) = open_string(typed) {
        return (quote + 1, files(&typed[quote + 1..], Quoted::Yes));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let word = typed.trim_end_matches(is_name).len();
    if typed[..word].ends_with('`') {
        let symbol = &typed[word - 1..];
        return (
            word - 1,
            starting(offered.iter().map(String::as_str), symbol),
        );
    }
    if typed[word..].starts_with(|c: char| c.is_ascii_alphabetic()) {
        return (word, names(&typed[word..], offered));
    }
    (typed.len(), glyphs(typed))
}

fn plain(text: &str) -> Choice {
    Choice {
        shown: text.to_string(),
        text: text.to_string(),
    }
}

fn starting<'a>(names: impl Iterator<Item = &'a str>, prefix: &str) -> Vec<Choice> {
    let mut found: Vec<&str> = names.filter(|name| name.starts_with(prefix)).collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(plain).collect()
}

/// Commands with what they do.
fn commands(prefix: &str) -> Vec<Choice> {
    let pages = pages().filter(|page| page.is_command());
    let found = pages.filter(|page| page.topic.starts_with(prefix));
    found
        .map(|page| Choice {
            shown: page.lines[0].to_string(),
            text: page.topic.to_string(),
        })
        .collect()
}

fn topics(prefix: &str) -> Vec<Choice> {
    starting(pages().map(|page| page.topic), prefix)
}

/// Names that programs have bound, and the language's own with what they do.
fn names(prefix: &str, offered: &[String]) -> Vec<Choice> {
    let mut choices = starting(
        offered
            .iter()
            .map(String::as_str)
            .filter(|name| !name.starts_with('`')),
        prefix,
    );
    let own = pages().filter(|page| page.is_name() && page.topic.starts_with(prefix));
    for page in own {
        if !choices.iter().any(|choice| choice.text == page.topic) {
            choices.push(Choice {
                shown: page.lines[0].to_string(),
                text: page.topic.to_string(),
            });
        }
    }
    choices.sort_by(|a, b| a.text.cmp(&b.text));
    choices
}

/// What the verb or adverb before the cursor means. Nothing is put in.
fn glyphs(typed: &str) -> Vec<Choice> {
    let glyph = pages()
        .filter(|page| !page.is_command())
        .map(|page| page.topic)
        .filter(|topic| !topic.contains(|c: char| c.is_ascii_alphanumeric()))
        .filter(|topic| typed.ends_with(topic))
        .max_by_key(|topic| topic.len());
    let Some(glyph) = glyph else {
        return Vec::new();
    };
    let lines = pages()
        .filter(|page| page.topic == glyph)
        .flat_map(|page| page.lines);
    let page = Choice {
        shown: format!("\\h {glyph}    its page"),
        text: String::new(),
    };
    lines
        .map(|line| Choice {
            shown: (*line).to_string(),
            text: String::new(),
        })
        .chain([page])
        .collect()
}

/// Where the string begins that is open at the end of the text.
fn open_string(typed: &str) -> Option<usize> {
    let line = typed.rfind('\n').map_or(0, |newline| newline + 1);
    let mut open = None;
    let mut chars = typed[line..].char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                open = match open {
                    None => Some(line + at),
                    Some(_) => None,
                }
            }
            '\\' if open.is_some() => drop(chars.next()),
            _ => {}
        }
    }
    open
}

/// Whether a path stands in quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoted {
    Yes,
    No,
}

/// Files and folders whose path begins like this.
fn files(typed: &str, quoted: Quoted) -> Vec<Choice> {
    let cut = typed.rfind('/').map_or(0, |slash| slash + 1);
    let (folder, prefix) = typed.split_at(cut);
    let path = match (folder, folder.strip_prefix("~/"), env::home_dir()) {
        ("", ..) => PathBuf::from("."),
        (_, Some(rest), Some(home)) => home.join(rest),
        (folder, ..) => PathBuf::from(folder),
    };
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    let mut found: Vec<Choice> = entries
        .flatten()
        .filter_map(|entry| {
            let mut name = entry.file_name().into_string().ok()?;
            let hidden = name.starts_with('.') && !prefix.starts_with('.');
            let awkward = quoted == Quoted::Yes && name.contains(['"', '\\']);
            if hidden || awkward || !name.starts_with(prefix) {
                return None;
            }
            if entry.path().is_dir() {
                name.push('/');
            }
            let text = format!("{folder}{name}");
            Some(Choice { shown: name, text })
        })
        .collect();
    found.sort_by(|a, b| a.text.cmp(&b.text));
    found
}

#[cfg(test)]
mod tests {
    use super::{complete, open_string};
    use std::fs;

    fn texts(line: &str, offered: &[&str]) -> (usize, Vec<String>) {
        let offered: Vec<String> = offered.iter().map(|name| (*name).to_string()).collect();
        let (start, choices) = complete(line, line.len(), &offered, 80);
        (
            start,
            choices.into_iter().map(|choice| choice.text).collect(),
        )
    }

    #[test]
    fn names_of_programs_and_of_the_language() {
        let (start, found) = texts("2+sub", &["subtotal", "`words", "other"]);
        assert_eq!((start, found), (2, vec!["sub".into(), "subtotal".into()]));
        assert_eq!(
            texts("spawn[1;`w", &["w", "`words"]),
            (8, vec!["`words".into()])
        );
        assert_eq!(texts("zzz", &[]).1, [] as [&str; 0]);
    }

    #[test]
    fn commands_tell_what_they_do() {
        let (_, found) = complete("\\", 1, &[], 80);
        assert!(found.len() >= 6 && found.iter().all(|choice| choice.shown.contains("  ")));
        assert_eq!(texts("\\l Cargo.to", &[]).1, ["Cargo.toml"]);
        assert!(texts("\\h sp", &[]).1.contains(&"spawn".to_string()));
    }

    #[test]
    fn a_verb_shows_its_page_and_puts_nothing_in() {
        let (start, found) = complete("1 2+", 4, &[], 80);
        assert_eq!(start, 4);
        assert!(found.len() >= 3 && found.iter().all(|choice| choice.text.is_empty()));
        assert!(found.iter().any(|choice| choice.shown.contains("add")));
        assert!(found.iter().all(|choice| choice.shown.len() < 80));
    }

    #[test]
    fn files_are_found_in_strings() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("one.ok"), "").unwrap();
        fs::create_dir(folder.path().join("oneself")).unwrap();
        fs::write(folder.path().join(".hidden"), "").unwrap();
        let typed = format!("0:\"{}/on", folder.path().display());
        let (start, found) = texts(&typed, &[]);
        assert_eq!(start, 3);
        let expected =
            ["one.ok", "oneself/"].map(|name| format!("{}/{name}", folder.path().display()));
        assert_eq!(found, expected);
        assert_eq!(open_string("\"a\\\"b"), Some(0));
        assert_eq!(open_string("\"a\"+\"b"), Some(4));
        assert_eq!(open_string("\"a\""), None);
    }
}
