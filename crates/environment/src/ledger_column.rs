//! The values of one column of a piece of the ledger: whole numbers as their differences, which for a counter is next to
//! nothing, anything else as JSON.

use serde_json::Value;

/// A column of whole numbers: pairs of a difference and how often it comes in a row.
const NUMBERS: u8 = b'n';

/// A column of anything: the length of each value as JSON, and that.
const VALUES: u8 = b'v';

/// A column that is being written.
#[derive(Debug, Default)]
pub(crate) struct ColumnWriter {
    numbers: Vec<i64>,
    /// The values, once one of them is no whole number.
    values: Option<Vec<Value>>,
}

impl ColumnWriter {
    /// Adds a value.
    pub(crate) fn add(&mut self, value: Value) {
        match (&mut self.values, value.as_i64()) {
            (None, Some(number)) => self.numbers.push(number),
            (Some(values), _) => values.push(value),
            (None, None) => {
                let mut values: Vec<Value> = self.numbers.drain(..).map(Value::from).collect();
                values.push(value);
                self.values = Some(values);
            }
        }
    }

    /// Appends the column, and begins anew.
    pub(crate) fn write(&mut self, bytes: &mut Vec<u8>) {
        if let Some(values) = self.values.take() {
            bytes.push(VALUES);
            for value in values {
                let text = value.to_string();
                number(bytes, text.len() as u64);
                bytes.extend_from_slice(text.as_bytes());
            }
            return;
        }
        bytes.push(NUMBERS);
        let (mut last, mut run): (i64, Option<(i64, u64)>) = (0, None);
        for value in self.numbers.drain(..) {
            let difference = value.wrapping_sub(last);
            last = value;
            run = match run {
                Some((same, count)) if same == difference => Some((same, count + 1)),
                other => {
                    write_run(bytes, other);
                    Some((difference, 1))
                }
            };
        }
        write_run(bytes, run);
    }
}

fn write_run(bytes: &mut Vec<u8>, run: Option<(i64, u64)>) {
    if let Some((difference, count)) = run {
        // Small differences of either sign are small numbers.
        number(bytes, ((difference << 1) ^ (difference >> 63)).cast_unsigned());
        number(bytes, count);
    }
}

/// Appends a number, seven bits in each byte, the lowest first.
fn number(bytes: &mut Vec<u8>, mut value: u64) {
    let low = |value: u64| u8::try_from(value & 0x7f).expect("seven bits fit into a byte");
    while value >= 0x80 {
        bytes.push(low(value) | 0x80);
        value >>= 7;
    }
    bytes.push(low(value));
}

/// Reads so many rows of so many columns; `None` for what is not their form.
pub(crate) fn read(bytes: &[u8], columns: usize, rows: usize) -> Option<Vec<Vec<Value>>> {
    let mut reader = Reader(bytes);
    let mut read: Vec<Vec<Value>> = (0..rows).map(|_| Vec::with_capacity(columns)).collect();
    for _ in 0..columns {
        match reader.byte()? {
            NUMBERS => {
                let (mut last, mut filled) = (0_i64, 0);
                while filled < rows {
                    let (folded, count) = (reader.number()?, reader.number()?);
                    let difference = (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed();
                    for _ in 0..count {
                        last = last.wrapping_add(difference);
                        read.get_mut(filled)?.push(Value::from(last));
                        filled += 1;
                    }
                }
            }
            VALUES => {
                for row in &mut read {
                    let length = usize::try_from(reader.number()?).ok()?;
                    row.push(serde_json::from_slice(reader.bytes(length)?).ok()?);
                }
            }
            _ => return None,
        }
    }
    reader.0.is_empty().then_some(read)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_any_kind_come_back() {
        let columns = [
            vec![json!(i64::MIN), json!(i64::MAX), json!(0), json!(-1)],
            vec![json!(1), json!("two"), json!(null), json!(u64::MAX)],
            vec![json!(1.5), json!([1]), json!({ "a": "b" }), json!(false)],
            vec![json!(7), json!(7), json!(7), json!(7)],
        ];
        let mut bytes = Vec::new();
        for column in &columns {
            let mut writer = ColumnWriter::default();
            column.iter().cloned().for_each(|value| writer.add(value));
            writer.write(&mut bytes);
        }
        let rows: Vec<Vec<Value>> =
            (0..4).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect();
        assert_eq!(read(&bytes, 4, 4), Some(rows));
        assert_eq!(read(&bytes, 4, 3), None);
        assert_eq!(read(&bytes, 3, 4), None);
    }
}
