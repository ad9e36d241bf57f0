//! Tests of [`super`]: every way to write a grant, and every way to write it wrong.

use crate::attenuation::{Attenuation, Rate, Until};
use crate::ids::{EndpointId, TaskId};
use crate::request::{Cut, Reach, Request, Wanted};
use okernel_abi::value::{Moment, Value};
use okernel_ring::Policy;

fn sym(name: &str) -> Value {
    Value::Symbol(name.to_string())
}

fn list<const N: usize>(items: [Value; N]) -> Value {
    Value::List(items.into())
}

fn dict<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    let names = pairs.iter().map(|pair| pair.0.to_string()).collect();
    let values = pairs.into_iter().map(|pair| pair.1).collect();
    Value::Dict(Box::new((Value::Symbols(names), Value::List(values))))
}

fn decode(grant: Value) -> Result<Wanted, String> {
    let request = list([sym("spawn"), Value::Int(0), sym("m"), dict([("g", grant)])]);
    match Request::decode(&request) {
        Ok(Request::Spawn(order)) => Ok(order.grants[0].1.clone()),
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal.text),
    }
}

fn limited<const N: usize>(limits: [(&str, Value); N]) -> Result<Wanted, String> {
    decode(list([sym("limit"), Value::Int(3), dict(limits)]))
}

#[test]
fn grants_are_cut_down_in_one_dictionary() {
    let whole = Box::new(Wanted::Endpoint(EndpointId::from_number(3).unwrap()));
    let all = limited([
        ("access", sym("read")),
        ("policy", sym("lap")),
        ("rate", Value::Int(1000)),
        ("burst", Value::Float(64.0)),
        ("quota", Value::Int(1)),
        ("until", Value::Moment(Moment::Span, 7)),
    ]);
    let attenuation = Attenuation {
        rate: Some(Rate {
            per_second: 1000,
            burst: 64,
        }),
        quota: Some(1),
        until: Some(Until::Span(7)),
    };
    let cut = Cut {
        attenuation,
        reach: Reach::ReadOnly,
        policy: Policy::Lap,
    };
    assert_eq!(all, Ok(Wanted::Limited(whole.clone(), cut)));
    let some = limited([
        ("rate", Value::Int(5)),
        ("until", Value::Moment(Moment::Timestamp, 9)),
    ]);
    let cut = Cut {
        attenuation: Attenuation {
            rate: Some(Rate::per_second(5)),
            quota: None,
            until: Some(Until::Moment(9)),
        },
        reach: Reach::Whole,
        policy: Policy::Block,
    };
    assert_eq!(some, Ok(Wanted::Limited(whole, cut)));
    assert_eq!(
        decode(list([sym("own"), sym("in")])),
        Ok(Wanted::Own("in".to_string()))
    );
    let own = list([sym("limit"), list([sym("own"), sym("in")]), dict([])]);
    assert!(
        matches!(decode(own), Ok(Wanted::Limited(inner, _)) if *inner == Wanted::Own("in".into()))
    );
}

#[test]
fn what_is_wrong_with_a_limit_is_said() {
    let cases = [
        (
            limited([("rate", Value::Int(0))]),
            "g: rate: a number of 1 or more is expected, 0 was given",
        ),
        (
            limited([("quota", sym("all"))]),
            "g: quota: a number of 1 or more is expected, `all was given",
        ),
        (
            limited([("burst", Value::Int(1))]),
            "g: a burst needs a rate",
        ),
        (
            limited([("policy", sym("lap"))]),
            "g: a policy needs access:`read",
        ),
        (
            limited([("access", sym("write"))]),
            "g: access: `read is expected, `write was given",
        ),
        (
            limited([("until", Value::Int(5))]),
            "g: until: a timestamp, or a span",
        ),
        (
            limited([("until", Value::Moment(Moment::Span, -5))]),
            "g: until: a timestamp, or a span",
        ),
        (
            limited([("until", Value::Moment(Moment::Date, 5))]),
            "a date was given",
        ),
        (
            limited([("speed", Value::Int(5))]),
            "limits are access, policy, rate, burst, quota and until, `speed was given",
        ),
        (
            decode(list([sym("limit"), Value::Int(3), Value::Int(4)])),
            "g: a dictionary of limits is expected, 4 was given",
        ),
        (
            decode(list([sym("limit"), Value::Int(3)])),
            "or limit[..] of one of these is expected",
        ),
        (
            decode(list([
                sym("limit"),
                list([sym("limit"), Value::Int(3), dict([])]),
                dict([]),
            ])),
            "g: limits are written in one dictionary",
        ),
    ];
    for (found, wanted) in cases {
        let text = found.unwrap_err();
        assert!(text.starts_with("spawn: "), "{text}");
        assert!(text.contains(wanted), "{text:?} does not say {wanted:?}");
    }
}

#[test]
fn revoke_and_caps_are_read() {
    let task = TaskId::from_number(4).unwrap();
    let decode = |request| Request::decode(&request).map_err(|refusal| refusal.text);
    let revoke = |name: Option<&str>| {
        Ok(Request::Revoke {
            task,
            name: name.map(str::to_string),
        })
    };
    assert_eq!(
        decode(list([sym("revoke"), Value::Int(4), sym("in")])),
        revoke(Some("in"))
    );
    assert_eq!(decode(list([sym("revoke"), Value::Int(4)])), revoke(None));
    assert_eq!(decode(sym("caps")), Ok(Request::Caps(None)));
    assert_eq!(
        decode(list([sym("caps"), Value::Nil])),
        Ok(Request::Caps(None))
    );
    assert_eq!(
        decode(list([sym("caps"), Value::Int(4)])),
        Ok(Request::Caps(Some(task)))
    );
    for (request, wanted) in [
        (
            list([sym("revoke"), sym("in")]),
            "revoke: a task's number is expected, `in was given",
        ),
        (
            list([sym("revoke"), Value::Int(4), Value::Int(3)]),
            "revoke: the name of a grant is expected, 3 was given",
        ),
        (
            sym("revoke"),
            "revoke: 1 to 2 arguments are expected, 0 were given",
        ),
        (
            list([sym("caps"), sym("in")]),
            "caps: a task's number is expected, `in was given",
        ),
    ] {
        assert_eq!(decode(request).unwrap_err(), wanted);
    }
}
