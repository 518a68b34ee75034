//! PAX records: `<length> <key>=<value>\n`, the length counting itself.

/// Appends a record. Values are bytes as they are: a name that is not UTF-8 is recorded unchanged, as Go does.
pub(super) fn push_record(records: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + digits(rest);
    if rest + digits(length) != length {
        length = rest + digits(length);
    }
    records.extend_from_slice(format!("{length} {key}=").as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

/// Why records could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadRecord;

/// Keys and values of `records`, in order.
pub(super) fn records(records: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), BadRecord>> {
    let mut rest = records;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let record = next_record(rest);
        rest = record.map_or(&[], |(_, _, after)| after);
        Some(record.map(|(key, value, _)| (key, value)).ok_or(BadRecord))
    })
}

/// Key, value and what follows.
fn next_record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let record = bytes.get(space + 1..length)?;
    let (last, record) = record.split_last()?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let sound = *last == b'\n' && equals > 0;
    sound.then(|| (&record[..equals], &record[equals + 1..], &bytes[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_counts_itself() {
        for (value, expected) in [("a", 6), ("aaaa", 9), ("aaaaa", 11)] {
            let mut bytes = Vec::new();
            push_record(&mut bytes, "k", value.as_bytes());
            assert_eq!(bytes.len(), expected, "{value}");
            assert!(bytes.starts_with(format!("{expected} ").as_bytes()));
        }
    }

    #[test]
    fn records_come_back() {
        for length in 0..1200 {
            let value = vec![0xff; length];
            let mut bytes = Vec::new();
            push_record(&mut bytes, "path", &value);
            push_record(&mut bytes, "uid", b"1=2");
            let found: Vec<_> = records(&bytes).collect::<Result<_, _>>().unwrap();
            assert_eq!(found, [(&b"path"[..], &value[..]), (b"uid", b"1=2")]);
        }
    }

    #[test]
    fn unsound_records_are_refused() {
        for bytes in ["x", "5 a=b", "6 a=b", "99 a=b\n", "6 =bc\n", "0 \n", "-1 a=b\n", "6a=bb\n", "2 \n", "3 \n"] {
            assert!(records(bytes.as_bytes()).any(|record| record.is_err()), "{bytes:?}");
        }
    }
}
