//! Sparse files, in the four forms of GNU tar (GNU tar manual, "Storing Sparse Files"): the old header with continuation
//! blocks, and PAX records 0.0, 0.1 and 1.0, the last with its map before the data.
//!
//! A map is taken as Go's `archive/tar` takes it: pieces in order, without overlap, inside the file, and as long together
//! as the data is. Refused: other maps, other versions, more than [`MAXIMUM_PIECES`] pieces.

use super::header::{BLOCK_SIZE, Field};
use super::raw;

/// The prefix of all records about sparse files.
pub(super) const PREFIX: &[u8] = b"GNU.sparse.";
const MAXIMUM_PIECES: usize = 1 << 18;

/// Where the four pieces of an old header are, where it says that blocks follow, and where the size is.
const OLD: (usize, usize, usize) = (386, 4, 482);
const OLD_SIZE: Field = (483, 12);
/// The same of a continuation block.
const CONTINUATION: (usize, usize, usize) = (0, 21, 504);
const NUMBER_SIZE: usize = 12;

const UNSOUND: &str = "unsound map of a sparse file";

/// A piece of a file that is in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    offset: u64,
    length: u64,
}

/// The pieces of a file, as they are read.
#[derive(Debug, Default)]
struct Map {
    pieces: Vec<Piece>,
    /// An offset whose length is yet to come.
    half: Option<u64>,
}

impl Map {
    fn push(&mut self, offset: u64, length: u64) -> Result<(), &'static str> {
        if self.pieces.len() == MAXIMUM_PIECES {
            return Err("sparse file of too many pieces");
        }
        self.pieces.push(Piece { offset, length });
        Ok(())
    }

    /// Offsets and lengths in turn.
    fn push_number(&mut self, number: u64) -> Result<(), &'static str> {
        match self.half.take() {
            None => {
                self.half = Some(number);
                Ok(())
            }
            Some(offset) => self.push(offset, number),
        }
    }

    /// Takes the pieces in a header or a continuation block, and says whether another block follows.
    fn push_old(&mut self, block: &[u8; BLOCK_SIZE], layout: (usize, usize, usize)) -> Result<bool, &'static str> {
        let (start, count, flag) = layout;
        for index in 0..count {
            let at = start + index * 2 * NUMBER_SIZE;
            if block[at] == 0 {
                break;
            }
            let number = |at| raw::number(block, (at, NUMBER_SIZE)).ok_or(UNSOUND);
            self.push(number(at)?, number(at + NUMBER_SIZE)?)?;
        }
        Ok(block[flag] != 0)
    }
}

/// What is known of a sparse file before its data.
#[derive(Debug, Default)]
pub(super) struct Sparse {
    map: Map,
    /// Size with holes.
    size: Option<u64>,
    /// The name that the file really has.
    pub(super) name: Option<Vec<u8>>,
    count: Option<u64>,
    major: Option<u64>,
    minor: Option<u64>,
}

