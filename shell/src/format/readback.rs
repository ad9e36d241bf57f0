//! Tests: what is displayed is read back as the same value.

use super::{Breaks, Layout, form, form_with};
use crate::machine::{Config, Machine, Step};
use crate::symbol::Symbol;
use crate::value::{Dict, NULL, Table, Temporal, Value};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use std::rc::Rc;

/// The value of a program without effects.
fn evaluate(source: &str) -> Value {
    let mut machine = Machine::new(Config::default());
    machine
        .start(source, "")
        .unwrap_or_else(|error| panic!("{source}: {error}"));
    loop {
        match machine.run(1_000_000) {
            Step::Done(value, _) => return value,
            Step::Failed(error) => panic!("{source}: {error}"),
            Step::Effect(_) => panic!("{source}: an effect"),
            Step::Budget => {}
        }
    }
}

fn numbers() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Int),
        (-9i64..9).prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        (-99i64..99).prop_map(|x| Value::Float(x as f64 / 8.0)),
        Just(Value::Int(NULL)),
        Just(Value::Float(f64::NEG_INFINITY)),
    ]
}

fn moments() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(|count| Value::temporal(Temporal::Timestamp, count)),
        any::<i64>().prop_map(|count| Value::temporal(Temporal::Span, count)),
        any::<i32>().prop_map(|count| Value::temporal(Temporal::Span, i64::from(count))),
        (-700_000..2_000_000i64).prop_map(|count| Value::temporal(Temporal::Date, count)),
        Just(Value::Int(NULL)),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        numbers(),
        moments(),
        proptest::collection::vec(moments(), 0..4).prop_map(Value::from_items),
        any::<u8>().prop_map(Value::Char),
        "[a-zA-Z]{1,4}".prop_map(|text| Value::symbol(&text)),
        "\\PC{0,4}".prop_map(|text| Value::symbol(&text)),
        any::<Vec<u8>>().prop_map(Value::from_chars),
        "\\PC{0,9}".prop_map(|text| Value::string(&text)),
        proptest::collection::vec(numbers(), 0..6).prop_map(Value::from_items),
        proptest::collection::vec("[a-z ]{0,3}", 0..5)
            .prop_map(|texts| texts.iter().map(|text| Value::symbol(text)).collect()),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let list = proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from_items);
        let named = proptest::collection::vec(("[a-z][a-z0-9]{0,3}", inner.clone()), 1..4);
        let dict = named.prop_map(|entries| {
            let (names, values): (Vec<String>, Vec<Value>) = entries.into_iter().unzip();
            let names = names.iter().map(|name| Symbol::new(name)).collect();
            let dict = Dict::new(Value::from_symbols(names), Value::from_items(values));
            Value::dict(dict.unwrap())
        });
        let keyed = (list.clone(), inner).prop_map(|(keys, value)| {
            let values = Value::repeat(value, keys.len()).unwrap();
            Value::dict(Dict::new(keys, values).unwrap())
        });
        prop_oneof![list, dict, keyed]
    })
}

/// Two keys of one name make one entry when they are read, so such a value is not its text's.
fn has_double_names(value: &Value) -> bool {
    match value {
        Value::Dict(dict) => {
            let names: Vec<Value> = dict.keys().items().collect();
            let double = names
                .iter()
                .enumerate()
                .any(|(at, name)| names[..at].contains(name));
            double || has_double_names(dict.keys()) || has_double_names(dict.values())
        }
        Value::List(items) => items.iter().any(has_double_names),
        _ => false,
    }
}

proptest! {
    #[test]
    fn every_form_is_read_back(value in values()) {
        if !has_double_names(&value) {
            let text = form(&value);
            let back = evaluate(&text);
            assert_eq!(back, value, "{text}");
            assert_eq!(form(&back), text);
            let line = Layout { breaks: Breaks::Semicolons, ..Layout::default() };
            assert_eq!(evaluate(&form_with(&value, &line).text), value);
        }
    }
}

#[test]
fn functions_and_tables_are_read_back() {
    let names = Rc::new(vec![Symbol::new("a"), Symbol::new("b")]);
    let columns = vec![Value::from_ints(vec![1, 2]), Value::string("xy")];
    let table = Value::table(Table::new(names, columns).unwrap());
    assert_eq!(evaluate(&form(&table)), table);
    let odd = Rc::new(vec![Symbol::new("a b")]);
    let table = Value::table(Table::new(odd, vec![Value::from_ints(vec![1])]).unwrap());
    assert_eq!(evaluate(&form(&table)), table);
    for source in [
        "{x+y}",
        "{x+y}[;2]",
        "(+)",
        "(+/)",
        "#:",
        "(2+)",
        "(*|:)",
        "(#|)",
        "+[2;]",
        "{x}'",
        "(10\\)",
        "(\",\"/)",
        "((2+)')",
        "(<(>))",
        "sin",
        "(+/')",
        "({x}/:)",
    ] {
        let text = form(&evaluate(source));
        assert_eq!(form(&evaluate(&text)), text, "{source}");
    }
}

#[test]
fn a_lambda_that_begins_with_a_number_is_read_back_as_the_same() {
    for (source, shown) in [
        ("{-1+x}", "{[x] -1+x}"),
        ("{.5+x}", "{[x] .5+x}"),
        ("{-x}", "{[x] -x}"),
        ("{-1 2+x}", "{[x] -1 2+x}"),
        ("{[x]-1+x}", "{[x]-1+x}"),
        ("{[x] -1+x}", "{[x] -1+x}"),
        ("{.0x}", "{[x] .0x}"),
    ] {
        let text = form(&evaluate(source));
        assert_eq!(text, shown);
        assert_eq!(form(&evaluate(&text)), text);
        if !source.contains(".0x") {
            let (first, again) = (format!("{source}5"), format!("{text}5"));
            assert_eq!(evaluate(&first), evaluate(&again), "{source}");
        }
    }
}
