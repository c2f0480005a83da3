//! CBOR (RFC 8949) as Smithy RPC v2 uses it: maps with text keys, times as tag 1.

use jiff::Timestamp;

use super::value::Value;

/// Deeper documents are refused.
const DEEPEST: usize = 32;

const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const SIMPLE: u8 = 7;
const INDEFINITE: u8 = 31;
const BREAK: u8 = 0xff;
const EPOCH_TIME: u64 = 1;

pub(in super::super) fn write(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, value);
    bytes
}

fn put(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(value) => bytes.push(if *value { 0xf5 } else { 0xf4 }),
        Value::Integer(value) => match u64::try_from(*value) {
            Ok(value) => head(bytes, 0, value),
            Err(_) => head(bytes, 1, !value.cast_unsigned()),
        },
        Value::Number(value) => {
            bytes.push(0xfb);
            bytes.extend(value.to_be_bytes());
        }
        Value::Text(text) => {
            head(bytes, TEXT, text.len() as u64);
            bytes.extend(text.as_bytes());
        }
        Value::Time(at) => {
            head(bytes, TAG, EPOCH_TIME);
            put(bytes, &Value::Number(at.as_millisecond() as f64 / 1_000.0));
        }
        Value::List(items) => {
            head(bytes, LIST, items.len() as u64);
            items.iter().for_each(|item| put(bytes, item));
        }
        Value::Map(members) => {
            head(bytes, MAP, members.len() as u64);
            for (name, value) in members {
                put(bytes, &Value::text(name));
                put(bytes, value);
            }
        }
    }
}

/// The kind and its argument, in the shortest form.
fn head(bytes: &mut Vec<u8>, kind: u8, argument: u64) {
    let kind = kind << 5;
    if argument < 24 {
        bytes.push(kind | argument as u8);
    } else if let Ok(argument) = u8::try_from(argument) {
        bytes.extend([kind | 24, argument]);
    } else if let Ok(argument) = u16::try_from(argument) {
        bytes.push(kind | 25);
        bytes.extend(argument.to_be_bytes());
    } else if let Ok(argument) = u32::try_from(argument) {
        bytes.push(kind | 26);
        bytes.extend(argument.to_be_bytes());
    } else {
        bytes.push(kind | 27);
        bytes.extend(argument.to_be_bytes());
    }
}

