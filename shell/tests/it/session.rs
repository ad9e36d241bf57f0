//! The session against a host of the test's own: lines, errors, effects that wait, output that is
//! taken piece by piece.

use okernel_abi::layout::{CANCEL_INPUT, END_OF_INPUT, OutcomeForm, REPORTED_INPUT};
use okernel_abi::value::Value as Plain;
use okernel_shell::effect::Effect;
use okernel_shell::error::{Class, Error};
use okernel_shell::machine::{Config, Machine};
use okernel_shell::session::{Executed, Host, Progress, Session, Stream, Taken, Turn};
use okernel_shell::value::Value;

/// Takes a few bytes at a time, and lets each effect wait once.
#[derive(Default)]
struct Fake {
    out: String,
    errors: String,
    executed: Vec<Executed>,
    asked: Vec<String>,
    answer: Option<Result<Value, Error>>,
    now_ns: u64,
    /// Set by a test to interrupt the input that runs.
    interrupted: bool,
    abandoned: usize,
    /// Answers `poll` at once.
    polls: usize,
    outcomes: Vec<(Executed, Plain)>,
}

impl Host for Fake {
    fn begin(&mut self, effect: &Effect) -> Progress {
        if &*effect.name.text() == "poll" {
            self.polls += 1;
            return Progress::Done(Ok(Value::Nil));
        }
        self.asked.push(effect.name.text().to_string());
        self.answer = Some(match &*effect.name.text() {
            "read" => match effect.args[0].as_text().as_deref() {
                Some(b"first.ok") => Ok(Value::string(
                    "print 1\n\\l some.ok\nprint b\n\\p 3\nprint 1%3\n\\l lost.ok\nprint 4",
                )),
                Some(b"lost.ok") => Err(Error::new(Class::Io, "lost.ok is not there")),
                Some(b"self.ok") => Ok(Value::string("\\l self.ok")),
                Some(b"left.ok") => Ok(Value::string("print 1\n\\\\\nprint 2")),
                _ => Ok(Value::string("a:40\nprint a\nb:a+2")),
            },
            "rcv" => Ok(Value::Int(7)),
            name => Err(Error::new(Class::Io, format!("{name}: not here"))),
        });
        Progress::Waiting
    }

    fn proceed(&mut self) -> Progress {
        self.answer.take().map_or(Progress::Waiting, Progress::Done)
    }

    fn write(&mut self, stream: Stream, text: &[u8], from: usize) -> Taken {
        let to = text.len().min(from + 5);
        let piece = std::str::from_utf8(&text[from..to]).unwrap();
        match stream {
            Stream::Out => self.out.push_str(piece),
            Stream::Errors => self.errors.push_str(piece),
        }
        if to == text.len() {
            Taken::All
        } else {
            Taken::Until(to)
        }
    }

    fn now_ns(&mut self) -> Option<u64> {
        self.now_ns += 2_000_000;
        Some(self.now_ns)
    }

    fn executed(&mut self, executed: Executed) {
        self.executed.push(executed);
        self.interrupted = false;
    }

    fn is_interrupted(&mut self) -> bool {
        self.interrupted
    }

    fn abandon(&mut self) {
        self.abandoned += 1;
        self.answer = None;
    }

    fn reported(&mut self, executed: Executed, outcome: &[u8]) {
        let outcome = Plain::decode(outcome).unwrap();
        self.outcomes.push((executed, outcome));
    }
}

/// Runs a session over `inputs` until there is nothing left to do.
fn run(inputs: &[&[u8]]) -> Fake {
    let mut session = Session::new(Machine::new(Config::default()), "stdin");
    let mut host = Fake::default();
    for input in inputs {
        session.input(input);
    }
    let mut turns = 0;
    while session.turn(&mut host) == Turn::Busy || !session.is_idle() {
        turns += 1;
        assert!(turns < 10_000, "the session does not come to rest");
    }
    host
}

#[test]
fn values_are_shown_and_a_mistake_does_not_end_the_session() {
    let host = run(&[b"1+2", b"1+`a", b"a:5;", b"a*2"]);
    assert_eq!(host.out, "3\n10\n");
    assert!(host.errors.contains("stdin:2"), "{}", host.errors);
    let expected = [
        Executed::Done,
        Executed::Failed,
        Executed::Done,
        Executed::Done,
    ];
    assert_eq!(host.executed, expected);
}

