//! Help: a page for every verb, adverb, name and command, and an overview of all.
//!
//! The tables of [`language`] and [`names`] hold the pages, so that the overview can't miss one. What
//! is in them is tested against the verbs and effects that there are.

mod language;
mod names;

/// What a page is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chapter {
    Verbs,
    Adverbs,
    Syntax,
    Names,
    Effects,
    Commands,
}

/// One page: the topic, one line for each meaning.
pub struct Page {
    chapter: Chapter,
    /// What it is about: a verb, an adverb, a name, a command.
    pub topic: &'static str,
    /// What that means.
    pub lines: &'static [&'static str],
}

impl Page {
    /// Whether it is about a command of the session.
    pub fn is_command(&self) -> bool {
        self.chapter == Commands
    }

    /// Whether it is about a name that programs can use.
    pub fn is_name(&self) -> bool {
        matches!(self.chapter, Names | Effects)
    }
}

/// All pages.
pub fn pages() -> impl Iterator<Item = &'static Page> {
    language::PAGES.iter().chain(names::PAGES)
}

const fn page(chapter: Chapter, topic: &'static str, lines: &'static [&'static str]) -> Page {
    Page {
        chapter,
        topic,
        lines,
    }
}

use Chapter::{Adverbs, Commands, Effects, Names, Syntax, Verbs};

/// The page about a topic; the overview without one, and for topics that have none.
pub fn help(topic: &str) -> String {
    let topic = topic_of(topic.trim());
    let pages: Vec<&Page> = pages().filter(|page| page.topic == topic).collect();
    match pages.as_slice() {
        [] if topic.is_empty() => overview(),
        [] => format!("there is no page about {topic}\n{}", overview()),
        pages => {
            let lines: Vec<&str> = pages
                .iter()
                .flat_map(|page| page.lines.iter().copied())
                .collect();
            lines.join("\n")
        }
    }
}

/// The topic under which something is to be found: `$[` is about `$`, `#:` about `#`, `x` about functions.
fn topic_of(asked: &str) -> &str {
    let known = |topic: &str| pages().any(|page| page.topic == topic);
    let shorter = asked.strip_suffix([':', '[']).filter(|topic| known(topic));
    match asked {
        asked if known(asked) => asked,
        "x" | "y" | "z" | "o" | "}" | "function" | "functions" => "{",
        ")" | "list" | "lists" => "(",
        "]" | "dict" | "dictionary" => "[",
        "table" => "tables",
        "date" | "time" | "timestamp" | "span" => "dates",
        "error" | "trap" => "errors",
        asked => shorter.unwrap_or(asked),
    }
}

/// How a name is called, as its page says.
pub fn usage(topic: &str) -> Option<&'static str> {
    let page = pages().find(|page| page.topic == topic)?;
    page.lines.first()?.split("   ").next()
}

fn overview() -> String {
    const CHAPTERS: [(Chapter, &str); 6] = [
        (Verbs, "verbs   "),
        (Adverbs, "adverbs "),
        (Syntax, "syntax  "),
        (Names, "names   "),
        (Effects, "effects "),
        (Commands, "commands"),
    ];
    let mut out = String::new();
    for (chapter, title) in CHAPTERS {
        let topics: Vec<&str> = pages()
            .filter(|page| page.chapter == chapter)
            .map(|page| page.topic)
            .collect();
        out.push_str(&format!("{title}  {}\n", topics.join(" ")));
    }
    out.push_str("expressions run from the right and have no precedence: 2*3+4 is 14\n");
    out.push_str("help\"+\" or \\h + tells about +");
    out
}

#[cfg(test)]
#[path = "help_tests.rs"]
mod tests;
