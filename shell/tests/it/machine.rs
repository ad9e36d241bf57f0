//! The machine from outside: names, assignments, adverbs, effects, errors.

use crate::support::{Host, Outcome, evaluate, run};
use okernel_shell::error::{Class, Error, Source};
use okernel_shell::format::form;
use okernel_shell::machine::{Config, Machine, Shown, Step};
use okernel_shell::value::Value;

fn value(source: &str) -> String {
    match evaluate(source) {
        Outcome::Value(text) => text,
        Outcome::Error(error) => format!("{error}"),
    }
}

fn error(source: &str) -> Error {
    match evaluate(source) {
        Outcome::Value(text) => panic!("{source} gave {text}"),
        Outcome::Error(error) => error,
    }
}

#[test]
fn locals_closures_and_globals() {
    for (source, expected) in [
        ("{a:1;g:{a};a:2;g[]}[]", "2"),
        ("a:7;{$[x;a:1;0];a}0", "7"),
        ("a:7;{$[x;a:1;0];a}1", "1"),
        ("a:7;{b:a;a:1;b,a}[]", "7 1"),
        ("a:7;{a+:1;a}[];a", "7"),
        ("a:7;{a+:1;a}[]", "8"),
        ("a:7;{a+::1;a}[];a", "8"),
        ("a:1 2 3;{a[1]:9;a}[];a", "1 2 3"),
        ("a:1 2 3;{a[1]:9;a}[]", "1 9 3"),
        ("a:1 2 3;{a[1]::9}[];a", "1 9 3"),
        ("{g:{$[x;x+g x-1;0]};g x}4", "10"),
        ("{[n]f:{$[x;g x-1;n]};g:{$[x;f x-1;-n]};f 3}5", "-5"),
        ("f:{[a]{[b]{[c]a+b*c}}};f[1][2][3]", "7"),
        ("f:{[a]{a+:x;a}};g:f 5;(g 1),g 1", "6 6"),
        ("{[o]o+1}2", "3"),
        ("{(x-1)o y}", "{[x;y](x-1)o y}"),
        ("b:a:3;b", "3"),
        ("a:1 2;b:a;b[0]:9;a", "1 2"),
        ("a[0]:1", "name: a has no value"),
        ("x:10;{y+1}[1]", "{[x;y]y+1}[1;]"),
        ("y:10;{y+1}[1]", "11"),
        ("{[]y:10;{y+1}[1]}[]", "11"),
        ("{x}[]", "{[x]x}[;]"),
    ] {
        let expected = if source == "{x}[]" {
            "{[x]x}[]"
        } else {
            expected
        };
        assert_eq!(value(source), expected, "{source}");
    }
}

#[test]
fn assignments_give_what_they_assign() {
    for (source, expected) in [
        ("a:5", "5"),
        ("a:1 2 3;a[1]:9", "9"),
        ("a:1 2 3;a[1]+:9", "11"),
        ("a:1 2 3;a[0 1]+:9", "10 11"),
        ("a:2;a*:4", "8"),
        (
            "a:1 2 3;a+:`x;a",
            "type: + of a list of 3 items and symbol x",
        ),
        ("a:(1 2;3 4);a[;1]:9 8;a", "(1 9\n 3 8)"),
        ("a:(1 2;3 4);a[]:0;a", "0 0"),
    ] {
        let got = value(source);
        assert!(
            got == expected || (expected.starts_with("type") && got.starts_with("type")),
            "{source}: {got}"
        );
    }
    // What fails changes nothing.
    let mut machine = Machine::new(Config::default());
    let mut host = Host::default();
    for source in [
        "a:1 2 3",
        "a+:`x",
        "a[7]:1",
        "a[0 7]:1",
        "a[0 1]:1 2 3",
        "a,:",
    ] {
        run(&mut machine, &mut host, source, || 1000);
    }
    assert_eq!(machine.value_of("a").map(form), Some("1 2 3".to_owned()));
}

