//! Pages about the language: verbs, adverbs, syntax.

use super::Chapter::{Adverbs, Syntax, Verbs};
use super::{Page, page};

pub(super) const PAGES: &[Page] = &[
    page(
        Verbs,
        ":",
        &[":x     x itself", "x:y    y; after a name: assignment"],
    ),
    page(
        Verbs,
        "+",
        &[
            "+x     flip: rows to columns; a dictionary of columns to a table",
            "x+y    add",
        ],
    ),
    page(Verbs, "-", &["-x     negate", "x-y    subtract"]),
    page(Verbs, "*", &["*x     first item", "x*y    multiply"]),
    page(Verbs, "%", &["%x     square root", "x%y    divide"]),
    page(
        Verbs,
        "!",
        &[
            "!n     0 .. n-1; of a list: all its indices, a row for each axis; of a dictionary: its keys",
            "n!x    x modulo n; for n below 0: x divided by -n, rounded down",
            "x!y    dictionary of keys and values",
        ],
    ),
    page(
        Verbs,
        "&",
        &[
            "&x     where: as many times each index as the count there",
            "x&y    lesser, and",
        ],
    ),
    page(Verbs, "|", &["|x     reverse", "x|y    greater, or"]),
    page(
        Verbs,
        "<",
        &[
            "<x     indices that sort x upward; of a dictionary: its keys; of a table: by the first column, then the next",
            "x<y    less",
        ],
    ),
    page(
        Verbs,
        ">",
        &[
            ">x     indices that sort x downward; of a dictionary: its keys",
            "x>y    more",
        ],
    ),
    page(
        Verbs,
        "=",
        &[
            "=x     group: each distinct item with its indices; of a table: rows; of a number: unit matrix",
            "x=y    equal",
        ],
    ),
    page(Verbs, "<=", &["x<=y   at most"]),
    page(Verbs, ">=", &["x>=y   at least"]),
    page(Verbs, "<>", &["x<>y   not equal"]),
    page(
        Verbs,
        "~",
        &["~x     not", "x~y    match: equal as a whole"],
    ),
    page(
        Verbs,
        ",",
        &[
            ",x     list of one item",
            "x,y    join; of dictionaries: the right one's values win",
        ],
    ),
    page(
        Verbs,
        "^",
        &[
            "^x     1 where null",
            "n^x    x with its nulls filled",
            "l^x    the list without the items of x",
        ],
    ),
    page(
        Verbs,
        "#",
        &[
            "#x     count",
            "n#x    take n, from the end if below 0, over and over if need be",
            "l#x    reshape; of a dictionary: those keys",
            "f#x    the items for which f is true",
        ],
    ),
    page(
        Verbs,
        "_",
        &[
            "_x     round down; of chars: lower case",
            "n_x    drop n, from the end if below 0",
            "l_x    cut at indices; of a dictionary: without those keys",
            "x_i    the list without item i",
            "f_x    the items for which f is false",
        ],
    ),
    page(
        Verbs,
        "$",
        &[
            "$x     to text",
            "n$x    pad or cut text to n chars, on the left if below 0",
            "`i$x `f$x `c$x `b$x   to integers, floats, chars, truth",
            "`$x    to symbols",
            "`date$x `timestamp$x `span$x   to dates and times, of texts too",
            "`year$x `month `day `weekday `hh `mm `ss `ns   parts of dates and times",
            "$[c;a;b]   a if c is true, else b; further conditions may follow",
        ],
    ),
    page(
        Verbs,
        "?",
        &[
            "?x     distinct items; of a number: so many random numbers from 0 to 1",
            "l?x    where x is in the list, 0N where not; of a dictionary: the key; t?row",
            "n?m    n random numbers below m; -n?m all different; n?list picks",
            "?[l;(from;to);x]   the list with that part replaced by x, or changed by a function",
        ],
    ),
    page(
        Verbs,
        "@",
        &[
            "@x     type: -9 number, -10 char, -11 symbol, 0 list, 98 table, 99 dictionary, 102 105 107 functions",
            "x@i    items at i; f@x applies f",
            "@[x;i;f]  @[x;i;f;y]   x with the items at i changed by f, or by f with y; @[`a;..] changes the global",
            "@[f;x;h]   f of x; an error goes to h",
        ],
    ),
    page(
        Verbs,
        ".",
        &[
            ".x     values of a dictionary; a text is evaluated; a symbol gives the global's value",
            "x.i    item at depth; f.x applies f to a list of arguments",
            ".[x;p;f]  .[x;p;f;y]   as @, at depth",
            ".[f;x;:]   (0;result) or (1;\"class: message\"); .[f;x;h] calls h with the message",
        ],
    ),
    page(
        Verbs,
        "0:",
        &[
            "0:x    lines of a file",
            "x 0:y  write lines to a file; (`file;x;`append)0:y adds them",
        ],
    ),
    page(
        Verbs,
        "1:",
        &[
            "1:x    the value of a JSON text",
            "x 1:y  write a value as JSON to a file",
        ],
    ),
    page(Verbs, "5:", &["5:x    the text that reads back as x"]),
    page(
        Adverbs,
        "'",
        &[
            "f'x    each",
            "x f'y  each pair",
            "f'[x;y;z]  side by side",
            "l'x    binary search in a sorted list",
        ],
    ),
    page(
        Adverbs,
        "/",
        &[
            "f/x    f of two: fold; f of one: until nothing changes",
            "x f/y  fold that begins with x",
            "n f/x  n times; p f/x while p is true",
            "n/x    number of digits in base n; \",\"/x joins texts",
        ],
    ),
    page(
        Adverbs,
        "\\",
        &[
            "f\\x    as /, with all results on the way",
            "n\\x    digits in base n; \",\"\\x splits a text",
        ],
    ),
    page(
        Adverbs,
        "':",
        &[
            "f':x   each item with the one before; s f':x begins with s",
            "n f':x windows of n items; n':x the windows",
        ],
    ),
    page(Adverbs, "/:", &["x f/:y x with each item of y"]),
    page(Adverbs, "\\:", &["x f\\:y each item of x with y"]),
    page(
        Syntax,
        "{",
        &[
            "{x+y}      a function; x, y, z are its arguments; o is itself",
            "{[a;b]a-b} a function with named arguments",
            "f[;2]      a function with some of its arguments",
        ],
    ),
    page(
        Syntax,
        "(",
        &[
            "(a;b)   a list; its items run from the right",
            "([a;b]x;y)  a table; ([]a:x;b:y) as well",
        ],
    ),
    page(
        Syntax,
        "[",
        &[
            "[a:1;b:2]  a dictionary",
            "[a;b]   a list; its items run from the left",
            "f[a;b]  a call",
        ],
    ),
    page(
        Syntax,
        "::",
        &[
            "a::x   inside a function: assigns the global",
            "       at top level: a view, computed again when needed",
        ],
    ),
    page(
        Syntax,
        "tables",
        &[
            "t:([]sym:`a`b;px:10 20)   a table; +[sym:`a`b;px:10 20] too",
            "t`px        a column; t`sym`px several; t[`px]:v sets one",
            "t 0  t[0 1] a row as a dictionary, rows; t[0;`px] an item; t,[sym:`c;px:5] one row more",
            "t[&t[`px]>10]    rows where; t@<`px#t sorted; `sym`px#t those columns, `px_t the others",
            "g:=t`sym    groups; (+/t[`px]@)'g a sum for each; docs/o.md has more",
        ],
    ),
    page(
        Syntax,
        "dates",
        &[
            "2026.11.23   a date; 2026.11.23D12:30:00.5 a timestamp; 12:30:00 and 1D02:00:00 spans",
            "date+days  date-date  timestamp+span  timestamp-timestamp  span*n  span%span",
            "s!t   how far t is behind the last multiple of the span s; `date`year`hh$t parts",
        ],
    ),
    page(
        Syntax,
        "errors",
        &[
            "class: text, the line with a caret, and the calls; the session goes on",
            "parse name type rank length index domain limit interrupt nyi io error",
            ".[f;arguments;:]  is (0;result) or (1;\"class: text\"); raise \"text\" makes one",
        ],
    ),
];
