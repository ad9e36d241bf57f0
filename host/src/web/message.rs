//! What a client may say, as docs/protocol.md has it.

use serde::Deserialize;

/// The version of the protocol that is spoken here.
pub const VERSION: u64 = 1;

/// The largest number that a client may choose for what it asks.
const ID_MAX: u64 = (1 << 53) - 1;

/// One message of a client.
#[derive(Deserialize, Debug, PartialEq, Eq)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Request {
    Hello {
        version: u64,
        #[serde(default)]
        join: bool,
    },
    Eval {
        id: u64,
        text: String,
        #[serde(default)]
        format: Format,
    },
    Interrupt,
    Subscribe {
        id: u64,
        ring: RingName,
        #[serde(default = "rate_default")]
        rate: u32,
        #[serde(default = "json")]
        format: Format,
    },
    Unsubscribe {
        id: u64,
    },
    View {
        id: u64,
        of: Table,
    },
    Ping {
        id: u64,
    },
}

/// How a value is wanted.
#[derive(Deserialize, Clone, Copy, Default, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Text,
    Json,
    Binary,
}

/// A ring, by its publisher's number or by the name of the one that the kernel has.
#[derive(Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(
    untagged,
    expecting = "ring: the number of a publisher, or \"stats\", is expected"
)]
pub enum RingName {
    Number(i64),
    Named(Named),
}

/// The kernel's own rings.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Named {
    Stats,
}

/// What can be viewed.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Table {
    Tasks,
    Rings,
    Cores,
    Modules,
}

impl Table {
    /// Its word in the protocol, and the kernel's request for it.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Table::Tasks => ("tasks", "ps"),
            Table::Rings => ("rings", "rings"),
            Table::Cores => ("cores", "cores"),
            Table::Modules => ("modules", "modules"),
        }
    }
}

fn rate_default() -> u32 {
    100
}

fn json() -> Format {
    Format::Json
}

/// A message that is none: its id, if it has one, and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    pub id: Option<u64>,
    pub text: String,
}

/// Reads a message.
///
/// # Errors
/// It is not JSON, or not one of these.
pub fn read(text: &str) -> Result<Request, Wrong> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| Wrong {
        id: None,
        text: format!("not JSON: {error}"),
    })?;
    let id = value.get("id").and_then(serde_json::Value::as_u64);
    let wrong = |text: String| Wrong { id, text };
    if !value.is_object() {
        return Err(wrong(
            "a message is a JSON object with a \"type\"".to_string(),
        ));
    }
    if value.get("id").is_some() && id.is_none_or(|id| id > ID_MAX) {
        return Err(wrong(format!("\"id\" is a number from 0 to {ID_MAX}")));
    }
    let request = Request::deserialize(value).map_err(|error| wrong(error.to_string()))?;
    match &request {
        Request::Subscribe { rate, .. } if !(1..=10_000).contains(rate) => Err(wrong(format!(
            "\"rate\" is a number from 1 to 10000, not {rate}"
        ))),
        Request::Subscribe {
            format: Format::Text,
            ..
        } => Err(wrong("data comes as \"json\" or \"binary\"".to_string())),
        _ => Ok(request),
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, Named, Request, RingName, Table, read};

    #[test]
    fn messages_are_read_with_their_defaults() {
        assert_eq!(
            read(r#"{"type":"eval","id":1,"text":"2+3","more":[1]}"#),
            Ok(Request::Eval {
                id: 1,
                text: "2+3".to_string(),
                format: Format::Text
            })
        );
        assert_eq!(
            read(r#"{"type":"subscribe","id":2,"ring":"stats"}"#),
            Ok(Request::Subscribe {
                id: 2,
                ring: RingName::Named(Named::Stats),
                rate: 100,
                format: Format::Json
            })
        );
        assert_eq!(
            read(r#"{"type":"view","id":3,"of":"tasks"}"#),
            Ok(Request::View {
                id: 3,
                of: Table::Tasks
            })
        );
        assert_eq!(read(r#"{"type":"interrupt"}"#), Ok(Request::Interrupt));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, id, part) in [
            ("", None, "not JSON"),
            ("[1]", None, "object"),
            ("{}", None, "type"),
            (r#"{"type":"x","id":7}"#, Some(7), "unknown variant `x`"),
            (r#"{"type":"eval","id":8}"#, Some(8), "missing field `text`"),
            (r#"{"type":"eval","text":"1"}"#, None, "missing field `id`"),
            (
                r#"{"type":"eval","id":-1,"text":"1"}"#,
                None,
                "\"id\" is a number",
            ),
            (
                r#"{"type":"eval","id":1,"text":"1","format":"xml"}"#,
                Some(1),
                "xml",
            ),
            (
                r#"{"type":"subscribe","id":1,"ring":{}}"#,
                Some(1),
                "publisher",
            ),
            (
                r#"{"type":"subscribe","id":1,"ring":1,"rate":0}"#,
                Some(1),
                "10000",
            ),
            (
                r#"{"type":"subscribe","id":1,"ring":1,"format":"text"}"#,
                Some(1),
                "binary",
            ),
        ] {
            let wrong = read(text).unwrap_err();
            assert_eq!(wrong.id, id, "{text}");
            assert!(wrong.text.contains(part), "{text}: {}", wrong.text);
        }
        let deep = "[".repeat(100_000);
        assert!(read(&deep).is_err());
    }
}