#[test]
fn an_input_goes_on_until_it_is_whole() {
    let host = run(&[b"f:{", b" x*x", b" };", b"f 7"]);
    assert_eq!(host.out, "49\n");
    let expected = [
        Executed::Incomplete,
        Executed::Incomplete,
        Executed::Done,
        Executed::Done,
    ];
    assert_eq!(host.executed, expected);
}

#[test]
fn the_end_of_input_makes_an_error_of_what_is_missing() {
    let host = run(&[b"f:{x", &[END_OF_INPUT]]);
    assert_eq!(host.executed, [Executed::Incomplete, Executed::Failed]);
    assert!(host.errors.starts_with("parse"), "{}", host.errors);
}

#[test]
fn a_program_waits_for_its_effects() {
    let host = run(&[b"1+rcv 3", b"snd[1;2]"]);
    assert_eq!(
        (host.out.as_str(), host.asked.as_slice()),
        ("8\n", &["rcv".to_string(), "snd".to_string()][..])
    );
    assert!(
        host.errors.starts_with("io: snd: not here"),
        "{}",
        host.errors
    );
}

#[test]
fn a_script_prints_but_does_not_echo() {
    let host = run(&[b"\\l some.ok", b"b"]);
    assert_eq!(host.out, "40\n42\n");
    assert_eq!(host.executed, [Executed::Done, Executed::Done]);
}

#[test]
fn a_script_has_commands_and_loads_others() {
    let host = run(&[b"\\l first.ok", b"b"]);
    assert_eq!(host.out, "1\n40\n42\n0.333\n42\n");
    let words = "io: lost.ok is not there\n first.ok:6: \\l lost.ok\n";
    assert!(host.errors.starts_with(words), "{}", host.errors);
    assert_eq!(host.executed, [Executed::Failed, Executed::Done]);
    let host = run(&[b"\\l self.ok", b"1"]);
    assert!(host.errors.starts_with("limit: "), "{}", host.errors);
    assert_eq!(host.out, "1\n");
    let host = run(&[b"\\l left.ok"]);
    assert_eq!(host.out, "1\n");
    assert_eq!(host.asked, ["read", "halt"]);
}

#[test]
fn commands_and_their_mistakes() {
    let host = run(&[b"\\t 1+1", b"\\p 3", b"1%3", b"\\nosuch", b"x1:1;", b"\\v"]);
    assert!(host.out.starts_with("2\n2 ms\n0.333\n"), "{}", host.out);
    assert!(host.out.ends_with("x1\n"), "{}", host.out);
    assert!(host.errors.contains("\\nosuch"), "{}", host.errors);
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let host = run(&[b"\"\xff\"", b"1"]);
    assert_eq!(host.out, "1\n");
    assert!(host.errors.contains("UTF-8"), "{}", host.errors);
}

/// A session that has computed for some turns.
fn begun(input: &str, turns: usize) -> (Session, Fake) {
    let mut session = Session::new(Machine::new(Config::default()), "stdin");
    let mut host = Fake::default();
    session.input(input.as_bytes());
    for _ in 0..turns {
        let _ = session.turn(&mut host);
    }
    (session, host)
}

/// Interrupts and lets the session come to rest.
fn interrupt(session: &mut Session, host: &mut Fake) {
    host.interrupted = true;
    let mut turns = 0;
    while session.turn(host) == Turn::Busy || !session.is_idle() {
        turns += 1;
        assert!(turns < 1000, "an interrupt was lost");
    }
}

#[test]
fn an_interrupt_ends_the_evaluation_and_the_session_goes_on() {
    let source = "a:1;f:{1+{x+1}/x};.[f;,0;{`caught}]";
    let (mut session, mut host) = begun(source, 3);
    interrupt(&mut session, &mut host);
    assert_eq!(host.executed, [Executed::Failed]);
    assert!(host.errors.starts_with("interrupt: "), "{}", host.errors);
    assert!(host.errors.contains("in f"), "{}", host.errors);
    session.input(b"a+1");
    while session.turn(&mut host) == Turn::Busy || !session.is_idle() {}
    assert_eq!(host.out, "2\n");
}

#[test]
fn an_interrupt_ends_the_wait_for_an_effect() {
    for input in ["1+rcv 3", "\\l some.ok"] {
        let (mut session, mut host) = begun(input, 0);
        host.answer = None;
        session.input(b"`next");
        // The effect is begun, and its answer is held back.
        assert_eq!(session.turn(&mut Held(&mut host)), Turn::Waiting);
        interrupt(&mut session, &mut host);
        assert_eq!((host.abandoned, host.out.as_str()), (1, "`next\n"));
        assert_eq!(host.executed, [Executed::Failed, Executed::Done]);
    }
}

