//! The threads of the sink and what goes between them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, Scope};

use super::block::{Block, Pool};
use super::member::MemberWriter;
use super::{Compressed, Hasher, SinkError};

/// More blocks would only take memory: 2.1 MiB each.
const MAXIMUM_BLOCKS: usize = 10;

/// A block with its place in the tar.
type Numbered = (u64, Arc<Block>);

pub(super) fn run<E, F>(threads: usize, output: &mut (dyn Write + Send), produce: F) -> Result<Compressed, E>
where
    E: From<SinkError>,
    F: FnOnce(&mut dyn Write) -> Result<(), E>,
{
    // The producer fills one block while each compressor has one and as many wait.
    let blocks = (2 * threads + 2).min(MAXIMUM_BLOCKS);
    let threads = threads.min(blocks - 2);
    let failed = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (to_hash, hash_queue) = channel();
        let (to_compress, compress_queue) = channel();
        let (to_write, write_queue) = channel();
        let start = |source| SinkError::Thread { source };
        let hasher = spawn(scope, move || hash(&hash_queue)).map_err(start)?;
        let compress_queue = Arc::new(Mutex::new(compress_queue));
        for _ in 0..threads {
            let (queue, to_write) = (Arc::clone(&compress_queue), to_write.clone());
            spawn(scope, move || compress(&queue, &to_write)).map_err(start)?;
        }
        // What is left is with the compressors, so the writer ends when they do.
        drop(to_write);
        let writer = spawn(scope, move || write(&write_queue, output, failed)).map_err(start)?;
        let pool = Pool::new(blocks);
        let mut cutter = Cutter { block: pool.block(), pool, count: 0, size: 0, to_hash, to_compress, failed };
        let produced = produce(&mut cutter);
        let uncompressed_size = cutter.finish();
        let diff_id = join(hasher).finish();
        // Where the output failed, the producer only saw that its bytes were not taken.
        let written = join(writer).map_err(|source| SinkError::Output { source })?;
        produced?;
        Ok(Compressed { diff_id, uncompressed_size, size: written.count, digest: written.finish() })
    })
}

fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<std::thread::ScopedJoinHandle<'scope, T>> {
    Builder::new().name("layer".to_owned()).stack_size(256 * 1024).spawn_scoped(scope, work)
}

fn join<T>(handle: std::thread::ScopedJoinHandle<'_, T>) -> T {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn hash(queue: &Receiver<Arc<Block>>) -> Hasher {
    let mut hasher = Hasher::default();
    for block in queue {
        let Ok(()) = hasher.write_all(&block.input) else { unreachable!("a hasher takes everything") };
    }
    hasher
}

fn compress(queue: &Mutex<Receiver<Numbered>>, to_write: &Sender<Numbered>) {
    let mut member = MemberWriter::new();
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, block)) = next else { return };
        member.write(&block.input, &mut block.output());
        if to_write.send((number, block)).is_err() {
            return;
        }
    }
}

/// Writes the blocks in the order of the tar. After an error the rest is taken and dropped, so that no one waits.
fn write(queue: &Receiver<Numbered>, output: &mut dyn Write, failed: &AtomicBool) -> io::Result<Hasher> {
    let mut hasher = Hasher::default();
    let mut early = BTreeMap::new();
    let mut next = 0;
    let mut result = Ok(());
    for (number, block) in queue {
        early.insert(number, block);
        while let Some(block) = early.remove(&next) {
            next += 1;
            if result.is_ok() {
                let bytes = block.output();
                result = hasher.write_all(&bytes).and_then(|()| output.write_all(&bytes));
                failed.store(result.is_err(), Ordering::Relaxed);
            }
        }
    }
    result.and_then(|()| output.flush()).map(|()| hasher)
}

/// Cuts the tar into blocks.
struct Cutter<'a> {
    block: Block,
    pool: Arc<Pool>,
    count: u64,
    size: u64,
    to_hash: Sender<Arc<Block>>,
    to_compress: Sender<Numbered>,
    failed: &'a AtomicBool,
}

impl Cutter<'_> {
    fn pass_on(&mut self) {
        let block = Arc::new(std::mem::replace(&mut self.block, self.pool.block()));
        self.send(block);
    }

    fn send(&mut self, block: Arc<Block>) {
        self.size += block.input.len() as u64;
        // Receivers live until this end is dropped.
        let _ = self.to_hash.send(Arc::clone(&block));
        let _ = self.to_compress.send((self.count, block));
        self.count += 1;
    }

    /// Passes the last block on (no tar at all is one empty block) and ends the queues.
    fn finish(mut self) -> u64 {
        if !self.block.input.is_empty() || self.count == 0 {
            self.pass_on();
        }
        self.size
    }
}

impl Write for Cutter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.block.is_full() {
            self.pass_on();
        }
        Ok(self.block.fill(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