impl Sparse {
    /// What an old header says, and whether a continuation block follows.
    pub(super) fn old(block: &[u8; BLOCK_SIZE]) -> Result<(Self, bool), &'static str> {
        let mut sparse = Self { size: Some(raw::number(block, OLD_SIZE).ok_or(UNSOUND)?), ..Self::default() };
        let goes_on = sparse.map.push_old(block, OLD)?;
        Ok((sparse, goes_on))
    }

    /// Takes a continuation block, and says whether another follows.
    pub(super) fn continue_old(&mut self, block: &[u8; BLOCK_SIZE]) -> Result<bool, &'static str> {
        self.map.push_old(block, CONTINUATION)
    }

    /// Takes a PAX record; `key` without [`PREFIX`].
    pub(super) fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let number = || raw::decimal(value).filter(|_| !value.is_empty()).ok_or(UNSOUND);
        match key {
            b"major" => self.major = Some(number()?),
            b"minor" => self.minor = Some(number()?),
            b"name" => self.name = Some(value.to_vec()).filter(|name| !name.is_empty()),
            b"size" | b"realsize" => self.size = Some(number()?),
            b"numblocks" => self.count = Some(number()?),
            b"offset" if self.map.half.is_none() => self.map.push_number(number()?)?,
            b"numbytes" if self.map.half.is_some() => self.map.push_number(number()?)?,
            b"offset" | b"numbytes" => return Err(UNSOUND),
            b"map" => {
                self.map = Map::default();
                for part in value.split(|byte| *byte == b',').filter(|_| !value.is_empty()) {
                    let number = raw::decimal(part).filter(|_| !part.is_empty()).ok_or(UNSOUND)?;
                    self.map.push_number(number)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the map stands before the data.
    pub(super) fn has_map_in_data(&self) -> Result<bool, &'static str> {
        match (self.major, self.minor) {
            (None, None) | (Some(0), Some(0 | 1)) => Ok(false),
            (Some(1), Some(0)) => Ok(true),
            _ => Err("sparse file of an unknown version"),
        }
    }

    /// The holes and pieces of a file with `stored` bytes in the archive.
    pub(super) fn layout(self, stored: u64) -> Result<Layout, &'static str> {
        let Self { map: Map { pieces, half: None }, size: Some(size), count, .. } = self else { return Err(UNSOUND) };
        if count.is_some_and(|count| usize::try_from(count) != Ok(pieces.len())) {
            return Err(UNSOUND);
        }
        let (mut end, mut sum) = (0_u64, 0_u64);
        for Piece { offset, length } in &pieces {
            let piece_end = offset.checked_add(*length).filter(|piece_end| *offset >= end && *piece_end <= size);
            end = piece_end.ok_or(UNSOUND)?;
            // No more than `end`, which is no overflow.
            sum += length;
        }
        if sum != stored {
            return Err("sparse file with more or less data than its map says");
        }
        Ok(Layout { pieces: pieces.into_iter(), size, position: 0, hole: 0, data: 0 })
    }
}

/// Reads the map of version 1.0: decimal numbers, each with a line feed; first how many pieces there are.
#[derive(Debug, Default)]
pub(super) struct MapInData {
    map: Map,
    count: Option<u64>,
    digits: Vec<u8>,
}

impl MapInData {
    /// Takes a block, and says whether another follows.
    pub(super) fn block(&mut self, block: &[u8; BLOCK_SIZE]) -> Result<bool, &'static str> {
        for byte in block {
            if self.is_whole() {
                return Ok(false);
            }
            if *byte != b'\n' {
                self.digits.push(*byte);
                if self.digits.len() > 20 {
                    return Err(UNSOUND);
                }
                continue;
            }
            let number = raw::decimal(&self.digits).filter(|_| !self.digits.is_empty()).ok_or(UNSOUND)?;
            self.digits.clear();
            match self.count {
                None => self.count = Some(number),
                Some(_) => self.map.push_number(number)?,
            }
        }
        Ok(!self.is_whole())
    }

    fn is_whole(&self) -> bool {
        self.map.half.is_none() && self.count.is_some_and(|count| self.map.pieces.len() as u64 >= count)
    }

    /// Puts the map where the others have theirs.
    pub(super) fn finish(self, sparse: &mut Sparse) {
        sparse.map = self.map;
    }
}

/// Holes and pieces of a file, passed through from its beginning.
#[derive(Debug)]
pub(super) struct Layout {
    pieces: std::vec::IntoIter<Piece>,
    pub(super) size: u64,
    /// Behind the current piece.
    position: u64,
    /// What is left of the current hole, and of the piece after it.
    hole: u64,
    data: u64,
}

/// What comes next in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Hole(u64),
    Data(u64),
    End,
}

impl Layout {
    pub(super) fn next(&mut self) -> Next {
        while self.hole == 0 && self.data == 0 {
            let piece = self.pieces.next();
            let Piece { offset, length } = piece.unwrap_or(Piece { offset: self.size, length: 0 });
            self.hole = offset - self.position;
            self.data = length;
            self.position = offset + length;
            if piece.is_none() && self.hole == 0 {
                return Next::End;
            }
        }
        if self.hole > 0 { Next::Hole(self.hole) } else { Next::Data(self.data) }
    }

    /// Passes over `count` bytes of what comes next.
    pub(super) fn pass(&mut self, count: u64) {
        let left = if self.hole > 0 { &mut self.hole } else { &mut self.data };
        *left = left.saturating_sub(count);
    }
}
