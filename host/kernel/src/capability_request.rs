//! One grant in a request, whole or cut down, and the requests about grants: `revoke` and `caps`.
//!
//! A grant is cut down by ``(`limit;grant;[..])``, whose dictionary may have
//!
//! | name | value |
//! |---|---|
//! | `access` | `` `read``: only reading is left; of a publisher's right, a reader of its ring made for the task |
//! | `policy` | the policy of that reader: `` `block`` (as without it), `` `lap``, `` `kick`` |
//! | `rate` | units per second: bytes for rings, files and the console, uses for the other rights |
//! | `burst` | units at once; without it as many as `rate` brings in a second |
//! | `quota` | units in all |
//! | `until` | a timestamp, or a span from now |

use crate::attenuation::{Attenuation, Rate, Until};
use crate::files::Access;
use crate::ids::EndpointId;
use crate::refusal::Refusal;
use crate::request::{Args, Cut, Reach, Request, Wanted};
use crate::request_value::{items, shown};
use okernel_abi::value::{Moment, Value};
use okernel_ring::Policy;

/// What limits there are, for messages.
const LIMITS: &str = "access, policy, rate, burst, quota and until";

impl Args<'_> {
    pub(crate) fn revoke(&self) -> Result<Request, Refusal> {
        self.count(1, 2)?;
        let task = self.task(0)?;
        let name = match self.items.get(1) {
            None | Some(Value::Nil) => None,
            Some(_) => Some(self.text(1, "the name of a grant")?),
        };
        Ok(Request::Revoke { task, name })
    }

    pub(crate) fn caps(&self) -> Result<Request, Refusal> {
        self.count(0, 1)?;
        match self.items {
            [] | [Value::Nil] => Ok(Request::Caps(None)),
            _ => Ok(Request::Caps(Some(self.task(0)?))),
        }
    }

    pub(crate) fn wanted(&self, name: &str, value: &Value) -> Result<Wanted, Refusal> {
        if let Some(number) = value.as_int() {
            return EndpointId::from_number(number).map_or_else(
                || Err(self.refuse(format_args!("{name}: {number} is no endpoint's number"))),
                |id| Ok(Wanted::Endpoint(id)),
            );
        }
        let wanted = match value {
            Value::Symbol(symbol) => match symbol.as_str() {
                "timer" => Some(Wanted::Timers),
                "clock" => Some(Wanted::Clock),
                "console" => Some(Wanted::Console),
                "errors" => Some(Wanted::Errors),
                "spawn" => Some(Wanted::Spawn),
                "system" => Some(Wanted::System),
                _ => None,
            },
            other => match items(other).as_slice() {
                [Value::Symbol(file), path, access @ ..] if file == "file" => {
                    let access = match access {
                        [] => Some(Access::Read),
                        [Value::Symbol(word)] => Access::from_word(word),
                        _ => None,
                    };
                    let path = path.as_text().filter(|path| !path.is_empty());
                    path.zip(access)
                        .map(|(path, access)| Wanted::File(path.into(), access))
                }
                [Value::Symbol(own), own_name] if own == "own" => {
                    own_name.as_text().map(Wanted::Own)
                }
                [Value::Symbol(limit), inner, limits] if limit == "limit" => {
                    if matches!(items(inner).first(), Some(Value::Symbol(word)) if word == "limit")
                    {
                        let text = format_args!("{name}: limits are written in one dictionary");
                        return Err(self.refuse(text));
                    }
                    let inner = self.wanted(name, inner)?;
                    Some(Wanted::Limited(Box::new(inner), self.cut(name, limits)?))
                }
                _ => None,
            },
        };
        wanted.ok_or_else(|| {
            let what = "an endpoint's number, `timer, `clock, `console, `spawn, `system, (`file;\"path\"), (`file;\"path\";`read, `write or `append), (`own;`name) or limit[..] of one of these";
            self.refuse(format_args!(
                "{name}: {what} is expected, {} was given",
                shown(value)
            ))
        })
    }

    fn cut(&self, name: &str, limits: &Value) -> Result<Cut, Refusal> {
        let Value::Dict(pair) = limits else {
            let what = format!("{name}: a dictionary of limits");
            return Err(self.expected(&what, limits));
        };
        let (keys, values) = (items(&pair.0), items(&pair.1));
        let (mut reach, mut policy) = (Reach::Whole, None);
        let (mut rate, mut burst, mut quota, mut until) = (None, None, None, None);
        for (key, value) in keys.iter().zip(&values) {
            match key.as_text().as_deref() {
                Some("access") => match value.as_text().as_deref() {
                    Some("read") => reach = Reach::ReadOnly,
                    _ => return Err(self.expected(&format!("{name}: access: `read"), value)),
                },
                Some("policy") => policy = Some(self.policy(value)?),
                Some("rate") => rate = Some(self.units(name, "rate", value)?),
                Some("burst") => burst = Some(self.units(name, "burst", value)?),
                Some("quota") => quota = Some(self.units(name, "quota", value)?),
                Some("until") => until = Some(self.until(name, value)?),
                _ => {
                    let text =
                        format_args!("{name}: limits are {LIMITS}, {} was given", shown(key));
                    return Err(self.refuse(text));
                }
            }
        }
        if burst.is_some() && rate.is_none() {
            return Err(self.refuse(format_args!("{name}: a burst needs a rate")));
        }
        if policy.is_some() && reach == Reach::Whole {
            let text = format_args!("{name}: a policy needs access:`read, which makes a reader");
            return Err(self.refuse(text));
        }
        let rate = rate.map(|per_second| Rate {
            per_second,
            burst: burst.unwrap_or(per_second),
        });
        Ok(Cut {
            attenuation: Attenuation { rate, quota, until },
            reach,
            policy: policy.unwrap_or(Policy::Block),
        })
    }

    fn units(&self, name: &str, limit: &str, value: &Value) -> Result<u64, Refusal> {
        let number = value.as_int().and_then(|int| u64::try_from(int).ok());
        let what = || format!("{name}: {limit}: a number of 1 or more");
        number
            .filter(|&number| number > 0)
            .ok_or_else(|| self.expected(&what(), value))
    }

    fn until(&self, name: &str, value: &Value) -> Result<Until, Refusal> {
        let until = match value {
            Value::Moment(Moment::Timestamp, utc_ns) if *utc_ns > 0 => Some(Until::Moment(*utc_ns)),
            Value::Moment(Moment::Span, span_ns) => {
                let span_ns = u64::try_from(*span_ns).ok();
                span_ns.filter(|&span_ns| span_ns > 0).map(Until::Span)
            }
            _ => None,
        };
        let what = || format!("{name}: until: a timestamp, or a span of more than nothing,");
        until.ok_or_else(|| self.expected(&what(), value))
    }
}

#[cfg(test)]
#[path = "capability_request_tests.rs"]
mod tests;
