//! What the kernel replied to a request, as a program's value or error.

use okernel_sdk::Errno;
use okernel_sdk::RequestError;
use okernel_sdk::abi::value::{DecodeError, Reader, Token, Value as Encoded};
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

/// Why the kernel did not take a request, whose bytes these are. Its errors are numbers, so that what is wrong with the
/// bytes is looked for here.
pub fn refused(op: &str, request: &[u8], error: RequestError) -> Error {
    match error {
        RequestError::Refused(Errno::Malformed) => match Encoded::decode(request) {
            Err(DecodeError::Deep) => Error::new(
                Class::Limit,
                format!("{op}: an argument is {}", DecodeError::Deep),
            ),
            _ => Error::new(Class::Io, format!("{op}: {error}")),
        },
        RequestError::Refused(Errno::TooLarge) => Error::new(
            Class::Limit,
            format!(
                "{op}: the arguments take {} bytes, more than the kernel reads at a time",
                request.len()
            ),
        ),
        error => Error::new(Class::Io, format!("{op}: {error}")),
    }
}
