//! The outcome of an input as an encoded value, for a remote client that shows it in a way of its own.

use okernel_abi::layout::{OutcomeForm, REPORT_BYTES_MAX};
use okernel_abi::value::{Value as Plain, Writer};

use crate::encode::encode_within;
use crate::error::{Class, Error, Place};
use crate::value::Value;

/// Nothing: what an incomplete input has come to.
pub fn nothing() -> Vec<u8> {
    Plain::Nil.to_bytes()
}

/// A value that the shell shows as `text`, or nothing that is shown, in the wanted form.
///
/// # Errors
/// `limit` when the value is larger than an outcome may be.
pub fn of_value(form: OutcomeForm, shown: Option<(&Value, &[u8])>) -> Result<Vec<u8>, Error> {
    let Some((value, text)) = shown else {
        return Ok(match form {
            OutcomeForm::Text => Plain::Chars(Vec::new()).to_bytes(),
            OutcomeForm::Value => nothing(),
        });
    };
    match form {
        OutcomeForm::Text => Ok(Plain::Chars(text.to_vec()).to_bytes()),
        OutcomeForm::Value => {
            let mut writer = Writer::new();
            encode_within(value, &mut writer, REPORT_BYTES_MAX).map_err(|error| {
                Error::new(Class::Limit, format!("the value: {}", error.text()))
            })?;
            Ok(writer.bytes().to_vec())
        }
    }
}

/// An error: its class, its sentence, all of it as the shell shows it, its place, its calls.
pub fn of_error(error: &Error) -> Vec<u8> {
    let calls = error.calls().iter().map(|call| {
        let mut fields = vec![("name", Plain::text(&call.name))];
        fields.extend(place_fields(call.place()));
        dictionary(fields)
    });
    let mut fields = vec![
        ("class", Plain::text(error.class().word())),
        ("message", Plain::text(error.text())),
        ("text", Plain::text(&error.render(""))),
        ("stack", Plain::List(calls.collect())),
    ];
    if let Some(place) = error.place() {
        fields.extend(place_fields(place));
    }
    dictionary(fields).to_bytes()
}

fn place_fields(place: Place) -> [(&'static str, Plain); 4] {
    [
        ("line", Plain::Int(place.line.into())),
        (
            "column",
            Plain::Int(i64::try_from(place.column).unwrap_or(i64::MAX)),
        ),
        ("source", Plain::text(&place.text)),
        ("origin", Plain::text(&place.origin)),
    ]
}

fn dictionary(fields: Vec<(&str, Plain)>) -> Plain {
    let names = fields.iter().map(|(name, _)| (*name).to_string()).collect();
    let values = fields.into_iter().map(|(_, value)| value).collect();
    Plain::Dict(Box::new((Plain::Symbols(names), Plain::List(values))))
}

#[cfg(test)]
mod tests {
    use super::{of_error, of_value};
    use crate::error::{Class, Error, Source, Span};
    use crate::value::Value;
    use okernel_abi::layout::OutcomeForm;
    use okernel_abi::value::Value as Plain;
    use std::rc::Rc;

    #[test]
    fn nothing_shown_is_empty_text_or_nil() {
        let text = of_value(OutcomeForm::Text, None).unwrap();
        assert_eq!(Plain::decode(&text), Ok(Plain::Chars(Vec::new())));
        let value = of_value(OutcomeForm::Value, None).unwrap();
        assert_eq!(Plain::decode(&value), Ok(Plain::Nil));
    }

    #[test]
    fn a_value_comes_in_the_wanted_form() {
        let shown = Some((&Value::Int(5), &b"5\n"[..]));
        let text = of_value(OutcomeForm::Text, shown).unwrap();
        assert_eq!(Plain::decode(&text), Ok(Plain::text("5\n")));
        let value = of_value(OutcomeForm::Value, shown).unwrap();
        assert_eq!(Plain::decode(&value), Ok(Plain::Int(5)));
    }

    #[test]
    fn an_error_has_its_place_in_what_was_typed() {
        let source = Rc::new(Source {
            origin: String::new(),
            line_first: 40,
            text: "1\n  \u{e9}+`a".to_string(),
        });
        let error = Error::new(Class::Type, "no").at(&source, Span::new(6, 7));
        let Ok(Plain::Dict(pair)) = Plain::decode(&of_error(&error)) else {
            panic!("no dictionary");
        };
        let Plain::Symbols(names) = &pair.0 else {
            panic!("{:?}", pair.0);
        };
        let Plain::List(values) = &pair.1 else {
            panic!("{:?}", pair.1);
        };
        let of = |name: &str| &values[names.iter().position(|known| known == name).unwrap()];
        assert_eq!(of("class"), &Plain::text("type"));
        assert_eq!((of("line"), of("column")), (&Plain::Int(2), &Plain::Int(4)));
        assert_eq!(of("source"), &Plain::text("  \u{e9}+`a"));
        assert_eq!(of("origin"), &Plain::text(""));
    }
}
