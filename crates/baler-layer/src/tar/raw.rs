//! The fields of a header block, as they are found in the wild.

use super::entry::{Entry, EntryKind, Time};
use super::header::{
    BLOCK_SIZE, CHECKSUM, Field, GID, LINK_NAME, MAGIC, MODE, MTIME, NAME, PREFIX, SIZE, TYPE_FLAG, UID, block_sum,
};
use super::sparse::Sparse;

/// What one header block says.
#[derive(Debug)]
pub(super) struct RawHeader {
    pub(super) type_flag: u8,
    pub(super) size: u64,
    path: Vec<u8>,
    link: Vec<u8>,
    mode: u32,
    uid: u64,
    gid: u64,
    mtime: i64,
    /// For a sparse file in the old form; with whether a block of its map follows.
    pub(super) sparse: Option<(Sparse, bool)>,
}

impl RawHeader {
    /// The entry without its PAX records.
    pub(super) fn into_entry(self) -> Entry {
        let kind = match self.type_flag {
            // Contiguous files are files, and so are sparse ones; V7 has NUL.
            b'0' | b'7' | b'S' | 0 => EntryKind::File,
            b'1' => EntryKind::HardLink,
            b'2' => EntryKind::Symlink,
            b'3' => EntryKind::CharacterDevice,
            b'4' => EntryKind::BlockDevice,
            b'5' => EntryKind::Directory,
            b'6' => EntryKind::Fifo,
            other => EntryKind::Other(other),
        };
        let mtime = Time { seconds: self.mtime, nanoseconds: 0 };
        let Self { path, link, mode, uid, gid, size, .. } = self;
        Entry { kind, path, link, mode, uid, gid, size, mtime, attributes: Vec::new() }
    }
}

/// Reads a header block; the error says what is wrong.
pub(super) fn parse(block: &[u8; BLOCK_SIZE]) -> Result<RawHeader, &'static str> {
    let sum = number(block, CHECKSUM).filter(|sum| *sum == block_sum(block) || *sum == signed_sum(block));
    sum.ok_or("wrong checksum of a header")?;
    let mut path = text(block, NAME).to_vec();
    let prefix = text(block, prefix_field(block));
    if !prefix.is_empty() {
        path = [prefix, b"/", &path].concat();
    }
    Ok(RawHeader {
        type_flag: block[TYPE_FLAG],
        size: number(block, SIZE).ok_or("unsound size")?,
        path,
        link: text(block, LINK_NAME).to_vec(),
        mode: u32::try_from(number(block, MODE).ok_or("unsound mode")? & 0o7777).unwrap_or(0),
        uid: number(block, UID).ok_or("unsound uid")?,
        gid: number(block, GID).ok_or("unsound gid")?,
        mtime: signed_number(block, MTIME).ok_or("unsound mtime")?,
        sparse: if block[TYPE_FLAG] == b'S' { Some(Sparse::old(block)?) } else { None },
    })
}

/// GNU has times where USTAR has the prefix, and star has them at the end of it.
fn prefix_field(block: &[u8; BLOCK_SIZE]) -> Field {
    let (start, length) = PREFIX;
    if bytes(block, MAGIC)[..6] != *b"ustar\0" {
        (start, 0)
    } else if block[508..] == *b"tar\0" {
        (start, 131)
    } else {
        (start, length)
    }
}

fn bytes(block: &[u8; BLOCK_SIZE], (start, length): Field) -> &[u8] {
    &block[start..start + length]
}

/// Text up to the first NUL.
fn text(block: &[u8; BLOCK_SIZE], field: Field) -> &[u8] {
    let bytes = bytes(block, field);
    &bytes[..bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len())]
}

/// Octal digits with spaces or NULs around, or GNU's binary form. An empty field is 0.
pub(super) fn number(block: &[u8; BLOCK_SIZE], field: Field) -> Option<u64> {
    signed_number(block, field).and_then(|number| u64::try_from(number).ok())
}

