//! Laws of the language that hold for all values, tried on values of all kinds: what verbs do
//! together, and what leaves the language and comes back.

use crate::support::{Host, Outcome, run};
use okernel_abi::value::Writer;
use okernel_shell::encode::{decode, encode};
use okernel_shell::json;
use okernel_shell::machine::{Config, Machine};
use okernel_shell::value::{Dict, NULL, Table, Temporal, Value};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use std::rc::Rc;

fn ints() -> impl Strategy<Value = i64> {
    prop_oneof![
        -3..4i64,
        (any::<i64>(), 0..64u32).prop_map(|(x, shift)| x >> shift),
        Just(NULL)
    ]
}

fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-8..8i64).prop_map(|x| x as f64 * 0.25),
        any::<f64>(),
        Just(f64::INFINITY)
    ]
}

fn symbol() -> impl Strategy<Value = Value> {
    "[a-c .]{0,2}".prop_map(|text| Value::symbol(&text))
}

fn atoms() -> impl Strategy<Value = Value> {
    prop_oneof![
        ints().prop_map(Value::Int),
        floats().prop_map(Value::Float),
        any::<u8>().prop_map(Value::Char),
        symbol(),
    ]
}

/// Dates, timestamps or spans, with nulls among them but not alone: those are numbers.
fn temporals() -> impl Strategy<Value = Value> {
    let kinds = [Temporal::Date, Temporal::Timestamp, Temporal::Span];
    let count = prop_oneof![4 => -90_000..90_000i64, 1 => Just(NULL)];
    (0..kinds.len(), -9..9i64, vec(count, 0..20)).prop_map(move |(kind, first, mut counts)| {
        counts.insert(0, first);
        // Days are far apart beside nanoseconds.
        let scale = if kind == 0 { 1 } else { 86_399_999_999_999 };
        let scaled = counts.iter().map(|x| x.checked_mul(scale).unwrap_or(NULL));
        Value::from_temporals(kinds[kind], scaled.collect())
    })
}

/// Lists of all forms.
fn lists() -> impl Strategy<Value = Value> {
    let flat = prop_oneof![
        vec(ints(), 0..40).prop_map(Value::from_ints),
        vec(floats(), 0..20).prop_map(Value::from_floats),
        vec(any::<u8>(), 0..20).prop_map(Value::from_chars),
        vec(symbol(), 0..20).prop_map(Value::from_items),
        vec(atoms(), 0..10).prop_map(Value::from_items),
        vec(-2..3i64, 200..600).prop_map(Value::from_ints),
        temporals(),
    ];
    flat.prop_recursive(3, 60, 6, move |inner| {
        let item = prop_oneof![inner, atoms()];
        vec(item, 0..6).prop_map(Value::from_items)
    })
}

/// Lists, dictionaries and tables.
fn values() -> impl Strategy<Value = Value> {
    let dict = lists().prop_map(|keys| {
        let keys = holds(keys, "?v");
        let values = keys.items().rev().collect::<Vec<Value>>();
        Value::dict(Dict::new(keys, Value::from_items(values)).unwrap())
    });
    let table = vec(ints(), 1..8).prop_map(|column| {
        let names = ["a", "b c"].map(okernel_shell::symbol::Symbol::new);
        let columns = vec![Value::from_ints(column.clone()), Value::from_ints(column)];
        Value::table(Table::new(Rc::new(names.to_vec()), columns).unwrap())
    });
    prop_oneof![4 => lists(), 1 => atoms(), 1 => dict, 1 => table]
}

/// What an expression gives where `v` is the value.
fn evaluate(value: &Value, source: &str) -> Outcome {
    let mut machine = Machine::new(Config::default());
    machine.define("v", value.clone());
    run(&mut machine, &mut Host::default(), source, || 100_000)
}

/// The value that an expression gives where `v` is the value.
fn holds(value: Value, source: &str) -> Value {
    let mut machine = Machine::new(Config::default());
    machine.define("v", value);
    match run(
        &mut machine,
        &mut Host::default(),
        &format!("r:{source}"),
        || 100_000,
    ) {
        Outcome::Value(_) => machine.value_of("r").cloned().unwrap_or_default(),
        Outcome::Error(error) => panic!("{source}: {error}"),
    }
}

#[track_caller]
fn law(value: &Value, source: &str) {
    match evaluate(value, source) {
        Outcome::Value(text) => assert_eq!(text, "1", "{source} where v is {value:?}"),
        Outcome::Error(error) => panic!("{error}: {source} where v is {value:?}"),
    }
}

