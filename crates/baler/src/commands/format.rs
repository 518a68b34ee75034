//! Sizes, times and tables as text.

use std::time::{Duration, SystemTime};

/// `1.2 MB`; powers of 1000.
pub(crate) fn bytes(size: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if size < 1000 {
        return format!("{size} B");
    }
    let (mut tenths, mut unit) = (size / 100, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// `12 ms`, `1.23 s`, `2 m 03 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..60_000 => format!("{}.{:02} s", milliseconds / 1000, milliseconds % 1000 / 10),
        _ => format!("{} m {:02} s", milliseconds / 60_000, milliseconds % 60_000 / 1000),
    }
}

/// Local date and time, to the minute.
pub(crate) fn time(time: SystemTime) -> String {
    let local = jiff::Timestamp::try_from(time).map(|time| time.to_zoned_datetime(jiff::tz::TimeZone::system()));
    local.map_or("-".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M").to_string())
}

/// Columns padded to their widest cell, two spaces between them.
pub(crate) fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// What a listing shows where there is nothing.
pub(crate) fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let texts = [0, 999, 1000, 1234, 999_999, 1_000_000, 12_345_678, 5_000_000_000].map(bytes);
        assert_eq!(texts, ["0 B", "999 B", "1.0 kB", "1.2 kB", "999.9 kB", "1.0 MB", "12.3 MB", "5.0 GB"]);
    }

    #[test]
    fn durations() {
        let texts = [5, 1234, 59_999, 123_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(texts, ["5 ms", "1.23 s", "59.99 s", "2 m 03 s"]);
    }

    #[test]
    fn tables() {
        let rows = vec![vec!["A".to_owned(), "B".to_owned()], vec!["long".to_owned(), "x".to_owned()]];
        assert_eq!(table(&rows), ["A     B", "long  x"]);
    }
}
