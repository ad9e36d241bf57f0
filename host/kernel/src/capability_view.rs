//! The table of capabilities: who holds what, from whom, and what is left of it.

use crate::core::Shared;
use crate::derivation::{Capability, Standing, Thing};
use crate::meter::Gate;
use okernel_abi::layout::HandleKind;
use okernel_abi::value::{Moment, NULL, Value};
use std::sync::Arc;

fn int(number: Option<u64>) -> i64 {
    number.map_or(NULL, |number| i64::try_from(number).unwrap_or(i64::MAX))
}

/// What may be done with it: `write`, `read`, `append`, `use`.
fn right(thing: &Thing) -> &'static str {
    match thing {
        Thing::File(_, word) => word,
        other => match other.kind() {
            HandleKind::Publisher => "write",
            HandleKind::Subscriber => "read",
            _ => "use",
        },
    }
}

/// What it is a right to: the number of an end of a ring, the path of a file, or nothing.
fn object(thing: &Thing) -> Value {
    match thing {
        Thing::File(path, _) => Value::text(path),
        other => other
            .endpoint()
            .map_or(Value::Nil, |id| Value::Int(id.number())),
    }
}

/// Whether it can be used. An end of a ring that its holder has granted to somebody else is `passed`.
fn state(shared: &Shared, capability: &Capability) -> &'static str {
    let standing = capability.standing();
    if standing != Standing::Good {
        return standing.name();
    }
    let end = capability.thing.endpoint();
    let owner = end.and_then(|end| shared.directory.endpoint(end)?.owner);
    match (end, owner) {
        (Some(_), owner) if owner != Some(capability.holder) => "passed",
        _ => standing.name(),
    }
}

/// Capabilities: `task id name kind object right rate burst quota used left until from parent state`. Rate, burst,
/// quota and used are its own; left is what its quota and those of its ancestors leave, and until when the first
/// of them expires. From is the task that granted it, parent the capability that it was derived from.
pub(crate) fn table(shared: &Shared, all: &[Arc<Capability>]) -> Value {
    let ints = |figure: &dyn Fn(&Capability) -> i64| {
        Value::Ints(all.iter().map(|capability| figure(capability)).collect())
    };
    let symbols = |word: &dyn Fn(&Capability) -> String| {
        Value::Symbols(all.iter().map(|capability| word(capability)).collect())
    };
    let own = |figure: fn(&Gate) -> Option<u64>| {
        ints(&|capability| int(capability.gate.as_ref().and_then(figure)))
    };
    let (now_ns, utc_ns) = (shared.clock.now_ns(), shared.clock.utc_ns());
    let until = |capability: &Arc<Capability>| {
        let until_ns = capability.until_ns_first();
        int(until_ns.map(|until_ns| utc_ns.saturating_add(until_ns).saturating_sub(now_ns)))
    };
    Value::table(vec![
        ("task", ints(&|capability| capability.holder.number())),
        ("id", ints(&|capability| int(Some(capability.id)))),
        ("name", symbols(&|capability| capability.name.clone())),
        (
            "kind",
            symbols(&|capability| capability.thing.kind().name().to_string()),
        ),
        (
            "object",
            Value::List(all.iter().map(|other| object(&other.thing)).collect()),
        ),
        (
            "right",
            symbols(&|capability| right(&capability.thing).to_string()),
        ),
        ("rate", own(|gate| Some(gate.rate()?.per_second))),
        ("burst", own(|gate| Some(gate.rate()?.burst))),
        ("quota", own(Gate::quota)),
        ("used", own(|gate| Some(gate.used()))),
        ("left", ints(&|capability| int(capability.left()))),
        (
            "until",
            Value::Moments(Moment::Timestamp, all.iter().map(until).collect()),
        ),
        (
            "from",
            ints(&|capability| capability.granter.map_or(NULL, |task| task.number())),
        ),
        (
            "parent",
            ints(&|capability| int(capability.parent.as_ref().map(|parent| parent.id))),
        ),
        (
            "state",
            symbols(&|capability| state(shared, capability).to_string()),
        ),
    ])
}
