//! The requests `select` and `drop`, read from values.
//!
//! ``(`select;core;"address"[;options])``: the options are a dictionary of numbers (bytes, milliseconds,
//! connections); see [`crate::io::limits`] and [`crate::io::target`] for what is possible.

use crate::ids::SelectorId;
use crate::io::limits::SelectLimits;
use crate::io::select::SelectOrder;
use crate::io::target::Target;
use crate::refusal::Refusal;
use crate::request::{Args, Request};
use crate::request_value::items;
use okernel_abi::value::Value;

impl Args<'_> {
    pub(crate) fn select(&self) -> Result<Request, Refusal> {
        self.count(2, 3)?;
        let core = self.int(0, "a core")?;
        let address = self.text(1, "an address such as \"tcp://127.0.0.1:9000\"")?;
        let target = Target::parse(&address).map_err(|text| self.refuse(text))?;
        let mut limits = SelectLimits::default();
        match self.items.get(2) {
            None | Some(Value::Nil) => {}
            Some(Value::List(empty)) if empty.is_empty() => {}
            Some(Value::Dict(pair)) => {
                let (names, values) = (items(&pair.0), items(&pair.1));
                for (name, value) in names.iter().zip(&values) {
                    let Some(name) = name.as_text() else {
                        return Err(self.expected("a name for each option", name));
                    };
                    let number = value.as_int().and_then(|int| u64::try_from(int).ok());
                    let Some(number) = number else {
                        let what = format!("{name}: a number of 0 or more");
                        return Err(self.expected(&what, value));
                    };
                    limits
                        .set(&name, number)
                        .map_err(|text| self.refuse(text))?;
                }
            }
            Some(other) => return Err(self.expected("a dictionary of options", other)),
        }
        limits.check().map_err(|text| self.refuse(text))?;
        let creator = None;
        let order = SelectOrder {
            address,
            target,
            limits,
            creator,
        };
        Ok(Request::Select {
            core,
            order: Box::new(order),
        })
    }

    pub(crate) fn drop(&self) -> Result<Request, Refusal> {
        self.count(1, 1)?;
        // What `select` has answered may be given as it is.
        let number = match &self.items[0] {
            Value::Dict(pair) => {
                let (names, values) = (items(&pair.0), items(&pair.1));
                let at = names
                    .iter()
                    .position(|name| name.as_text().as_deref() == Some("id"));
                at.and_then(|at| values.get(at)?.as_int())
            }
            other => other.as_int(),
        };
        let id = number.and_then(SelectorId::from_number);
        id.map(Request::Drop)
            .ok_or_else(|| self.expected("a selector's number", &self.items[0]))
    }
}

#[cfg(test)]
mod tests {
    use crate::request::Request;
    use okernel_abi::value::Value;

    fn request(items: Vec<Value>) -> Result<Request, String> {
        Request::decode(&Value::List(items)).map_err(|refusal| refusal.text)
    }

    fn symbol(name: &str) -> Value {
        Value::Symbol(name.to_string())
    }

    fn options(name: &str, value: Value) -> Value {
        let names = Value::Symbols(vec![name.to_string()]);
        Value::Dict(Box::new((names, Value::List(vec![value]))))
    }

    #[test]
    fn options_are_read() {
        let address = Value::text("tcp://127.0.0.1:9000");
        let with = |option| {
            request(vec![
                symbol("select"),
                Value::Int(1),
                address.clone(),
                option,
            ])
        };
        match with(options("idle", Value::Int(250))) {
            Ok(Request::Select { core: 1, order }) => {
                assert_eq!(order.limits.idle.as_millis(), 250);
            }
            other => panic!("{other:?}"),
        }
        for (option, word) in [
            (options("idle", Value::Int(-1)), "idle: a number"),
            (options("colour", Value::Int(1)), "possible"),
            (options("in", Value::Int(4096)), "half of the ring"),
            (Value::Int(7), "a dictionary of options"),
        ] {
            let error = with(option).unwrap_err();
            assert!(
                error.starts_with("select: ") && error.contains(word),
                "{error}"
            );
        }
        let error = request(vec![symbol("select"), Value::Int(0), Value::text("x")]).unwrap_err();
        assert!(error.contains("x: an address such as"), "{error}");
        assert!(
            request(vec![symbol("select")])
                .unwrap_err()
                .contains("arguments")
        );
    }

    #[test]
    fn a_selector_is_dropped_by_number_or_by_what_select_answered() {
        for id in [Value::Int(3), options("id", Value::Int(3))] {
            match request(vec![symbol("drop"), id]) {
                Ok(Request::Drop(id)) => assert_eq!(id.number(), 3),
                other => panic!("{other:?}"),
            }
        }
        let error = request(vec![symbol("drop"), symbol("x")]).unwrap_err();
        assert!(error.contains("a selector's number"), "{error}");
    }
}
