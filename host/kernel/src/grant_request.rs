//! What a task is to be granted, read from the dictionary of `spawn` or of a supervisor's child.

use crate::cell::Pinned;
use crate::limits::WEIGHT_MAX;
use crate::refusal::Refusal;
use crate::request::{Args, Order};
use crate::request_value::items;
use okernel_abi::Setting;
use okernel_abi::value::Value;

impl Args<'_> {
    pub(crate) fn grants(
        &self,
        keys: &Value,
        values: &Value,
        order: &mut Order,
    ) -> Result<(), Refusal> {
        let (names, values) = (items(keys), items(values));
        if names.len() != values.len() {
            let (names, values) = (names.len(), values.len());
            return Err(self.refuse(format_args!("{names} names for {values} grants")));
        }
        for (name, value) in names.iter().zip(&values) {
            let Some(name) = name.as_text() else {
                return Err(self.expected("a name for each grant", name));
            };
            match Setting::from_name(name.as_bytes()) {
                Some(Setting::Args) => order.args = self.args(value)?,
                Some(Setting::Weight) => {
                    let weight = value.as_int().and_then(|int| u32::try_from(int).ok());
                    let weight = weight.filter(|weight| (1..=WEIGHT_MAX).contains(weight));
                    let what = format!("a weight in 1..{WEIGHT_MAX}");
                    order.weight = Some(weight.ok_or_else(|| self.expected(&what, value))?);
                }
                Some(Setting::Memory) => {
                    let bytes = value.as_int().filter(|bytes| *bytes >= 0);
                    let bytes = bytes.ok_or_else(|| self.expected("memory in bytes", value))?;
                    let set = order.limits.set("memory", bytes as f64);
                    set.map_err(|text| self.refuse(text))?;
                }
                Some(Setting::Limits) => order.limits.append(self.limits(value)?),
                Some(Setting::Seed) => {
                    let seed = value.as_int().and_then(|int| u64::try_from(int).ok());
                    let what = "a seed, an integer from 0,";
                    order.seed = Some(seed.ok_or_else(|| self.expected(what, value))?);
                }
                Some(Setting::Pin) => {
                    order.pinned = match value.as_int() {
                        Some(0) => Pinned::No,
                        Some(1) => Pinned::Yes,
                        _ => return Err(self.expected("0 or 1 for pin", value)),
                    };
                }
                None => {
                    let wanted = self.wanted(&name, value)?;
                    order.grants.push((name, wanted));
                }
            }
        }
        Ok(())
    }

    fn args(&self, value: &Value) -> Result<Vec<String>, Refusal> {
        let one = |value: &Value| match value {
            Value::Int(int) => Some(int.to_string()),
            Value::Float(float) => Some(float.to_string()),
            other => other.as_text(),
        };
        if let Some(text) = one(value) {
            return Ok(vec![text]);
        }
        items(value)
            .iter()
            .map(|item| one(item).ok_or_else(|| self.expected("a string in args", item)))
            .collect()
    }
}