/// The one value that the bytes are; members that are null are left out.
pub(in super::super) fn read(bytes: &[u8]) -> Result<Value, String> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(0)?.ok_or("null where a document was expected")?;
    match reader.rest {
        [] => Ok(value),
        rest => Err(format!("{} bytes behind the document", rest.len())),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        if count > self.rest.len() {
            return Err("the document ends too early".into());
        }
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self, width: usize) -> Result<u64, String> {
        Ok(self.take(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The kind, what is said with it, and its argument; an indefinite length has none.
    fn head(&mut self) -> Result<(u8, u8, u64), String> {
        let first = self.take(1)?[0];
        let (kind, said) = (first >> 5, first & 0x1f);
        let argument = match said {
            0..24 => u64::from(said),
            24..28 => self.number(1 << (said - 24))?,
            INDEFINITE if (2..=MAP).contains(&kind) => 0,
            _ => return Err(format!("the byte {first:#04x} begins nothing")),
        };
        Ok((kind, said, argument))
    }

    fn ends(&mut self) -> bool {
        let ends = self.rest.first() == Some(&BREAK);
        if ends {
            self.rest = &self.rest[1..];
        }
        ends
    }

    fn value(&mut self, depth: usize) -> Result<Option<Value>, String> {
        if depth > DEEPEST {
            return Err("the document is nested too deeply".into());
        }
        let (kind, said, argument) = self.head()?;
        let too_large = |_| "an integer is too large".to_owned();
        Ok(Some(match kind {
            0 => Value::Integer(i64::try_from(argument).map_err(too_large)?),
            1 => Value::Integer(!i64::try_from(argument).map_err(too_large)?),
            TEXT => Value::Text(self.text(said, argument)?),
            LIST => {
                let mut items = Vec::new();
                let mut left = argument;
                while self.more(said, &mut left) {
                    items.extend(self.value(depth + 1)?);
                }
                Value::List(items)
            }
            MAP => {
                let mut members = Vec::new();
                let mut left = argument;
                while self.more(said, &mut left) {
                    let (TEXT, said, argument) = self.head()? else {
                        return Err("a member has no name".into());
                    };
                    let name = self.text(said, argument)?;
                    members.extend(self.value(depth + 1)?.map(|value| (name, value)));
                }
                Value::Map(members)
            }
            TAG if argument == EPOCH_TIME => {
                let seconds =
                    self.value(depth + 1)?.and_then(|it| it.as_number()).ok_or("a time is no number")?;
                let at = Timestamp::from_millisecond((seconds * 1_000.0).round() as i64);
                Value::Time(at.map_err(|error| error.to_string())?)
            }
            SIMPLE => return simple(said, argument),
            _ => return Err(format!("values of kind {kind} are not expected")),
        }))
    }

    fn more(&mut self, said: u8, left: &mut u64) -> bool {
        if said == INDEFINITE {
            return !self.ends();
        }
        let more = *left > 0;
        *left = left.saturating_sub(1);
        more
    }

    fn text(&mut self, said: u8, length: u64) -> Result<String, String> {
        let mut bytes = Vec::new();
        if said == INDEFINITE {
            while !self.ends() {
                let (TEXT, 0..=27, length) = self.head()? else {
                    return Err("a part of a text is none".into());
                };
                bytes.extend(self.take(usize::try_from(length).map_err(|error| error.to_string())?)?);
            }
        } else {
            bytes.extend(self.take(usize::try_from(length).map_err(|error| error.to_string())?)?);
        }
        String::from_utf8(bytes).map_err(|_| "a text is not UTF-8".into())
    }
}

/// Truths, null, and numbers of 16, 32 and 64 bits.
fn simple(said: u8, argument: u64) -> Result<Option<Value>, String> {
    Ok(Some(match said {
        20 => Value::Bool(false),
        21 => Value::Bool(true),
        22 | 23 => return Ok(None),
        25 => Value::Number(half(argument as u16)),
        26 => Value::Number(f64::from(f32::from_bits(argument as u32))),
        27 => Value::Number(f64::from_bits(argument)),
        _ => return Err(format!("the simple value {said} is not expected")),
    }))
}

fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1_024.0) * 2_f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::encoding::from_hex;

    fn of_hex(text: &str) -> Result<Value, String> {
        read(&from_hex(text).unwrap())
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        let map = |members: &[(&str, Value)]| {
            Value::Map(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
        };
        for (hex, expected) in [
            ("1903e8", Value::Integer(1_000)),
            ("3903e7", Value::Integer(-1_000)),
            ("f93e00", Value::Number(1.5)),
            ("f90001", Value::Number(5.960_464_477_539_063e-8)),
            ("fa47c35000", Value::Number(100_000.0)),
            ("fbc010666666666666", Value::Number(-4.1)),
            ("7f657374726561646d696e67ff", Value::text("streaming")),
            ("c11a514b67b0", Value::Time(Timestamp::from_second(1_363_896_240).unwrap())),
            (
                "9f018202039f0405ffff",
                Value::List(vec![
                    Value::Integer(1),
                    Value::List(vec![Value::Integer(2), Value::Integer(3)]),
                    Value::List(vec![Value::Integer(4), Value::Integer(5)]),
                ]),
            ),
            ("bf6346756ef563416d7421ff", map(&[("Fun", Value::Bool(true)), ("Amt", Value::Integer(-2))])),
            ("a26161f6616201", map(&[("b", Value::Integer(1))])),
        ] {
            assert_eq!(of_hex(hex), Ok(expected), "{hex}");
        }
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for hex in
            ["", "f6", "a1", "a101f6", "62ff", "9f01", "0001", "1c", "ff", "61ff", "1bffffffffffffffff"]
        {
            assert!(of_hex(hex).is_err(), "{hex}");
        }
        assert!(read(&[0x81; 10_000]).unwrap_err().contains("deeply"));
        assert!(
            read(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err(),
            "nothing is reserved"
        );
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Integer),
            any::<f64>().prop_filter("a number", |it| !it.is_nan()).prop_map(Value::Number),
            ".*".prop_map(Value::Text),
            (0_i64..4_000_000_000_000).prop_map(|it| Value::Time(Timestamp::from_millisecond(it).unwrap())),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
                prop::collection::vec(("[a-z]{0,30}", inner), 0..6).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in any_value()) {
            prop_assert_eq!(read(&write(&value)), Ok(value));
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