/// A host whose effects have no answer yet.
struct Held<'a>(&'a mut Fake);

impl Host for Held<'_> {
    fn begin(&mut self, effect: &Effect) -> Progress {
        self.0.begin(effect)
    }

    fn proceed(&mut self) -> Progress {
        Progress::Waiting
    }

    fn write(&mut self, stream: Stream, text: &[u8], from: usize) -> Taken {
        self.0.write(stream, text, from)
    }

    fn now_ns(&mut self) -> Option<u64> {
        None
    }

    fn executed(&mut self, executed: Executed) {
        self.0.executed(executed);
    }
}

#[test]
fn an_interrupt_drops_what_was_not_printed_yet() {
    let (mut session, mut host) = begun("print 1000#\"x\";1", 3);
    interrupt(&mut session, &mut host);
    assert!(host.out.len() < 100, "{}", host.out);
    assert!(host.out.ends_with("x\n"), "{}", host.out);
    assert_eq!(host.executed, [Executed::Failed]);
}

#[test]
fn an_interrupt_before_the_input_has_begun_ends_that_input() {
    let (mut session, mut host) = begun("print 1", 0);
    interrupt(&mut session, &mut host);
    assert_eq!(
        (host.out.as_str(), &host.executed[..]),
        ("", &[Executed::Failed][..])
    );
}

#[test]
fn effects_that_are_answered_at_once_do_not_make_a_turn_endless() {
    let (mut session, mut host) = begun("{poll 0;x+1}/0", 1);
    let first = host.polls;
    assert!((10..10_000).contains(&first), "{first}");
    assert_eq!(session.turn(&mut host), Turn::Busy);
    assert!(host.polls > first);
}

#[test]
fn an_input_that_is_not_whole_can_be_forgotten() {
    let host = run(&[b"f:{", &[CANCEL_INPUT], b"2+2"]);
    assert_eq!((host.out.as_str(), host.errors.as_str()), ("4\n", ""));
    let expected = [Executed::Incomplete, Executed::Done, Executed::Done];
    assert_eq!(host.executed, expected);
}

#[test]
fn a_session_goes_on_in_another_one() {
    // Computing, waiting for an effect, printing, and with inputs that wait.
    for (input, turns, out) in [
        ("a:{x+1}/[100000;0];a", 1, "100000\n2\n"),
        ("1+rcv 3", 1, "8\n2\n"),
        ("print \"some long text\";3", 1, "some long text\n3\n2\n"),
        ("{1+1}", 0, "{1+1}\n2\n"),
        ("(1;\n", 1, "1 2\n"),
    ] {
        let (mut session, mut host) = begun(input, turns);
        session.input(if input.starts_with("(1") { b"2)" } else { b"2" });
        // The host has been asked once; the other one will be asked again.
        host.answer = None;
        let bytes = session.save().unwrap();
        let mut session = Session::restore(&bytes, Config::default()).unwrap();
        assert_eq!(session.save().unwrap().len(), bytes.len(), "{input}");
        let mut turns = 0;
        while session.turn(&mut host) == Turn::Busy || !session.is_idle() {
            turns += 1;
            assert!(turns < 10_000, "{input}: the session does not come to rest");
        }
        assert_eq!(
            (host.out.as_str(), host.errors.as_str()),
            (out, ""),
            "{input}"
        );
        for length in 0..bytes.len() {
            assert!(Session::restore(&bytes[..length], Config::default()).is_err());
        }
    }
}

#[test]
fn a_session_whose_command_is_under_way_is_not_saved() {
    let (mut session, mut host) = begun("\\l some.ok", 0);
    assert_eq!(session.turn(&mut Held(&mut host)), Turn::Waiting);
    let error = session.save().unwrap_err();
    assert!(error.to_string().contains("try again"), "{error}");
}

/// An input whose outcome is to be reported.
fn reported(form: OutcomeForm, text: &str) -> Vec<u8> {
    [&[REPORTED_INPUT, form as u8], text.as_bytes()].concat()
}

