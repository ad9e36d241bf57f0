//! Colours for a line of O: numbers, strings, symbols, verbs, adverbs, comments, and the bracket that
//! belongs to the one at the cursor.
//!
//! The language's own lexer says what is what. A line that it cannot finish is coloured as far
//! as it goes: that is how a line looks while it is typed.

use std::ops::Range;
use std::rc::Rc;

use okernel_shell::command::is_command;
use okernel_shell::error::Source;
use okernel_shell::lexer::{Bracket, TokenKind, scan};

/// Lines that are longer stay plain: each key would colour all of it again.
const PAINTED_BYTES_MAX: usize = 16 << 10;

/// What a piece of text is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Style {
    Number,
    Text,
    Symbol,
    Verb,
    Adverb,
    Comment,
    Command,
    Pair,
    Wrong,
}

impl Style {
    /// The terminal's code for it: colours of its palette, so that dark and light ones both work.
    fn code(self) -> &'static str {
        match self {
            Style::Number => "36",
            Style::Text => "32",
            Style::Symbol => "33",
            Style::Verb => "34",
            Style::Adverb => "35",
            Style::Comment => "2",
            Style::Command => "35",
            Style::Pair => "1;7",
            Style::Wrong => "31",
        }
    }
}

/// The line with its colours. `at` is where the cursor stands, if that matters.
pub fn paint(line: &str, at: Option<usize>) -> String {
    if line.len() > PAINTED_BYTES_MAX {
        return line.to_string();
    }
    let mut pieces = Vec::new();
    let mut code_from = 0;
    if is_command(line) {
        let name = line.find([' ', '\n']).unwrap_or(line.len());
        pieces.push((0..name, Style::Command));
        // The argument of \t is an expression, the others' are words.
        code_from = match &line[..name] {
            "\\t" => name,
            _ => line.len(),
        };
    }
    pieces.extend(code(line, code_from, at));
    write(line, &pieces)
}

/// The pieces of the code that begins at `from`.
fn code(line: &str, from: usize, at: Option<usize>) -> Vec<(Range<usize>, Style)> {
    let source = Rc::new(Source {
        origin: String::new(),
        line_first: 1,
        // What comes before is blanked, so that places stay what they are.
        text: format!("{}{}", " ".repeat(from), &line[from..]),
    });
    let (tokens, _) = scan(&source);
    let mut pieces = Vec::new();
    let mut open: Vec<(Bracket, Range<usize>)> = Vec::new();
    let mut nearest = (Near::Far, Vec::new());
    let mut end = from;
    for token in &tokens {
        let place = token.span.start as usize..token.span.end as usize;
        comments(line, end..place.start, &mut pieces);
        end = place.end;
        let style = match token.kind {
            TokenKind::Number(_) => Style::Number,
            TokenKind::Symbol(_) => Style::Symbol,
            TokenKind::Text(_) => Style::Text,
            TokenKind::Verb(_) | TokenKind::Monad(_) | TokenKind::DoubleColon => Style::Verb,
            TokenKind::Adverb(_) => Style::Adverb,
            TokenKind::Open(bracket) => {
                open.push((bracket, place));
                continue;
            }
            TokenKind::Cond => {
                pieces.push((place.start..place.start + 1, Style::Verb));
                open.push((Bracket::Square, place.start + 1..place.end));
                continue;
            }
            TokenKind::Close(bracket) => {
                match open.pop() {
                    Some((opened, other)) if opened == bracket => {
                        let near =
                            at.map_or(Near::Far, |at| near(at, &other).max(near(at, &place)));
                        if near > nearest.0 {
                            nearest = (near, vec![other, place]);
                        }
                    }
                    _ => pieces.push((place, Style::Wrong)),
                }
                continue;
            }
            // Names and separators have no colour, and neither has what only another lexer knows.
            _ => continue,
        };
        pieces.push((place, style));
    }
    pieces.extend(nearest.1.into_iter().map(|place| (place, Style::Pair)));
    let rest = end..line.len();
    comments(line, rest.clone(), &mut pieces);
    if let Some(quote) = line[rest.clone()].find('"') {
        // A string that is still being typed.
        let from = rest.start + quote;
        if !pieces.iter().any(|(place, _)| place.contains(&from)) {
            pieces.push((from..rest.end, Style::Text));
        }
    }
    pieces.sort_by_key(|(place, _)| place.start);
    pieces
}

