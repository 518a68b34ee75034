//! Reads tar entries: V7, USTAR, PAX, GNU with long names, sparse files. What a stream says is taken as Go's `archive/tar` takes it,
//! since that is what other engines see: the size of a PAX record counts, records apply to the next entry only, and an
//! entry of a kind without content has none, whatever its size says.
//!
//! Refused: wrong checksums, records and long names above 1 MiB, sparse files with an unsound map, what stands after a
//! single zero block.

use std::io::{self, BufRead, Seek};

use super::entry::{Entry, EntryKind};
use super::header::BLOCK_SIZE;
use super::pax;
use super::raw::{self, RawHeader};
use super::sparse::{self, Layout, MapInData, Next, Sparse};

/// The longest PAX records or long name.
const MAXIMUM_RECORDS: u64 = 1 << 20;
/// What holes are read as.
const ZEROS: &[u8] = &[0; 32 * 1024];

/// A stream that cannot be read as tar.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The bytes could not be read.
    #[error("could not read the tar")]
    Read { source: io::Error },
    /// The bytes are no tar.
    #[error("not a sound tar: {reason} at byte {offset}")]
    Malformed { reason: &'static str, offset: u64 },
    /// The stream is longer than allowed.
    #[error("the tar has more than {maximum} bytes")]
    TooLong { maximum: u64 },
}

/// Reads entries one after another.
#[derive(Debug)]
pub struct TarReader<R> {
    input: R,
    offset: u64,
    maximum: u64,
    /// What is left of the current entry in the stream: content, then padding.
    content: u64,
    padding: u64,
    /// For a sparse file.
    layout: Option<Layout>,
    /// Bytes of holes so far: they count as those of the stream do.
    holes: u64,
}

impl<R: BufRead> TarReader<R> {
    /// Reads the tar in `input`, which may have up to `maximum` bytes.
    pub fn new(input: R, maximum: u64) -> Self {
        Self { input, offset: 0, maximum, content: 0, padding: 0, layout: None, holes: 0 }
    }

