//! Help: a page for every verb, adverb, name and command, and an overview of all.
//!
//! One table holds the pages, so that the overview can't miss one. What is in it is tested
//! against the verbs and effects that there are.

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
    PAGES.iter()
}

const fn page(chapter: Chapter, topic: &'static str, lines: &'static [&'static str]) -> Page {
    Page {
        chapter,
        topic,
        lines,
    }
}

use Chapter::{Adverbs, Commands, Effects, Names, Syntax, Verbs};

const PAGES: &[Page] = &[
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
    page(
        Names,
        "args",
        &["args   the arguments of okernel run FILE ARG.. and of a spawned task, strings"],
    ),
    page(Names, "sin", &["sin x"]),
    page(Names, "cos", &["cos x"]),
    page(Names, "exp", &["exp x  e to the power x"]),
    page(Names, "log", &["log x  natural logarithm"]),
    page(
        Names,
        "prm",
        &["prm x  all permutations of a list, or of 0 .. x-1"],
    ),
    page(Names, "in", &["x in y   1 where x is in the list y"]),
    page(
        Names,
        "kind",
        &["kind x   how a value is stored, as a symbol"],
    ),
    page(
        Names,
        "help",
        &["help x   this page about a verb, adverb or name: help\"/\""],
    ),
    page(
        Names,
        "raise",
        &[
            "raise text   ends the evaluation with that error, which .[f;x;h] can catch",
            "             \"class: text\" chooses the class word",
        ],
    ),
    page(
        Names,
        "seed",
        &["seed n   random numbers begin anew: equal seeds, equal numbers"],
    ),
    page(
        Effects,
        "pub",
        &["pub[core;bytes]   a new ring; its number"],
    ),
    page(
        Effects,
        "sub",
        &[
            "sub[core;ring]   a reader of a ring; sub[core;ring;`lap] may miss some, `kick is detached instead",
        ],
    ),
    page(
        Effects,
        "attach",
        &["attach n   takes an end of a ring to this task"],
    ),
    page(
        Effects,
        "snd",
        &["snd[ring;x]   sends a value; waits for room"],
    ),
    page(
        Effects,
        "rcv",
        &["rcv reader   the next value; waits for it; rcv[reader;ms] waits so long"],
    ),
    page(
        Effects,
        "poll",
        &["poll reader   the next value if there is one"],
    ),
    page(
        Effects,
        "spawn",
        &[
            "spawn[core;\"code\"]   a task that runs O",
            "spawn[core;`name;[in:s;out:p]]   a task of a loaded module",
        ],
    ),
    page(
        Effects,
        "print",
        &["print x   shows x and gives it back; print[a;b] as a list"],
    ),
    page(
        Effects,
        "load",
        &[
            "load[`name;\"file.wasm\"]   a module; running tasks of that name go on as it",
            "load[`name;\"file.wasm\";`dense]   one whose tasks are small, by the hundred thousand",
        ],
    ),
    page(
        Effects,
        "check",
        &[
            "check[`name;\"file.wasm\"]   would it load? a table: could each of its running tasks go on as it?",
        ],
    ),
    page(
        Effects,
        "versions",
        &[
            "versions[]   the versions of all modules: which is current, how upgrades went, their pauses",
        ],
    ),
    page(
        Effects,
        "rollback",
        &["rollback`name   goes back to the version before the current one; its number"],
    ),
    page(
        Effects,
        "move",
        &[
            "move[task;core]   moves a task to another core; nil when it is there",
            "a task that was spawned with [pin:1] stays where it is",
        ],
    ),
    page(Effects, "kill", &["kill task"]),
    page(Effects, "ps", &["ps[]   the tasks"]),
    page(Effects, "rings", &["rings[]   the rings and their readers"]),
    page(Effects, "cores", &["cores[]   the cores"]),
    page(
        Effects,
        "stats",
        &["stats[]   the ring of the kernel's statistics; stats ms publishes so often"],
    ),
    page(
        Effects,
        "qos",
        &["qos[core;(bus;io;tasks)]   quanta in microseconds; qos[`task;n;weight]"],
    ),
    page(Effects, "halt", &["halt[]   ends the kernel; halt status"]),
    page(
        Effects,
        "select",
        &[
            "select[c;\"tcp://127.0.0.1:9000\"]   listens on core c: a dictionary, id in out at",
            "also tcp+connect://host:port, ws://ip:port, timer://100ms,",
            "file://path?mode=read, append, follow or tail",
            "select[c;address;[idle:1000;..]]   with limits; docs/selectors.md lists them",
        ],
    ),
    page(Effects, "drop", &["drop n   ends what select began"]),
    page(
        Effects,
        "selectors",
        &["selectors[]   sockets, files and timers: what select began"],
    ),
    page(
        Effects,
        "now",
        &["now[]   the time in UTC, a timestamp, where the task has a clock"],
    ),
    page(
        Effects,
        "supervise",
        &[
            "supervise[`one;[intensity:3;period:5000];[split:[run:`lines;in:s;out:p]]]",
            "         starts children and starts them again when they fail; the supervisor's number",
            "         `one the child that failed, `all every child, `rest it and those after it",
            "         options: intensity, period, backoff, backoffmax (ms), name, core",
            "         a child: run, core, restart (`permanent `transient `temporary), and grants as in spawn;",
            "         or children, strategy and options: a supervisor below this one",
        ],
    ),
    page(
        Effects,
        "monitor",
        &["monitor task   a number for rcv: how the task ended, when it has"],
    ),
    page(
        Effects,
        "link",
        &["link[t;u]   when one of two tasks fails, so does the other; link t with this one"],
    ),
    page(Effects, "unlink", &["unlink[t;u]   undoes link"]),
    page(
        Effects,
        "name",
        &["name[`orders.in;ring]   names a ring; name[`task;`feed;t] a task"],
    ),
    page(
        Effects,
        "unname",
        &["unname`orders.in   takes a name away; unname[`task;`feed]"],
    ),
    page(
        Effects,
        "find",
        &["find`orders.in   the number of what has the name, or nil; find[`task;`feed]"],
    ),
    page(
        Effects,
        "await",
        &["await`orders.in   the same, when there is one; await[`orders.in;ms] waits so long"],
    ),
    page(
        Effects,
        "names",
        &["names[]   all names of tasks and rings"],
    ),
    page(Commands, "\\\\", &["\\\\      leave"]),
    page(Commands, "\\t", &["\\t x    the time that x takes"]),
    page(Commands, "\\h", &["\\h      this; \\h + is about +"]),
    page(Commands, "\\p", &["\\p n    shows so many digits; 0 all"]),
    page(Commands, "\\v", &["\\v      the names that are bound"]),
    page(Commands, "\\l", &["\\l file  runs a script"]),
];

/// The page about a topic; the overview without one, and for topics that have none.
pub fn help(topic: &str) -> String {
    let topic = topic_of(topic.trim());
    let pages: Vec<&Page> = PAGES.iter().filter(|page| page.topic == topic).collect();
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
    let known = |topic: &str| PAGES.iter().any(|page| page.topic == topic);
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
    let page = PAGES.iter().find(|page| page.topic == topic)?;
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
        let topics: Vec<&str> = PAGES
            .iter()
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