fn signed_number(block: &[u8; BLOCK_SIZE], field: Field) -> Option<i64> {
    let bytes = bytes(block, field);
    if bytes[0] & 0x80 != 0 {
        return binary(bytes);
    }
    let is_digit = |byte: &u8| !matches!(byte, b' ' | 0);
    let start = bytes.iter().position(is_digit).unwrap_or(bytes.len());
    let digits = &bytes[start..];
    let end = digits.iter().position(|byte| !is_digit(byte)).unwrap_or(digits.len());
    let mut value: i64 = 0;
    for digit in &digits[..end] {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        value = value.checked_mul(8)?.checked_add(i64::from(digit))?;
    }
    Some(value)
}

/// Big-endian two's complement; the top bit only marks the form, the next one is the sign.
fn binary(bytes: &[u8]) -> Option<i64> {
    let is_negative = bytes[0] & 0x40 != 0;
    let first = if is_negative { bytes[0] } else { bytes[0] & 0x7f };
    let mut value: i64 = if is_negative { -1 } else { 0 };
    for byte in std::iter::once(&first).chain(&bytes[1..]) {
        value = value.checked_mul(256)?.checked_add(i64::from(*byte))?;
    }
    Some(value)
}

/// The checksum as some old programs make it, with bytes taken as signed.
fn signed_sum(block: &[u8; BLOCK_SIZE]) -> u64 {
    let field = CHECKSUM.0..CHECKSUM.0 + CHECKSUM.1;
    let counted = |(index, byte): (usize, &u8)| if field.contains(&index) { 32 } else { i64::from(byte.cast_signed()) };
    u64::try_from(block.iter().enumerate().map(counted).sum::<i64>()).unwrap_or(u64::MAX)
}

/// A decimal number of a PAX record.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    text.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

/// A time of a PAX record: seconds with an optional sign and fraction.
pub(super) fn time(text: &[u8]) -> Option<Time> {
    let (is_negative, digits) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
    let point = digits.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = digits.split_at(point.unwrap_or(digits.len()));
    let seconds = i128::from(decimal(whole).filter(|_| !whole.is_empty())?);
    let mut nanoseconds = 0;
    for index in 1..=9 {
        let digit = fraction.get(index).copied().unwrap_or(b'0');
        nanoseconds = nanoseconds * 10 + u32::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    let (seconds, nanoseconds) = match (is_negative, nanoseconds) {
        (false, nanoseconds) => (seconds, nanoseconds),
        (true, 0) => (-seconds, 0),
        (true, _) => (-seconds - 1, 1_000_000_000 - nanoseconds),
    };
    Some(Time { seconds: i64::try_from(seconds).ok()?, nanoseconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_fractions_and_signs() {
        let time = |text: &str| time(text.as_bytes()).map(|time| (time.seconds, time.nanoseconds));
        assert_eq!(time("12"), Some((12, 0)));
        assert_eq!(time("12.5"), Some((12, 500_000_000)));
        assert_eq!(time("12.0000000019"), Some((12, 1)));
        assert_eq!(time("-1"), Some((-1, 0)));
        assert_eq!(time("-1.25"), Some((-2, 750_000_000)));
        assert_eq!(time("-9223372036854775808"), Some((i64::MIN, 0)));
        for bad in
            ["", ".5", "-", "x", "1.x", "1e5", "99999999999999999999", "9223372036854775808", "-9223372036854775808.5"]
        {
            assert_eq!(time(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_come_in_several_forms() {
        let number = |bytes: &[u8]| {
            let mut block = [0; BLOCK_SIZE];
            block[SIZE.0..SIZE.0 + bytes.len()].copy_from_slice(bytes);
            super::number(&block, SIZE)
        };
        assert_eq!(number(b"00000000017\0"), Some(15));
        assert_eq!(number(b"  17 \0"), Some(15));
        assert_eq!(number(b""), Some(0));
        assert_eq!(number(b"777777777777"), Some((1 << 36) - 1));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(1 << 33));
        for bad in
            [&b"18"[..], b"1x", &[0xff; 12], &[0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]
        {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }
}
