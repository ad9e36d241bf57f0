//! Nouns under adverbs: `2\5` digits, `","/l` joining, `1 3 5'4` searching, `3':l` windows.

use crate::error::{Class, Error};
use crate::value::{Adverb, Value};
use crate::verb;

/// What a noun with an adverb does to its argument.
///
/// # Errors
/// `type` where that means nothing, and those of the verb that it is.
pub(super) fn apply(adverb: Adverb, noun: &Value, argument: Value) -> Result<Value, Error> {
    let is_text = matches!(noun, Value::Char(_)) || noun.is_text();
    match adverb {
        Adverb::Each if noun.is_list() => verb::bin(noun, argument),
        Adverb::Over if is_text => verb::join_with(noun, &argument),
        Adverb::Scan if is_text => verb::split(noun, &argument),
        Adverb::Over if noun.is_number() || noun.is_list() => verb::number(noun, &argument),
        Adverb::Scan if noun.is_number() || noun.is_list() => verb::digits(noun, &argument),
        Adverb::Prior if noun.is_number() => verb::windows(noun, &argument),
        _ => {
            let text = format!(
                "{} after {} of {}",
                adverb.glyph(),
                noun.describe(),
                argument.describe()
            );
            Err(Error::new(Class::Type, text))
        }
    }
}
