//! Hints: what people from other languages type first, and how it is said here.
//!
//! A hint is part of an error's sentence and changes nothing else: the names in it are free for programs.

/// Words that have a value in many languages, and none here.
const WORDS: [(&[&str], &str); 14] = [
    (
        &["for", "foreach", "while", "do", "repeat"],
        "f'x does f with each item, n f/x n times, p f/x while p is true; help\"/\"",
    ),
    (
        &["if", "else", "elif", "then", "switch", "case", "match"],
        "$[c;a;b] is a if c is true, else b; help\"$\"",
    ),
    (&["let", "var", "const"], "x:5 assigns"),
    (
        &["def", "fn", "fun", "func", "function", "lambda", "return"],
        "f:{x+y} defines a function, whose value is its last expression; help\"{\"",
    ),
    (&["exit", "quit", "bye", "logout"], "\\\\ leaves"),
    (
        &["import", "include", "require"],
        "\\l file runs a script, load[`name;\"file.wasm\"] loads a module",
    ),
    (&["println", "printf", "echo", "puts"], "print x"),
    (&["sum"], "+/x"),
    (&["avg", "mean", "average"], "(+/x)%#x"),
    (&["len", "length", "count"], "#x"),
    (
        &["sort", "sorted"],
        "x@<x sorts upward, x@>x downward; help\"<\"",
    ),
    (&["range", "til", "iota", "seq"], "!n counts from 0 to n-1"),
    (
        &["map", "filter", "reduce", "fold", "where", "select"],
        "f'x, f#x and f/x: with each item, the items where f is true, folded; help\"'\"",
    ),
    (
        &[
            "true", "false", "null", "none", "nil", "None", "True", "False",
        ],
        "1, 0 and 0N",
    ),
];

/// The hint for a name without a value, which is followed by that text.
pub fn for_name(name: &str, after: &str) -> Option<String> {
    if after.trim_start_matches([' ', '\t']).starts_with('=') {
        return Some(format!("{name}:.. assigns, = compares"));
    }
    let known = WORDS.iter().find(|(words, _)| words.contains(&name));
    known.map(|(_, hint)| (*hint).to_owned())
}

#[cfg(test)]
mod tests {
    use super::for_name;

    #[test]
    fn an_equals_sign_and_foreign_words_have_hints() {
        assert_eq!(
            for_name("x", " = 5").as_deref(),
            Some("x:.. assigns, = compares")
        );
        assert_eq!(for_name("exit", "").as_deref(), Some("\\\\ leaves"));
        assert_eq!(for_name("price", "*2"), None);
    }
}