    /// The next entry. What is left of the content of the one before is passed over.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ReadError> {
        let mut pending = Pending::default();
        loop {
            self.layout = None;
            self.skip(self.content.saturating_add(self.padding))?;
            let Some(header) = self.header()? else {
                return if pending.is_empty() { Ok(None) } else { Err(self.malformed("nothing after records")) };
            };
            match header.type_flag {
                b'x' => pending.records = self.records(header.size)?,
                b'g' => self.begin_content(header.size)?,
                b'L' => pending.path = Some(self.long_name(header.size)?),
                b'K' => pending.link = Some(self.long_name(header.size)?),
                _ => return self.entry(header, &mut pending).map(Some),
            }
        }
    }

    /// Some of the content of the current entry, holes as zeros; empty at its end. [`TarReader::consume`] says how much was
    /// used.
    pub fn content(&mut self) -> Result<&[u8], ReadError> {
        let content = match self.layout.as_mut().map_or(Next::Data(self.content), Layout::next) {
            Next::Hole(length) => {
                return Ok(&ZEROS[..usize::try_from(length).map_or(ZEROS.len(), |length| length.min(ZEROS.len()))]);
            }
            Next::End | Next::Data(0) => return Ok(&[]),
            Next::Data(length) => length,
        };
        let offset = self.offset;
        let bytes = self.fill()?;
        if bytes.is_empty() {
            return Err(ReadError::Malformed { reason: "end within a file", offset });
        }
        let count = usize::try_from(content).map_or(bytes.len(), |content| content.min(bytes.len()));
        Ok(&bytes[..count])
    }

    /// Marks `count` bytes of the content as used.
    pub fn consume(&mut self, count: usize) {
        let length = count as u64;
        if let Some(layout) = &mut self.layout {
            let is_hole = matches!(layout.next(), Next::Hole(_));
            layout.pass(length);
            if is_hole {
                return;
            }
        }
        self.input.consume(count);
        self.offset += length;
        self.content = self.content.saturating_sub(length);
    }

    /// Passes over a hole, if the content of the current entry has one here, and says how long it is.
    pub fn skip_hole(&mut self) -> u64 {
        let Some(layout) = &mut self.layout else { return 0 };
        let Next::Hole(length) = layout.next() else { return 0 };
        layout.pass(length);
        length
    }

    /// Whether the current entry is a sparse file, whose content does not stand in the stream as it is.
    pub fn is_sparse(&self) -> bool {
        self.layout.is_some()
    }

    /// Reads on to the end of the stream, past the end mark, and says how long the stream was.
    pub fn finish(mut self) -> Result<u64, ReadError> {
        loop {
            let count = self.fill()?.len();
            if count == 0 {
                return Ok(self.offset);
            }
            self.input.consume(count);
            self.offset += count as u64;
        }
    }

    /// Where in the stream the reader stands: after [`TarReader::next_entry`], where the entry's content begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn entry(&mut self, mut header: RawHeader, pending: &mut Pending) -> Result<Entry, ReadError> {
        let old = header.sparse.take();
        let mut entry = header.into_entry();
        pending.apply(&mut entry).map_err(|reason| self.malformed(reason))?;
        let sparse = match old {
            Some((sparse, goes_on)) => Some(self.continuation(sparse, goes_on)?),
            None => pending.sparse.take(),
        };
        match entry.kind {
            EntryKind::File | EntryKind::Other(_) => {
                self.begin_content(entry.size)?;
                if let Some(sparse) = sparse.filter(|_| entry.kind == EntryKind::File) {
                    self.begin_sparse(&mut entry, sparse)?;
                } else if entry.kind == EntryKind::File && entry.path.ends_with(b"/") {
                    // The way of V7, which has no kind for directories.
                    entry.kind = EntryKind::Directory;
                }
            }
            EntryKind::HardLink
            | EntryKind::Symlink
            | EntryKind::CharacterDevice
            | EntryKind::BlockDevice
            | EntryKind::Directory
            | EntryKind::Fifo => entry.size = 0,
        }
        Ok(entry)
    }

    /// Reads the blocks after an old header of a sparse file.
    fn continuation(&mut self, mut sparse: Sparse, mut goes_on: bool) -> Result<Sparse, ReadError> {
        while goes_on {
            let block = self.block()?.ok_or_else(|| self.malformed("end within the map of a sparse file"))?;
            goes_on = sparse.continue_old(&block).map_err(|reason| self.malformed(reason))?;
        }
        Ok(sparse)
    }

    /// Reads what stands before the data of a sparse file; its content begins after that.
    fn begin_sparse(&mut self, entry: &mut Entry, mut sparse: Sparse) -> Result<(), ReadError> {
        if sparse.has_map_in_data().map_err(|reason| self.malformed(reason))? {
            let mut map = MapInData::default();
            loop {
                let block = if self.content < BLOCK_SIZE as u64 { None } else { self.block()? };
                let block = block.ok_or_else(|| self.malformed("end within the map of a sparse file"))?;
                self.content -= BLOCK_SIZE as u64;
                if !map.block(&block).map_err(|reason| self.malformed(reason))? {
                    break;
                }
            }
            map.finish(&mut sparse);
        }
        if let Some(name) = sparse.name.take() {
            entry.path = name;
        }
        let layout = sparse.layout(self.content).map_err(|reason| self.malformed(reason))?;
        entry.size = layout.size;
        self.holes = self.holes.saturating_add(layout.size - self.content);
        if self.offset.saturating_add(self.holes) > self.maximum {
            return Err(ReadError::TooLong { maximum: self.maximum });
        }
        self.layout = Some(layout);
        Ok(())
    }

    fn begin_content(&mut self, size: u64) -> Result<(), ReadError> {
        let block = BLOCK_SIZE as u64;
        if size > u64::MAX - block {
            return Err(self.malformed("size that cannot be"));
        }
        self.content = size;
        self.padding = size.next_multiple_of(block) - size;
        Ok(())
    }

    fn header(&mut self) -> Result<Option<RawHeader>, ReadError> {
        let Some(block) = self.block()? else { return Ok(None) };
        if block == [0; BLOCK_SIZE] {
            return match self.block()? {
                None => Ok(None),
                Some(block) if block == [0; BLOCK_SIZE] => Ok(None),
                Some(_) => Err(self.malformed("something after a zero block")),
            };
        }
        raw::parse(&block).map(Some).map_err(|reason| self.malformed(reason))
    }

    /// The next block; none at the end of the stream.
    fn block(&mut self) -> Result<Option<[u8; BLOCK_SIZE]>, ReadError> {
        let mut block = [0; BLOCK_SIZE];
        match self.read_into(&mut block)? {
            0 => Ok(None),
            BLOCK_SIZE => Ok(Some(block)),
            _ => Err(self.malformed("end within a header")),
        }
    }

    fn records(&mut self, size: u64) -> Result<Vec<u8>, ReadError> {
        if size > MAXIMUM_RECORDS {
            return Err(self.malformed("records or name of more than 1 MiB"));
        }
        self.begin_content(size)?;
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        if self.read_into(&mut bytes)? < bytes.len() {
            return Err(self.malformed("end within records"));
        }
        self.content = 0;
        Ok(bytes)
    }

    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, ReadError> {
        let mut name = self.records(size)?;
        name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
        Ok(name)
    }

    /// Reads until `bytes` is full or the stream ends.
    fn read_into(&mut self, bytes: &mut [u8]) -> Result<usize, ReadError> {
        let mut done = 0;
        while done < bytes.len() {
            let found = self.fill()?;
            let count = found.len().min(bytes.len() - done);
            if count == 0 {
                break;
            }
            bytes[done..done + count].copy_from_slice(&found[..count]);
            done += count;
            self.input.consume(count);
            self.offset += count as u64;
        }
        Ok(done)
    }

    fn skip(&mut self, mut count: u64) -> Result<(), ReadError> {
        (self.content, self.padding) = (0, 0);
        while count > 0 {
            let found = self.fill()?.len() as u64;
            if found == 0 {
                return Err(self.malformed("end within a file"));
            }
            let step = found.min(count);
            self.input.consume(usize::try_from(step).expect("no longer than the buffer"));
            self.offset += step;
            count -= step;
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<&[u8], ReadError> {
        // Borrowed twice, since an early return of the bytes would keep the borrow for the retry.
        while let Err(source) = self.input.fill_buf() {
            if source.kind() != io::ErrorKind::Interrupted {
                return Err(ReadError::Read { source });
            }
        }
        let bytes = self.input.fill_buf().map_err(|source| ReadError::Read { source })?;
        if self.offset.saturating_add(self.holes).saturating_add(bytes.len() as u64) > self.maximum {
            return Err(ReadError::TooLong { maximum: self.maximum });
        }
        Ok(bytes)
    }

    fn malformed(&self, reason: &'static str) -> ReadError {
        ReadError::Malformed { reason, offset: self.offset }
    }
}

impl<R: BufRead + Seek> TarReader<R> {
    /// Passes over the content of the current entry without reading it. Whether the stream is that long is not seen here:
    /// who relies on the content has to compare with the length of the file.
    pub fn seek_past(&mut self) -> Result<(), ReadError> {
        let count = self.content.saturating_add(self.padding);
        let step = i64::try_from(count).map_err(|_| self.malformed("size that cannot be"))?;
        self.input.seek_relative(step).map_err(|source| ReadError::Read { source })?;
        self.offset += count;
        (self.content, self.padding) = (0, 0);
        self.layout = None;
        Ok(())
    }
}

/// What was said about the next entry.
#[derive(Default)]
struct Pending {
    records: Vec<u8>,
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    /// What the records say of a sparse file.
    sparse: Option<Sparse>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.path.is_none() && self.link.is_none()
    }

    /// PAX records come after GNU long names, as the newer format.
    fn apply(&mut self, entry: &mut Entry) -> Result<(), &'static str> {
        if let Some(path) = &self.path {
            entry.path.clone_from(path);
        }
        if let Some(link) = &self.link {
            entry.link.clone_from(link);
        }
        for record in pax::records(&self.records) {
            let (key, value) = record.map_err(|pax::BadRecord| "unsound PAX record")?;
            match key.strip_prefix(sparse::PREFIX) {
                Some(key) => self.sparse.get_or_insert_default().record(key, value)?,
                None => apply_record(entry, key, value)?,
            }
        }
        Ok(())
    }
}

fn apply_record(entry: &mut Entry, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
    const ATTRIBUTE: &[u8] = b"SCHILY.xattr.";
    match key {
        // An empty value takes back what the header says; there is nothing else to fall back to for a name.
        b"path" if !value.is_empty() => entry.path = value.to_vec(),
        b"linkpath" if !value.is_empty() => entry.link = value.to_vec(),
        b"size" if !value.is_empty() => entry.size = raw::decimal(value).ok_or("unsound size in a PAX record")?,
        b"uid" if !value.is_empty() => entry.uid = raw::decimal(value).ok_or("unsound uid in a PAX record")?,
        b"gid" if !value.is_empty() => entry.gid = raw::decimal(value).ok_or("unsound gid in a PAX record")?,
        b"mtime" if !value.is_empty() => entry.mtime = raw::time(value).ok_or("unsound mtime in a PAX record")?,
        _ => {
            if let Some(name) = key.strip_prefix(ATTRIBUTE) {
                entry.attributes.push((name.to_vec(), value.to_vec()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
