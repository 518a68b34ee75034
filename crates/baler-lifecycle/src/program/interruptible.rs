//! Reading a cache stops where it is once a signal has come.

use std::io::{self, Read};

use baler_cnb::labels::CacheMetadata;
use baler_image::{Digest, Sink, Source};

use crate::cache::{Cache, CacheError, CacheUpdate, CachedBlob, StagedTar, TreeCache};
use crate::interrupt::Interrupt;
use crate::interruptible::Stop as _;
use crate::restore::Restoration;

/// A cache whose layers end with the signal; nothing is committed after it.
pub(super) struct InterruptibleCache {
    pub(super) cache: Box<dyn Cache>,
    pub(super) interrupt: Interrupt,
}

impl Cache for InterruptibleCache {
    fn exists(&self) -> bool {
        self.cache.exists()
    }

    fn metadata(&self) -> &CacheMetadata {
        self.cache.metadata()
    }

    fn read(&self, diff_id: &Digest) -> Result<Box<dyn Read + Send>, CacheError> {
        Ok(Box::new(InterruptibleReader { reader: self.cache.read(diff_id)?, interrupt: self.interrupt.clone() }))
    }

    fn blob(&self, diff_id: &Digest) -> Option<&CachedBlob> {
        self.cache.blob(diff_id)
    }

    fn holds(&self, diff_id: &str) -> bool {
        self.cache.holds(diff_id)
    }

    fn source(&self) -> Option<&dyn Source> {
        self.cache.source()
    }

    fn sink(&self) -> Option<&dyn Sink> {
        self.cache.sink()
    }

    fn begin_tar(&self) -> Result<Option<StagedTar>, CacheError> {
        self.cache.begin_tar()
    }

    fn trees(&self) -> Option<&TreeCache<'_>> {
        self.cache.trees()
    }

    fn hand_over(&self, restoration: &Restoration) -> Result<(), CacheError> {
        self.cache.hand_over(restoration)
    }

    fn handed_over(&self) -> Restoration {
        self.cache.handed_over()
    }

    fn distrust(&self, diff_id: &Digest) {
        self.cache.distrust(diff_id);
    }

    fn distrusted(&self) -> Vec<Digest> {
        self.cache.distrusted()
    }

    fn commit(&self, update: CacheUpdate) -> Result<(), CacheError> {
        self.interrupt.check_stop().map_err(|source| CacheError::Tar { source })?;
        self.cache.commit(update)
    }
}

struct InterruptibleReader {
    reader: Box<dyn Read + Send>,
    interrupt: Interrupt,
}

impl Read for InterruptibleReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt.check_stop()?;
        self.reader.read(buffer)
    }
}