#[test]
fn an_outcome_is_reported_and_not_printed() {
    let host = run(&[
        &reported(OutcomeForm::Text, "1+2"),
        &reported(OutcomeForm::Value, "a:!3"),
        &reported(OutcomeForm::Value, "a:7;"),
        &reported(OutcomeForm::Text, "f:{x+1"),
        &reported(OutcomeForm::Text, "};"),
        &reported(OutcomeForm::Text, "print a"),
        b"f a",
    ]);
    let outcomes: Vec<_> = host.outcomes.into_iter().collect();
    assert_eq!(
        outcomes,
        [
            (Executed::Done, Plain::text("3\n")),
            (Executed::Done, Plain::Ints(vec![0, 1, 2])),
            (Executed::Done, Plain::Nil),
            (Executed::Incomplete, Plain::Nil),
            (Executed::Done, Plain::text("")),
            (Executed::Done, Plain::text("7\n")),
        ]
    );
    assert_eq!((host.out.as_str(), host.errors.as_str()), ("7\n8\n", ""));
    assert_eq!(host.executed, [Executed::Done]);
}

#[test]
fn a_reported_error_has_its_place_and_its_calls() {
    let host = run(&[b"f:{1+`a}", &reported(OutcomeForm::Value, "2;\n f 1")]);
    assert_eq!(host.errors, "");
    let (executed, Plain::Dict(pair)) = &host.outcomes[0] else {
        panic!("{:?}", host.outcomes);
    };
    assert_eq!(*executed, Executed::Failed);
    let (Plain::Symbols(names), Plain::List(values)) = &**pair else {
        panic!("{pair:?}");
    };
    let of = |name: &str| &values[names.iter().position(|known| known == name).unwrap()];
    assert_eq!(of("class"), &Plain::text("type"));
    assert_eq!(of("source"), &Plain::text("f:{1+`a}"));
    assert_eq!((of("line"), of("column")), (&Plain::Int(1), &Plain::Int(5)));
    let text = of("text").as_text().unwrap();
    assert!(text.contains("\n in f (stdin:1): "), "{text}");
    let Plain::List(calls) = of("stack") else {
        panic!("{:?}", of("stack"));
    };
    assert_eq!(calls.len(), 1);
}

#[test]
fn help_prints_the_page_of_a_verb_or_a_name() {
    let host = run(&[b"help`print", b"help\"+\""]);
    assert!(host.out.contains("print x"), "{}", host.out);
    assert!(host.out.contains("flip"), "{}", host.out);
    assert_eq!(host.errors, "");
}

#[test]
fn help_by_itself_is_the_overview() {
    let host = run(&[b"help", b"f:help;f", b"(help;1)"]);
    let overview = okernel_shell::help::help("");
    assert_eq!(host.out, format!("{overview}\n{overview}\n(help;1)\n"));
}

#[test]
fn a_session_that_nobody_reads_along_shows_values_whole() {
    let mut session = Session::new(Machine::new(Config::default()), "");
    let mut host = Fake::default();
    session.show_whole();
    session.input(b"!10000");
    while session.turn(&mut host) == Turn::Busy || !session.is_idle() {}
    assert!(host.out.ends_with(" 9998 9999\n"));
}

#[test]
fn effects_say_what_they_take() {
    for (input, text) in [
        (
            &b"snd 1"[..],
            "rank: snd takes 2 arguments, not 1: snd[ring;x]\n",
        ),
        (
            b"rcv[]",
            "rank: rcv takes 1 to 2 arguments, not 0: rcv reader\n",
        ),
        (
            b"poll[1;2]",
            "rank: poll takes one argument, not 2: poll reader\n",
        ),
        (b"now 1", "rank: now takes no arguments, not 1: now[]\n"),
    ] {
        let host = run(&[input]);
        assert!(host.errors.starts_with(text), "{}", host.errors);
        assert!(host.asked.is_empty());
    }
}

#[test]
fn newcomers_get_a_hint() {
    for (input, hint) in [
        (
            &b"x = 5"[..],
            "name: x has no value: x:.. assigns, = compares\n",
        ),
        (b"exit", "name: exit has no value: \\\\ leaves\n"),
        (b"sum 1 2", "name: sum has no value: +/x\n"),
        (b"nosuch", "name: nosuch has no value\n"),
        (
            b"'abc'",
            "parse: ' needs a verb or noun before it; strings stand in \"\n",
        ),
    ] {
        let host = run(&[input]);
        assert!(host.errors.starts_with(hint), "{}", host.errors);
    }
    let host = run(&[b"sum:{+/x}", b"sum 1 2"]);
    assert_eq!(host.out, "{[x]+/x}\n3\n");
}

#[test]
fn a_function_of_many_lines_is_named_by_its_first() {
    let host = run(&[b"f:{[a;b]\n c:a+b\n c}", b"f[1;2;3]"]);
    let text = "rank: {[a;b] .. takes 2 arguments, not 3\n";
    assert!(host.errors.starts_with(text), "{}", host.errors);
}