/// Where the cursor is to a bracket. One pair is shown: what was just typed goes before what follows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Near {
    Far,
    On,
    Behind,
}

fn near(at: usize, bracket: &Range<usize>) -> Near {
    if at == bracket.end {
        return Near::Behind;
    }
    match at == bracket.start {
        true => Near::On,
        false => Near::Far,
    }
}

/// Comments lie between tokens: each goes to the end of its line.
fn comments(line: &str, gap: Range<usize>, pieces: &mut Vec<(Range<usize>, Style)>) {
    let mut start = gap.start;
    for part in line[gap].split_inclusive('\n') {
        let text = part.trim_start();
        let begins = start + part.len() - text.len();
        let spaced = begins == 0 || line.as_bytes()[begins - 1].is_ascii_whitespace();
        if text.starts_with('/') && spaced {
            pieces.push((begins..begins + text.trim_end().len(), Style::Comment));
        }
        start += part.len();
    }
}

fn write(line: &str, pieces: &[(Range<usize>, Style)]) -> String {
    let mut out = String::with_capacity(line.len() * 2);
    let mut end = 0;
    for (place, style) in pieces {
        if place.start < end || place.end > line.len() {
            continue;
        }
        out.push_str(&line[end..place.start]);
        out.push_str("\x1b[");
        out.push_str(style.code());
        out.push('m');
        out.push_str(&line[place.clone()]);
        out.push_str("\x1b[0m");
        end = place.end;
    }
    out.push_str(&line[end..]);
    out
}

#[cfg(test)]
mod tests {
    use super::paint;

    /// The painted line with codes as `<36:...>`.
    fn shown(line: &str, at: Option<usize>) -> String {
        paint(line, at)
            .replace("\x1b[0m", ">")
            .replace("\x1b[", "<")
    }

    #[test]
    fn each_kind_has_its_colour() {
        assert_eq!(
            shown("a:+/1 2,`b \"c\" / d", None),
            "a<34m:><34m+><35m/><36m1> <36m2><34m,><33m`b> <32m\"c\"> <2m/ d>"
        );
        assert_eq!(shown("\\t 1", None), "<35m\\t> <36m1>");
        assert_eq!(shown("\\l 1.ok", None), "<35m\\l> 1.ok");
    }

    #[test]
    fn the_pair_at_the_cursor_is_shown() {
        assert_eq!(shown("(a)", Some(3)), "<1;7m(>a<1;7m)>");
        assert_eq!(shown("(a)", Some(0)), "<1;7m(>a<1;7m)>");
        assert_eq!(shown("((a))", Some(4)), "(<1;7m(>a<1;7m)>)");
        assert_eq!(shown("(a]", Some(3)), "(a<31m]>");
    }

    #[test]
    fn what_is_half_typed_keeps_its_text() {
        for line in [
            "\"abc",
            "f:{x+",
            "1 2 3 \u{e4}\u{1f600}",
            "`\"",
            "0x",
            "a /b",
            "/",
            "",
        ] {
            let plain = shown(line, Some(line.len()));
            let mut text = String::new();
            let mut rest = plain.as_str();
            while let Some(at) = rest.find('<') {
                text.push_str(&rest[..at]);
                let (_, after) = rest[at..].split_once('m').unwrap();
                rest = after;
            }
            text.push_str(rest);
            assert_eq!(text.replace('>', ""), line);
        }
    }
}
