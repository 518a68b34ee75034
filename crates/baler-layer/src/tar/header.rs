//! Header bytes of one entry, as a pure function. The rules are those of Go's `archive/tar` for a header without a
//! wanted format: USTAR where everything fits, a PAX record before it for what does not.

use std::io::Write as _;

use super::pax;

/// Size of a tar block.
pub(super) const BLOCK_SIZE: usize = 512;

const NAME_SIZE: usize = 100;
const PREFIX_SIZE: usize = 155;

/// Offset and length of a field in a header block.
pub(super) type Field = (usize, usize);

pub(super) const NAME: Field = (0, NAME_SIZE);
pub(super) const MODE: Field = (100, 8);
pub(super) const UID: Field = (108, 8);
pub(super) const GID: Field = (116, 8);
pub(super) const SIZE: Field = (124, 12);
pub(super) const MTIME: Field = (136, 12);
pub(super) const CHECKSUM: Field = (148, 8);
pub(super) const TYPE_FLAG: usize = 156;
pub(super) const LINK_NAME: Field = (157, NAME_SIZE);
pub(super) const MAGIC: Field = (257, 8);
const DEVICE_MAJOR: Field = (329, 8);
const DEVICE_MINOR: Field = (337, 8);
pub(super) const PREFIX: Field = (345, PREFIX_SIZE);

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    HardLink,
    Symlink,
    CharacterDevice,
    BlockDevice,
    Directory,
    Fifo,
}

impl Kind {
    fn type_flag(self) -> u8 {
        match self {
            Self::File => b'0',
            Self::HardLink => b'1',
            Self::Symlink => b'2',
            Self::CharacterDevice => b'3',
            Self::BlockDevice => b'4',
            Self::Directory => b'5',
            Self::Fifo => b'6',
        }
    }
}

/// Everything a header says. Owner names are always empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub kind: Kind,
    pub path: &'a [u8],
    /// Target of a link, else empty.
    pub link: &'a [u8],
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub size: u64,
    pub mtime: i64,
    /// Major and minor number of a device.
    pub device: (u32, u32),
}

impl Header<'_> {
    /// The header blocks: one, or three and more where PAX records are needed.
    pub(super) fn encode(&self) -> Vec<u8> {
        let split = split_path(self.path);
        let path_fits = split.is_some() || fits_text(self.path, NAME_SIZE);
        let mut records = Vec::new();
        // In the order of the keys. A path that was split is recorded too, if anything else needs records.
        push_number(&mut records, "gid", GID, self.gid);
        if !fits_text(self.link, NAME_SIZE) {
            pax::push_record(&mut records, "linkpath", self.link);
        }
        if u64::try_from(self.mtime).map_or(true, |time| !fits_octal(MTIME.1, time)) {
            pax::push_record(&mut records, "mtime", self.mtime.to_string().as_bytes());
        }
        let others = !records.is_empty() || !fits_octal(SIZE.1, self.size) || !fits_octal(UID.1, self.uid);
        if !path_fits || (others && !fits_text(self.path, NAME_SIZE)) {
            pax::push_record(&mut records, "path", self.path);
        }
        push_number(&mut records, "size", SIZE, self.size);
        push_number(&mut records, "uid", UID, self.uid);
        if records.is_empty() {
            let (prefix, name) = split.unwrap_or((b"", self.path));
            return self.main_block(prefix, name, self.link).to_vec();
        }
        let mut blocks = extended_header(self.path, &records);
        blocks.extend_from_slice(&self.main_block(b"", &ascii(self.path), &ascii(self.link)));
        blocks
    }

    fn main_block(&self, prefix: &[u8], name: &[u8], link: &[u8]) -> [u8; BLOCK_SIZE] {
        let mut block = [0; BLOCK_SIZE];
        block[TYPE_FLAG] = self.kind.type_flag();
        put_text(&mut block, NAME, name);
        put_text(&mut block, LINK_NAME, link);
        put_octal(&mut block, MODE, u64::from(self.mode & 0o7777));
        put_octal(&mut block, UID, self.uid);
        put_octal(&mut block, GID, self.gid);
        put_octal(&mut block, SIZE, self.size);
        put_octal(&mut block, MTIME, u64::try_from(self.mtime).unwrap_or(0));
        put_octal(&mut block, DEVICE_MAJOR, u64::from(self.device.0));
        put_octal(&mut block, DEVICE_MINOR, u64::from(self.device.1));
        put_text(&mut block, PREFIX, prefix);
        seal(&mut block);
        block
    }
}

