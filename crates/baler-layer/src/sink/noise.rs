//! Stretches of a block that look like noise: all bytes about equally often, as in compressed or encrypted files.

use std::ops::Range;

/// What is judged at a time; small, so that little noise is compressed at the edges.
pub(super) const PIECE_SIZE: usize = 4096;
/// Shorter stretches are not worth a member.
const MINIMUM_PIECES: usize = 4;
/// Bytes that are looked at first; text and programs show by them.
const FIRST_LOOK: usize = 512;
/// For noise, chi-squared with 255 degrees of freedom is 255 with a deviation of 23; text has thousands.
const MAXIMUM_CHI_SQUARED: u64 = 400;
const MAXIMUM_AT_FIRST: u64 = 500;

/// The stretches in `block`, in order, without overlap.
pub(super) fn stretches(block: &[u8]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (index, piece) in block.chunks_exact(PIECE_SIZE).enumerate() {
        let (start, end) = (index * PIECE_SIZE, (index + 1) * PIECE_SIZE);
        if is_noise(piece) {
            match found.last_mut().filter(|last| last.end == start) {
                Some(last) => last.end = end,
                None => found.push(start..end),
            }
        }
    }
    found.retain(|stretch| stretch.len() >= MINIMUM_PIECES * PIECE_SIZE);
    found
}

fn is_noise(piece: &[u8]) -> bool {
    chi_squared(&piece[..FIRST_LOOK]) <= MAXIMUM_AT_FIRST && chi_squared(piece) <= MAXIMUM_CHI_SQUARED
}

/// How far the bytes are from all being equally frequent.
fn chi_squared(bytes: &[u8]) -> u64 {
    // Two tables, since a byte that follows itself would wait for its own count.
    let mut counts = [[0u16; 256]; 2];
    for pair in bytes.chunks_exact(2) {
        counts[0][usize::from(pair[0])] += 1;
        counts[1][usize::from(pair[1])] += 1;
    }
    let squares = (0..256).map(|byte| u64::from(counts[0][byte] + counts[1][byte]).pow(2)).sum::<u64>();
    let total = bytes.len() as u64;
    (256 * squares / total).saturating_sub(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(size: usize) -> Vec<u8> {
        let mut state = 1u64;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..size).map(next).collect()
    }

    #[test]
    fn noise_is_found_between_text() {
        let text = b"some words and then some more\n".repeat(1000);
        let block = [&text[..20000], &noise(50000), &text[..20000]].concat();
        assert_eq!(stretches(&block), vec![5 * PIECE_SIZE..17 * PIECE_SIZE]);
    }

    #[test]
    fn text_zeros_and_base64_are_no_noise() {
        let base64: Vec<u8> = noise(100_000).iter().map(|byte| b' ' + byte % 64).collect();
        for block in [vec![0; 100_000], b"words ".repeat(20000), base64, noise(2 * PIECE_SIZE)] {
            assert!(stretches(&block).is_empty());
        }
    }
}
