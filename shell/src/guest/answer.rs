//! What the kernel replied to a request, as a program's value or error.

use okernel_sdk::abi::value::{Reader, Token};
use okernel_shell::encode::decode;
use okernel_shell::error::{Class, Error};
use okernel_shell::value::Value;

/// What the kernel replied, as the program's answer.
pub fn answer(bytes: &[u8]) -> Result<Value, Error> {
    if let Ok(Token::Error(text)) = Reader::new(bytes).token() {
        let (class, rest) = text.split_once(": ").unwrap_or(("io", text));
        return Err(match Class::from_word(class) {
            Some(class) => Error::new(class, rest),
            None => Error::new(Class::Io, text),
        });
    }
    decode(bytes)
}
