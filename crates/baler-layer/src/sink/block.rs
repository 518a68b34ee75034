//! Blocks of the tar, and the pool that bounds how many there are.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes of tar in a block. Part of the format: another size gives other compressed bytes.
pub(crate) const BLOCK_SIZE: usize = 1 << 20;

/// The two buffers of a block. A block owns its output from the start, so that no compressor waits for one that a later
/// block holds.
#[derive(Default)]
struct Buffers {
    input: Vec<u8>,
    output: Vec<u8>,
}

/// Lends buffers to a fixed number of blocks.
pub(super) struct Pool {
    free: Mutex<Vec<Buffers>>,
    returned: Condvar,
}

impl Pool {
    pub(super) fn new(blocks: usize) -> Arc<Self> {
        let free = (0..blocks).map(|_| Buffers::default()).collect();
        Arc::new(Self { free: Mutex::new(free), returned: Condvar::new() })
    }

    /// An empty block, as soon as there is one.
    pub(super) fn block(self: &Arc<Self>) -> Block {
        let waiting = self.lock();
        let mut free =
            self.returned.wait_while(waiting, |free| free.is_empty()).unwrap_or_else(PoisonError::into_inner);
        let Buffers { input, output } = free.pop().unwrap_or_default();
        Block { input, output: Mutex::new(output), pool: Arc::clone(self) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Buffers>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A part of the tar, and what it compresses to. Goes back to the pool when it is dropped.
pub(super) struct Block {
    pub(super) input: Vec<u8>,
    output: Mutex<Vec<u8>>,
    pool: Arc<Pool>,
}

impl Block {
    /// Takes as much of `bytes` as there is room for, and says how much that is.
    pub(super) fn fill(&mut self, bytes: &[u8]) -> usize {
        if self.input.capacity() < BLOCK_SIZE {
            self.input.reserve_exact(BLOCK_SIZE - self.input.len());
        }
        let count = bytes.len().min(BLOCK_SIZE - self.input.len());
        self.input.extend_from_slice(&bytes[..count]);
        count
    }

    pub(super) fn is_full(&self) -> bool {
        self.input.len() == BLOCK_SIZE
    }

    /// The compressed bytes; only one thread at a time has use for them.
    pub(super) fn output(&self) -> MutexGuard<'_, Vec<u8>> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut buffers =
            Buffers { input: std::mem::take(&mut self.input), output: std::mem::take(&mut *self.output()) };
        buffers.input.clear();
        buffers.output.clear();
        self.pool.lock().push(buffers);
        self.pool.returned.notify_one();
    }
}
