//! Numbers as text: the shortest decimal that reads back to the same value, and the reading.
//!
//! An integral float is shown without fraction. It is then read back as an integer, so inside the
//! range of integers all its digits are shown; outside, the shortest digits that give the same
//! float are padded with zeros, and from 1e21 up an exponent is used.

use crate::value::{NULL, Value};

/// From here up floats are shown with an exponent.
const EXPONENT_FROM: f64 = 1e21;
/// Below this floats are shown with an exponent.
const EXPONENT_BELOW: f64 = 1e-6;
/// Two to the power 63: from here up a number is no integer.
const INTEGERS_BELOW: f64 = 9_223_372_036_854_775_808.0;

/// Appends an integer; the null as `0N`.
pub fn write_int(out: &mut Vec<u8>, x: i64) {
    if x == NULL {
        out.extend_from_slice(b"0N");
        return;
    }
    const DIGITS: usize = 19;
    let mut digits = [0u8; DIGITS];
    let mut at = DIGITS;
    let mut rest = x.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if x < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a float so that reading it gives the same value.
pub fn write_float(out: &mut Vec<u8>, x: f64) {
    if x.is_nan() {
        out.extend_from_slice(b"0N");
    } else if x.is_infinite() {
        out.extend_from_slice(if x > 0.0 { b"0w" } else { b"-0w" });
    } else if x.trunc() == x && x.abs() < INTEGERS_BELOW {
        write_int(out, x as i64);
    } else if x.abs() >= EXPONENT_FROM || x.abs() < EXPONENT_BELOW {
        out.extend_from_slice(format!("{x:e}").as_bytes());
    } else {
        out.extend_from_slice(format!("{x}").as_bytes());
    }
}

/// Appends a float rounded to so many significant digits.
pub fn write_float_rounded(out: &mut Vec<u8>, x: f64, digits: usize) {
    if x.trunc() == x || !x.is_finite() || digits == 0 {
        return write_float(out, x);
    }
    let rounded = format!("{:.*e}", digits.min(17) - 1, x)
        .parse()
        .unwrap_or(x);
    write_float(out, rounded);
}

/// Reads one number as the language writes it: decimal with fraction and exponent, `0N`, `0w`,
/// `0x` hexadecimal and `101b` binary. An integer too large for 64 bits becomes a float; a
/// hexadecimal or binary one has none.
pub fn parse(text: &str) -> Option<Value> {
    let (negative, body) = match text.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, text),
    };
    match body {
        "0N" => return Some(Value::Int(NULL)),
        "0w" => {
            return Some(Value::Float(if negative {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            }));
        }
        _ => {}
    }
    if let Some(digits) = body.strip_prefix("0x") {
        return if negative {
            None
        } else {
            parse_radix(digits, 16)
        };
    }
    if let Some(digits) = body.strip_suffix('b') {
        return if negative {
            None
        } else {
            parse_radix(digits, 2)
        };
    }
    parse_decimal(text, body)
}

fn parse_radix(digits: &str, radix: u32) -> Option<Value> {
    if digits.is_empty() || !digits.bytes().all(|c| (c as char).is_digit(radix)) {
        return None;
    }
    // All 64 bits may be given: 0xffffffffffffffff is -1. The pattern of the null is the null.
    u64::from_str_radix(digits, radix)
        .ok()
        .map(|bits| Value::Int(bits as i64))
}

fn parse_decimal(text: &str, body: &str) -> Option<Value> {
    if !body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if body.bytes().all(|c| c.is_ascii_digit()) {
        return match text.parse::<i64>() {
            Ok(x) if x != NULL => Some(Value::Int(x)),
            _ => text.parse().ok().map(Value::Float),
        };
    }
    if !body
        .bytes()
        .all(|c| c.is_ascii_digit() || matches!(c, b'.' | b'e' | b'E' | b'-' | b'+'))
    {
        return None;
    }
    text.parse().ok().map(Value::Float)
}

#[cfg(test)]
mod tests {
    use super::{parse, write_float, write_float_rounded, write_int};
    use crate::value::{NULL, Value};
    use proptest::prelude::{any, proptest};

    fn float(x: f64) -> String {
        let mut out = Vec::new();
        write_float(&mut out, x);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_as_the_language_shows_them() {
        for (x, text) in [
            (2.0, "2"),
            (-0.0, "0"),
            (0.1 * 3.0, "0.30000000000000004"),
            (9_223_372_036_854_775_808.0, "9223372036854776000"),
            (51_090_942_171_709_440_000.0, "51090942171709440000"),
            (1e21, "1e21"),
            (1.5e-10, "1.5e-10"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (-1.25, "-1.25"),
            (f64::NAN, "0N"),
            (f64::NEG_INFINITY, "-0w"),
            (1_152_921_504_606_846_976.0, "1152921504606846976"),
        ] {
            assert_eq!(float(x), text);
        }
    }

    #[test]
    fn rounding_for_display() {
        let mut out = Vec::new();
        write_float_rounded(&mut out, 1.0 / 3.0, 4);
        assert_eq!(out, b"0.3333");
    }

    #[test]
    fn reading() {
        let float = |text| parse(text).map(|v| v.representation());
        assert_eq!(parse("0x1F"), Some(Value::Int(31)));
        assert_eq!(parse("101b"), Some(Value::Int(5)));
        assert_eq!(parse("1e3"), Some(Value::Float(1000.0)));
        assert_eq!(parse(".5"), Some(Value::Float(0.5)));
        assert_eq!(parse("-0N"), Some(Value::Int(NULL)));
        assert_eq!(float("9223372036854775808"), Some("float"));
        assert_eq!(float("-9223372036854775808"), Some("float"));
        assert_eq!(parse("0xg"), None);
        assert_eq!(parse("inf"), None);
        assert_eq!(parse("-"), None);
        assert_eq!(parse(""), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(x in any::<f64>()) {
            assert_eq!(parse(&float(x)), Some(Value::Float(x)));
        }

        #[test]
        fn integers_too(x in any::<i64>()) {
            let mut out = Vec::new();
            write_int(&mut out, x);
            assert_eq!(parse(std::str::from_utf8(&out).unwrap()), Some(Value::Int(x)));
        }
    }
}
