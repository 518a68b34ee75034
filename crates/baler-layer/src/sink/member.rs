//! One block as gzip members (RFC 1952): header without time or name, deflate data, CRC and length.
//!
//! Each header has an extra field, as in BGZF, that says how long the member is: a reader finds the next one without
//! inflating, and several threads can inflate at once. Other readers pass over it.
//!
//! The bytes depend on the block alone. Most blocks are one member. Where a block has a longer stretch of what looks like
//! noise (files that are compressed already), that is a member of its own which is stored (RFC 1951, 3.2.4): trying to
//! compress it takes longer than compressing text does, and reading it back costs nothing.

use libdeflater::{CompressionLvl, Compressor};

use super::block::BLOCK_SIZE;
use super::noise;

const LEVEL: i32 = 1;
/// A stored block says its length in 16 bits.
const STORED_SIZE: usize = 0xffff;
/// Method deflate, an extra field, no time, fastest algorithm, unknown system; the extra field has 8 bytes, of which 4 are
/// the header of its one part, `BL`, and 4 the length of the whole member.
const HEADER: [u8; HEADER_SIZE] = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 4, 0xff, 8, 0, b'B', b'L', 4, 0, 0, 0, 0, 0];
pub(crate) const HEADER_SIZE: usize = 20;
/// Where in the header the length of the member is.
const LENGTH: std::ops::Range<usize> = 16..20;
/// CRC and length of the data.
pub(crate) const TRAILER_SIZE: usize = 8;
/// No member is longer: a block that is stored, with all headers.
pub(crate) const MAXIMUM_SIZE: usize = BLOCK_SIZE + BLOCK_SIZE / 1024;

/// The length of the member that begins with `header`, if it is one of this module.
pub(crate) fn length(header: &[u8; HEADER_SIZE]) -> Option<usize> {
    let length = u32::from_le_bytes(*header.last_chunk()?);
    let length = usize::try_from(length).ok()?;
    let is_own = header[..LENGTH.start] == HEADER[..LENGTH.start];
    (is_own && (HEADER_SIZE + TRAILER_SIZE..=MAXIMUM_SIZE).contains(&length)).then_some(length)
}

/// Compresses blocks, one after another.
pub(super) struct MemberWriter {
    compressor: Compressor,
    trial: Vec<u8>,
}

impl MemberWriter {
    pub(super) fn new() -> Self {
        let level = CompressionLvl::new(LEVEL).expect("the level is one that libdeflate has");
        Self { compressor: Compressor::new(level), trial: Vec::new() }
    }

    /// Replaces `output` with the members for `input`.
    pub(super) fn write(&mut self, input: &[u8], output: &mut Vec<u8>) {
        output.clear();
        let mut rest = input;
        for stretch in noise::stretches(input) {
            let start = stretch.start - (input.len() - rest.len());
            if !self.is_noise(&input[stretch.clone()]) {
                continue;
            }
            if start > 0 {
                self.compress(&rest[..start], output);
            }
            store(&input[stretch.clone()], output);
            rest = &input[stretch.end..];
        }
        if !rest.is_empty() || input.is_empty() {
            self.compress(rest, output);
        }
    }

    /// Whether what looks like noise byte by byte does not repeat itself either, by a part of it.
    fn is_noise(&mut self, stretch: &[u8]) -> bool {
        let middle = stretch.len() / 2;
        let part = &stretch[middle..stretch.len().min(middle + noise::PIECE_SIZE)];
        self.trial.resize(room(part.len()), 0);
        self.compressor.deflate_compress(part, &mut self.trial).is_err()
    }

    /// Adds a member, stored if it hardly compresses.
    fn compress(&mut self, input: &[u8], output: &mut Vec<u8>) {
        let start = output.len();
        output.extend_from_slice(&HEADER);
        let data = output.len();
        output.resize(data + room(input.len()), 0);
        if let Ok(length) = self.compressor.deflate_compress(input, &mut output[data..]) {
            output.truncate(data + length);
            finish(input, start, output);
        } else {
            output.truncate(start);
            store(input, output);
        }
    }
}

/// 97 % of the length: what needs more is not worth the time it takes to decompress.
fn room(length: usize) -> usize {
    length - length * 3 / 100 + if length < 1024 { 64 } else { 0 }
}

/// Adds a member that is not compressed.
fn store(input: &[u8], output: &mut Vec<u8>) {
    let start = output.len();
    output.extend_from_slice(&HEADER);
    let mut chunks = input.chunks(STORED_SIZE).peekable();
    while let Some(chunk) = chunks.next() {
        let length = u16::try_from(chunk.len()).expect("chunks are cut to fit");
        output.push(u8::from(chunks.peek().is_none()));
        output.extend_from_slice(&length.to_le_bytes());
        output.extend_from_slice(&(!length).to_le_bytes());
        output.extend_from_slice(chunk);
    }
    finish(input, start, output);
}

/// Adds the trailer of the member that begins at `start`, and says its length in the header.
fn finish(input: &[u8], start: usize, output: &mut Vec<u8>) {
    output.extend_from_slice(&libdeflater::crc32(input).to_le_bytes());
    let size = u32::try_from(input.len()).expect("a block is small");
    output.extend_from_slice(&size.to_le_bytes());
    let length = u32::try_from(output.len() - start).expect("a member is small");
    output[start..][LENGTH].copy_from_slice(&length.to_le_bytes());
}
