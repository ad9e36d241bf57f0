//! Tests of [`super::help`]: everything has its page.

use super::help;
use crate::effect::EFFECTS;
use crate::verb::Verb;

#[test]
fn everything_has_a_page() {
    let glyphs = Verb::all().map(|verb| verb.glyph());
    for topic in glyphs
        .chain(EFFECTS)
        .chain(["'", "/", "\\", "':", "/:", "\\:", "help"])
    {
        assert!(!help(topic).contains("there is no page"), "{topic}");
        assert!(
            help("").split_whitespace().any(|word| word == topic),
            "{topic}"
        );
    }
    for (asked, topic) in [("$[", "$"), ("#:", "#"), ("x", "{"), ("table", "tables")] {
        assert_eq!(help(asked), help(topic));
    }
    assert!(help("nosuch").starts_with("there is no page about nosuch"));
}