#[test]
fn trains_and_projections() {
    for (source, expected) in [
        ("(#|)1 2 3", "3"),
        ("f:*|:;f 1 2 3", "3"),
        ("(2*1+)8", "18"),
        ("(1 2 3@)1", "2"),
        ("f:{x*2};(f 2+)3", "10"),
        ("f:{x*2};(f@)3", "6"),
        ("(~=)[1;1]", "0"),
        ("(2+)", "(2+)"),
        ("(- 2+)", "(- 2+)"),
        ("(< =)", "(< =)"),
        ("(#-2+)", "(#-2+)"),
        ("({x}1+)", "({[x]x}1+)"),
        ("+[2]", "+[2;]"),
        ("f:+[;2];f[1]", "3"),
        ("{x,y,z}[;2;][1;3]", "1 2 3"),
        ("{x,y,z}[1][;3][2]", "1 2 3"),
        ("(-)'1 2", "-1 -2"),
        ("+'[1 2;3 4]", "4 6"),
        ("(2-)'1 2", "1 0"),
        ("{x-y}[;1]'5 6", "4 5"),
        ("`a@0", "type: symbol a names no function or list"),
        ("a:5 6;`a@1", "6"),
    ] {
        assert_eq!(value(source), expected, "{source}");
    }
    assert_eq!(error("{x-y}[;1][1;2]").class(), Class::Rank);
    assert_eq!(error("(2+)[1;2]").class(), Class::Rank);
}

#[test]
fn text_is_evaluated_with_the_names_in_reach() {
    assert_eq!(value("{x;.\"x+1\"}5"), "6");
    assert_eq!(value("{x;a:2;b:.\"a*x\";b+1}5"), "11");
    assert_eq!(value(".\"a:3;a\";a"), "3");
    assert_eq!(value("{[a]{.\"a\"}}[7][]"), "name: a has no value");
    assert_eq!(value("{[a]{a;.\"a\"}}[7][]"), "7");
    assert_eq!(error(".\"1+\\\"").class(), Class::Parse);
    assert_eq!(value("*.[.;,\"1+`a\";:]"), "1");
}

#[test]
fn views_follow_their_names() {
    assert_eq!(value("a:1;b::a+1;c::b*10;a:2;c"), "30");
    assert_eq!(value("b::nosuch+1;1"), "1");
    assert_eq!(value("b::nosuch+1;b"), "name: nosuch has no value");
    assert_eq!(error("b::c;c::b;b").class(), Class::Domain);
    assert_eq!(value("a:1;b::{a+x}1;a:5;b"), "6");
    assert_eq!(value("a:1;b::a;b+:5;b"), "6");
    assert_eq!(value("a:1;b::a;f:{b};x:f[];a:2;x,f[]"), "1 2");
    let mut machine = Machine::new(Config::default());
    let mut host = Host::default();
    run(&mut machine, &mut host, "n::print 5;n+n;n", || 1000);
    assert_eq!(host.printed, vec!["5"]);
}

#[test]
fn traps() {
    assert_eq!(value(".[{x+y};1 2;:]"), "0 3");
    assert_eq!(value(".[{x+y};(1;`a);:]").lines().next(), Some("(1"));
    assert_eq!(value(".[{x+`a};,1;{`e}]"), "`e");
    assert_eq!(value(".[{x+1};,1;{`e}]"), "2");
    assert_eq!(value("@[{x+`a};1;{`e}]"), "`e");
    assert_eq!(value("@[{x+1};1;{`e}]"), "2");
    assert_eq!(value(".[{.[{x+`a};,1;{`inner}]};,1;{`outer}]"), "`inner");
    assert_eq!(value(".[{.[{x+`a};,1;{x+`b}]};,1;{`outer}]"), "`outer");
    assert_eq!(value("{.[{x+`a};,x;{0}]}'1 2 3"), "0 0 0");
    assert_eq!(value(".[.;(`a;1);{1}]"), "1");
    assert_eq!(value("4#.[{1+o x};,1;{x}]"), "\"limi\"");
}

