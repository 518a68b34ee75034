//! One block as one gzip member (RFC 1952): header without time or name, deflate data, CRC and length.
//!
//! The bytes depend on the block alone. What hardly compresses is stored (RFC 1951, 3.2.4), which costs nothing to read.

use libdeflater::{CompressionLvl, Compressor};

const LEVEL: i32 = 1;
/// A stored block says its length in 16 bits.
const STORED_SIZE: usize = 0xffff;
/// Method deflate, no flags, no time, fastest algorithm, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 0xff];

/// Compresses blocks, one after another.
pub(super) struct MemberWriter {
    compressor: Compressor,
}

impl MemberWriter {
    pub(super) fn new() -> Self {
        let level = CompressionLvl::new(LEVEL).expect("the level is one that libdeflate has");
        Self { compressor: Compressor::new(level) }
    }

    /// Replaces `output` with the member for `input`.
    pub(super) fn write(&mut self, input: &[u8], output: &mut Vec<u8>) {
        // Room for 97 %: what needs more is not worth the time it takes to decompress.
        let room = input.len() / 100 * 97 + 64;
        output.clear();
        output.resize(HEADER.len() + room, 0);
        match self.compressor.deflate_compress(input, &mut output[HEADER.len()..]) {
            Ok(length) => output.truncate(HEADER.len() + length),
            Err(libdeflater::CompressionError::InsufficientSpace) => {
                output.truncate(HEADER.len());
                store(input, output);
            }
        }
        output[..HEADER.len()].copy_from_slice(&HEADER);
        output.extend_from_slice(&libdeflater::crc32(input).to_le_bytes());
        let length = u32::try_from(input.len()).expect("a block is small");
        output.extend_from_slice(&length.to_le_bytes());
    }
}

fn store(input: &[u8], output: &mut Vec<u8>) {
    let mut chunks = input.chunks(STORED_SIZE).peekable();
    while let Some(chunk) = chunks.next() {
        let length = u16::try_from(chunk.len()).expect("chunks are cut to fit");
        output.push(u8::from(chunks.peek().is_none()));
        output.extend_from_slice(&length.to_le_bytes());
        output.extend_from_slice(&(!length).to_le_bytes());
        output.extend_from_slice(chunk);
    }
}