proptest! {
    #[test]
    fn display_then_read_gives_the_value(value in values()) {
        law(&value, "v~.5:v");
    }

    #[test]
    fn reversing_twice_gives_the_value_back(value in values()) {
        law(&value, "v~||v");
        law(&value, "(#v)=#|v");
    }

    #[test]
    fn what_is_taken_and_what_is_dropped_make_the_list(list in lists(), part in 0..40usize) {
        let count = part % (list.len() + 1);
        for source in [
            format!("v~({count}#v),{count}_v"),
            format!("v~((-{count})_v),(-{count})#v"),
            format!("{count}=#{count}#v"),
            format!("((#v)-{count})=#{count}_v"),
        ] {
            law(&list, &source);
        }
    }

    #[test]
    fn grades_sort_and_keep_equal_items_in_order(list in lists()) {
        // Positions of equal items ascend in both directions, and the two are each other's reverse
        // but for those.
        law(&list, "(!#v)~(<v)@<<v");
        law(&list, "(<v@<v)~!#v");
        law(&list, "(>v@>v)~!#v");
        law(&list, "(v@<v)~|v@>v");
    }

    #[test]
    fn groups_are_where_the_items_are(list in lists()) {
        law(&list, "(!=v)~?v");
        law(&list, "(!#v)~a@<a:,/.=v");
        law(&list, "$[#v;(,/.=v)~,/{&v~\\:x}'?v;1]");
        law(&list, "$[#v;v~(?v)@(?v)?v;1]");
        law(&list, "1~&/1,v in v");
        law(&list, "()~v^v");
    }

    #[test]
    fn encoded_values_come_back(value in values()) {
        let mut writer = Writer::new();
        encode(&value, &mut writer);
        let bytes = writer.into_bytes();
        assert_eq!(decode(&bytes).unwrap(), value);
        // Whatever is missing or changed, it is refused or it is a value.
        for end in 0..bytes.len().min(64) {
            assert!(decode(&bytes[..end]).is_err());
        }
        for at in 0..bytes.len().min(64) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x81;
            drop(decode(&bytes));
        }
    }

    #[test]
    fn json_comes_back(numbers in vec(-1e9..1e9f64, 0..9), text in "\\PC{2,9}", name in "[a-z]{1,5}") {
        let inner = Value::from_items(vec![Value::from_floats(numbers), Value::string(&text)]);
        let keys = Value::from_items(vec![Value::symbol(&name), Value::symbol("!")]);
        let entries = Value::from_items(vec![inner.clone(), Value::Int(NULL)]);
        let value = Value::dict(Dict::new(keys, entries).unwrap());
        for value in [inner, value] {
            let text = json::write(&value).unwrap();
            assert_eq!(json::parse(&Value::from_chars(text)).unwrap(), value);
        }
    }

    #[test]
    fn amends_do_what_a_loop_does(
        items in vec(ints(), 1..20),
        places in vec(0..20usize, 0..12),
        operands in vec(ints(), 12),
        verb in 0..4usize,
    ) {
        let places: Vec<usize> = places.iter().map(|place| place % items.len()).collect();
        let operands = &operands[..places.len()];
        let mut model: Vec<Value> = items.iter().map(|x| Value::Int(*x)).collect();
        let glyph = [":", "+", "&", "-"][verb];
        for (place, operand) in places.iter().zip(operands) {
            let mut machine = Machine::new(Config::default());
            machine.define("x", model[*place].clone());
            machine.define("y", Value::Int(*operand));
            let source = if verb == 0 { "r:y".to_owned() } else { format!("r:x{glyph}y") };
            run(&mut machine, &mut Host::default(), &source, || 1000);
            model[*place] = machine.value_of("r").cloned().unwrap();
        }
        let mut machine = Machine::new(Config::default());
        machine.define("v", Value::from_ints(items));
        machine.define("i", Value::from_items(places.iter().map(|place| Value::count(*place)).collect()));
        machine.define("y", Value::from_ints(operands.to_vec()));
        let assigned = if verb == 0 { ":" } else { &format!("{glyph}:") };
        let source = format!("w:v;w[i]{assigned}y;a:@[v;i;{glyph};y]");
        match run(&mut machine, &mut Host::default(), &source, || 10_000) {
            Outcome::Value(_) => {}
            Outcome::Error(error) => panic!("{error}: {source}"),
        }
        let model: Value = model.into_iter().collect();
        assert_eq!(machine.value_of("a"), Some(&model));
        assert_eq!(machine.value_of("w"), Some(&model));
    }
}