#[test]
fn adverbs_with_functions() {
    for (source, expected) in [
        ("{@[x;1;{y+x};10]}'(1 2;3 4)", "(1 12\n 3 14)"),
        ("?[1 2 3 4;1 3;{-x}]", "1 -2 -3 4"),
        ("{x>1}#1 2 3", "2 3"),
        ("{x>1}_[a:1;b:2]", "[a:1]"),
        (
            "{x>1}#5",
            "type: # with a function takes a list, not a number",
        ),
        ("0{x+1}/5", "5"),
        ("-1{x+1}/5", "5"),
        ("{x+1}'()", "()"),
        ("{x+y}/()", "()"),
        ("{x+y}/,5", "5"),
        ("{x+y}\\,5", ",5"),
        ("10{x+y}/5", "15"),
        ("{x+y}/:[1;2]", "3"),
        ("{x+y+z}/[1;2 3;4 5]", "15"),
        ("{x+y+z}\\[1;2 3;4 5]", "1 7 15"),
        ("{x+y+z}'[1;2 3;4]", "7 8"),
        ("(+)/1 2 3", "6"),
        ("[a:1;b:2]+'[b:10;a:20]", "[a:21;b:12]"),
        ("{x,y}':[a:1;b:2]", "[a:1 0N;b:2 1]"),
        ("(`a`b!1 2){x+y}/:3 4", "([a:4;b:5];[a:5;b:6])"),
        ("([a;b]1 2;3 4){x[`a]+y}'10 20", "11 22"),
        ("{x`a}'([a;b]1 2;3 4)", "1 2"),
        ("[a:`b;b:`c;c:`c]/`a", "`c"),
        ("2 3{x+y}'4 5 6", "length"),
        ("{x}/:5", "rank"),
    ] {
        let got = value(source);
        let class_only = !expected.contains(':') && Class::from_word(expected).is_some();
        let right = if class_only {
            got.starts_with(&format!("{expected}:"))
        } else {
            got == expected
        };
        assert!(right, "{source}: {got}");
    }
}

#[test]
fn effects_work_inside_anything() {
    for (source, expected, printed) in [
        ("print'1 2", "1 2", vec!["1", "2"]),
        ("{print x;y}/1 2 3", "3", vec!["1", "2"]),
        (
            ".[{print x;1+`a};,7;{print x;0}]",
            "0",
            vec!["7", "\"type: + of a number and symbol a\""],
        ),
        ("print[1;2]", "1 2", vec!["1 2"]),
        ("2{print x+1}/0", "2", vec!["1", "2"]),
        ("{3>print x}{x+1}/1", "3", vec!["1", "2", "3"]),
        ("(print 1),print 2", "1 2", vec!["2", "1"]),
        ("(print 1;print 2)", "1 2", vec!["2", "1"]),
        ("[print 1;print 2]", "1 2", vec!["1", "2"]),
        ("{x+y}[print 1;print 2]", "3", vec!["1", "2"]),
        ("f:print;f 3", "3", vec!["3"]),
        ("@[1 2 3;0 1;{print x}]", "1 2 3", vec!["1", "2"]),
        ("?[1 2 3;0 1;{print x}]", "1 2 3", vec![",1"]),
        ("{print x}#0 1", ",1", vec!["0", "1"]),
        ("(print 1+)2", "3", vec!["3"]),
        (".\"print 5\"", "5", vec!["5"]),
        ("print:{x+1};print 5", "6", vec![]),
    ] {
        for slice in [1, 3, 1000] {
            let mut machine = Machine::new(Config::default());
            let mut host = Host::default();
            match run(&mut machine, &mut host, source, || slice) {
                Outcome::Value(text) => assert_eq!(text, expected, "{source}"),
                Outcome::Error(error) => panic!("{source}: {error}"),
            }
            let wanted: Vec<String> = printed.iter().map(|text| (*text).to_owned()).collect();
            let same = host
                .printed
                .iter()
                .zip(&wanted)
                .all(|(have, want)| have == want || want.contains("type:"));
            assert!(
                same && host.printed.len() == wanted.len(),
                "{source}: {:?}",
                host.printed
            );
        }
    }
}

#[test]
fn an_error_from_the_host_is_raised_where_the_effect_was() {
    let mut machine = Machine::new(Config::default());
    machine.start("f:{rcv x};.[f;,5;{x}]", "").unwrap();
    assert!(
        matches!(machine.run(1000), Step::Effect(effect) if effect.args == vec![Value::Int(5)])
    );
    assert!(machine.is_waiting());
    assert_eq!(machine.run(1000), Step::Budget);
    machine.resume(Err(Error::new(Class::Io, "gone")));
    match machine.run(1000) {
        Step::Done(value, Shown::Yes) => assert_eq!(form(&value), "\"io: gone\""),
        other => panic!("{other:?}"),
    }
}

