//! Blobs on their way, as tasks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use baler_image::Digest;
use baler_store::CopyEvent;

use crate::output::{Activity, Output, Running, Task};

/// Tells of the blobs of one copy.
pub(crate) struct Transfers<'a> {
    output: &'a dyn Output,
    activity: Activity,
    running: Mutex<BTreeMap<Digest, Running<'a>>>,
}

impl<'a> Transfers<'a> {
    /// `activity` says which way they go.
    pub(crate) fn new(output: &'a dyn Output, activity: Activity) -> Self {
        Self { output, activity, running: Mutex::default() }
    }

    /// Takes an event of `copy_image`, from any thread.
    pub(crate) fn tell(&self, event: CopyEvent<'_>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            CopyEvent::Present(_) => {}
            CopyEvent::Started(blob) => {
                let task = Task::new(self.activity, blob.digest.short());
                running.insert(blob.digest.clone(), Running::begin(self.output, task, Some(blob.size)));
            }
            CopyEvent::Advanced(blob, bytes) => {
                if let Some(running) = running.get(&blob.digest) {
                    running.advance(bytes);
                }
            }
            CopyEvent::Finished(blob) => {
                running.remove(&blob.digest).map(Running::done);
            }
        }
    }
}