/// Records a number that does not fit into its field.
fn push_number(records: &mut Vec<u8>, key: &str, field: Field, value: u64) {
    if !fits_octal(field.1, value) {
        pax::push_record(records, key, value.to_string().as_bytes());
    }
}

/// The `x` entry with `records`, padded to whole blocks.
fn extended_header(path: &[u8], records: &[u8]) -> Vec<u8> {
    let mut name = ascii(&extended_name(path));
    name.truncate(NAME_SIZE);
    while name.last() == Some(&b'/') {
        name.pop();
    }
    let mut block = [0; BLOCK_SIZE];
    block[TYPE_FLAG] = b'x';
    put_text(&mut block, NAME, &name);
    for field in [MODE, UID, GID, MTIME] {
        put_octal(&mut block, field, 0);
    }
    put_octal(&mut block, SIZE, records.len() as u64);
    seal(&mut block);
    let mut blocks = block.to_vec();
    blocks.extend_from_slice(records);
    blocks.resize(blocks.len().next_multiple_of(BLOCK_SIZE), 0);
    blocks
}

/// `<directory>/PaxHeaders.0/<base>`, cleaned as Go's `path.Join` does.
fn extended_name(path: &[u8]) -> Vec<u8> {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    let (directory, base) = path.split_at(slash.map_or(0, |index| index + 1));
    let mut name = if directory.first() == Some(&b'/') { b"/".to_vec() } else { Vec::new() };
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in directory.split(|byte| *byte == b'/').chain([b"PaxHeaders.0".as_slice(), base]) {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => drop(parts.pop()),
            b".." if !name.is_empty() => {}
            part => parts.push(part),
        }
    }
    name.extend_from_slice(&parts.join(&b'/'));
    name
}

/// Divides a path that is too long for the name field at the last slash that lets both parts fit.
fn split_path(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= NAME_SIZE || !is_ascii(path) {
        return None;
    }
    let mut length = path.len();
    if length > PREFIX_SIZE + 1 {
        length = PREFIX_SIZE + 1;
    } else if path[length - 1] == b'/' {
        length -= 1;
    }
    let slash = path[..length].iter().rposition(|byte| *byte == b'/')?;
    let (prefix, name) = (&path[..slash], &path[slash + 1..]);
    let fits = slash > 0 && !name.is_empty() && name.len() <= NAME_SIZE && prefix.len() <= PREFIX_SIZE;
    fits.then_some((prefix, name))
}

fn is_ascii(text: &[u8]) -> bool {
    text.iter().all(|byte| (1..0x80).contains(byte))
}

fn ascii(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| (1..0x80).contains(byte)).collect()
}

fn fits_text(text: &[u8], size: usize) -> bool {
    text.len() <= size && is_ascii(text)
}

/// Whether `value` fits into a field of `size` bytes of which the last is NUL.
fn fits_octal(size: usize, value: u64) -> bool {
    value < 1 << ((size - 1) * 3)
}

fn put_text(block: &mut [u8; BLOCK_SIZE], (offset, size): Field, text: &[u8]) {
    let length = text.len().min(size);
    block[offset..offset + length].copy_from_slice(&text[..length]);
    if text.len() > size && text[size - 1] == b'/' {
        // A cut name that ends in a slash would look like a directory to old readers.
        let kept = text[..size - 1].iter().rposition(|byte| *byte != b'/').map_or(0, |index| index + 1);
        block[offset + kept] = 0;
    }
}

fn put_octal(block: &mut [u8; BLOCK_SIZE], (offset, size): Field, value: u64) {
    let value = if fits_octal(size, value) { value } else { 0 };
    let mut field = &mut block[offset..offset + size];
    write!(field, "{value:0width$o}\0", width = size - 1).expect("the value was checked to fit");
}

/// Magic, version and checksum.
fn seal(block: &mut [u8; BLOCK_SIZE]) {
    put_text(block, MAGIC, b"ustar\x0000");
    let sum = block_sum(block);
    put_octal(block, (CHECKSUM.0, 7), sum);
    block[CHECKSUM.0 + 7] = b' ';
}

/// Sum of all bytes, the checksum field taken as spaces.
pub(super) fn block_sum(block: &[u8; BLOCK_SIZE]) -> u64 {
    let field = CHECKSUM.0..CHECKSUM.0 + CHECKSUM.1;
    let counted = |(index, byte): (usize, &u8)| if field.contains(&index) { 32 } else { u64::from(*byte) };
    block.iter().enumerate().map(counted).sum()
}

#[cfg(test)]
mod tests;