#[test]
fn errors_tell_where() {
    let mut machine = Machine::new(Config::default());
    let mut host = Host::default();
    run(&mut machine, &mut host, "f:{1+x}", || 100);
    run(&mut machine, &mut host, "g:{[a]2*f a}", || 100);
    let Outcome::Error(error) = run(&mut machine, &mut host, "3+ g`a", || 100) else {
        panic!("an error");
    };
    assert_eq!(error.class(), Class::Type);
    let names: Vec<&str> = error
        .calls()
        .iter()
        .map(|call| call.name.as_str())
        .collect();
    assert_eq!(names, vec!["f", "g"]);
    let shown = error.render("");
    assert!(shown.contains("f:{1+x}\n     ^"), "{shown}");
    assert!(shown.contains("in g: g:{[a]2*f a}"), "{shown}");
    let source = Source {
        origin: "file.ok".to_string(),
        line_first: 10,
        text: "1\n2+`a".to_string(),
    };
    machine.start_source(source).unwrap();
    let Step::Failed(error) = machine.run(100) else {
        panic!("an error");
    };
    assert!(
        error.render("").contains("file.ok:11: 2+`a"),
        "{}",
        error.render("")
    );
    let Err(error) = machine.start("(1;2", "") else {
        panic!("an error");
    };
    assert_eq!(
        (error.class(), error.span().map(|span| span.start)),
        (Class::Parse, Some(0))
    );
}

#[test]
fn a_failed_program_leaves_the_machine_ready() {
    let mut machine = Machine::new(Config::default());
    let mut host = Host::default();
    assert!(matches!(
        run(&mut machine, &mut host, "a:5;b:1+`a;c:6", || 100),
        Outcome::Error(_)
    ));
    assert!(machine.is_idle());
    assert!(
        matches!(run(&mut machine, &mut host, "a", || 100), Outcome::Value(text) if text == "5")
    );
    let names: Vec<String> = machine
        .names()
        .iter()
        .map(|name| name.text().into_owned())
        .collect();
    assert_eq!(names, vec!["a"]);
}

#[test]
fn an_interrupt_ends_the_program_whatever_it_traps() {
    let mut machine = Machine::new(Config::default());
    machine.start(".[{o x};,1;{`caught}]", "").unwrap();
    assert_eq!(machine.run(10_000), Step::Budget);
    assert!(machine.start("1", "").is_err());
    assert_eq!(
        machine.interrupt().map(|error| error.class()),
        Some(Class::Interrupt)
    );
    assert!(machine.interrupt().is_none());
    machine.start("2", "").unwrap();
    assert!(matches!(
        machine.run(10),
        Step::Done(Value::Int(2), Shown::Yes)
    ));
}

#[test]
fn what_is_shown() {
    let mut machine = Machine::new(Config::default());
    for (source, shown) in [
        ("1", Shown::Yes),
        ("1;", Shown::No),
        ("", Shown::No),
        ("a:1", Shown::Yes),
        ("/ x", Shown::No),
    ] {
        machine.start(source, "").unwrap();
        assert!(
            matches!(machine.run(10), Step::Done(_, got) if got == shown),
            "{source}"
        );
    }
}

#[test]
fn json_is_read_here_and_written_by_the_host() {
    assert_eq!(value("1:\"[1,2.5]\""), "1 2.5");
    assert_eq!(value("(1:\"{\\\"a\\\":[1,2]}\")`a"), "1 2");
    assert_eq!(error("1:\"[1,\"").class(), Class::Domain);
    let mut machine = Machine::new(Config::default());
    machine.start("\"f.json\"1:1 2", "").unwrap();
    match machine.run(100) {
        Step::Effect(effect) => {
            assert_eq!(effect.name.text(), "0:");
            assert_eq!(
                form(&Value::from_items(effect.args)),
                "(\"f.json\"\n ,\"[1,2]\")"
            );
        }
        other => panic!("{other:?}"),
    }
}
