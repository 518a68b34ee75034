use std::io::Read;

use super::block::BLOCK_SIZE;
use super::*;

/// Text and noise, without a library for either.
fn sample(size: usize) -> Vec<u8> {
    let mut state = 1u32;
    let next = |index: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let is_noise = (index / (BLOCK_SIZE + BLOCK_SIZE / 2)) % 2 == 1;
        if is_noise { (state >> 24) as u8 } else { b"text of a few words "[(state >> 30) as usize + index % 16] }
    };
    (0..size).map(next).collect()
}

fn compress_bytes(threads: usize, bytes: &[u8], chunk: usize) -> (Compressed, Vec<u8>) {
    let mut output = Vec::new();
    let threads = NonZeroUsize::new(threads).unwrap();
    let compressed = compress::<io::Error, _>(threads, &mut output, |tar| {
        bytes.chunks(chunk.max(1)).try_for_each(|chunk| tar.write_all(chunk))
    });
    (compressed.unwrap(), output)
}

fn decompress(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

#[test]
fn bytes_do_not_depend_on_threads_or_writes() {
    let bytes = sample(7 * BLOCK_SIZE + 12345);
    let (expected, blob) = compress_bytes(1, &bytes, bytes.len());
    assert_eq!(expected.diff_id, Digest::of(&bytes));
    assert_eq!(expected.digest, Digest::of(&blob));
    assert_eq!((expected.size, expected.uncompressed_size), (blob.len() as u64, bytes.len() as u64));
    assert_eq!(decompress(&blob), bytes);
    for threads in [2, 5, 64] {
        assert_eq!(compress_bytes(threads, &bytes, 54321), (expected.clone(), blob.clone()), "{threads} threads");
    }
}

#[test]
fn sizes_around_a_block() {
    for size in [0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1] {
        let bytes = sample(size);
        let (compressed, blob) = compress_bytes(2, &bytes, BLOCK_SIZE / 3);
        assert_eq!(decompress(&blob), bytes);
        assert_eq!(compressed.uncompressed_size, size as u64);
        assert_eq!(hash_only::<io::Error, _>(|tar| tar.write_all(&bytes)).unwrap().diff_id, compressed.diff_id);
    }
}

#[test]
fn noise_is_stored() {
    let bytes: Vec<u8> = sample(3 * BLOCK_SIZE)[BLOCK_SIZE + BLOCK_SIZE / 2..].to_vec();
    let (compressed, blob) = compress_bytes(1, &bytes[..BLOCK_SIZE], BLOCK_SIZE);
    assert_eq!(compressed.size, BLOCK_SIZE as u64 + 17 * 5 + 28);
    assert_eq!(decompress(&blob), bytes[..BLOCK_SIZE]);
}

#[test]
fn noise_that_repeats_itself_is_compressed() {
    let table: Vec<u8> = (0..=255).collect();
    let bytes = table.repeat(BLOCK_SIZE / 256);
    let (compressed, blob) = compress_bytes(1, &bytes, BLOCK_SIZE);
    assert!(compressed.size < 10_000, "{}", compressed.size);
    assert_eq!(decompress(&blob), bytes);
}

#[derive(Debug, thiserror::Error)]
enum TestError {
    #[error("the producer gave up")]
    GaveUp,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Sink(#[from] SinkError),
}

#[test]
fn an_error_of_the_producer_is_returned() {
    let block = vec![0; BLOCK_SIZE];
    for blocks in [0, 1, 20] {
        let result = compress(NonZeroUsize::MIN, &mut io::sink(), |tar| {
            (0..blocks).try_for_each(|_| tar.write_all(&block))?;
            Err(TestError::GaveUp)
        });
        assert!(matches!(result, Err(TestError::GaveUp)));
    }
}

/// Takes some bytes and then fails.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_error_of_the_output_is_returned() {
    for room in [0, BLOCK_SIZE] {
        let bytes = sample(30 * BLOCK_SIZE);
        let result = compress(NonZeroUsize::MIN, &mut Full(room), |tar| Ok::<_, TestError>(tar.write_all(&bytes)?));
        assert!(
            matches!(&result, Err(TestError::Sink(SinkError::Output { source })) if source.kind() == io::ErrorKind::StorageFull)
        );
    }
}
