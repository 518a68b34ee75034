//! An image of a registry into the local store: several blobs at once, verified while they come.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use baler_image::{Digest, ImageName, ResolvedImage};
use baler_registry::RegistrySource;
use baler_store::{CopyEvent, copy_image};

use super::documents::Documents;
use super::located::{Blobs, LocateError, Located};
use crate::context::Context;
use crate::interrupt::InterruptibleSink;
use crate::output::{Event, Level, Transfer};

/// Copies the blobs that the store lacks, and keeps the image there under `name`.
pub(super) fn pull(
    context: &Context<'_>,
    image: ResolvedImage,
    source: &RegistrySource,
    name: &ImageName,
) -> Result<Located, LocateError> {
    context.output.line(Level::Info, &format!("Pulling image '{name}' from {}", image.place()));
    let progress = Progress { context, done: Mutex::default() };
    let sink = InterruptibleSink { sink: context.store, interrupt: context.interrupt.clone() };
    let documents = Documents { registry: source, store: context.store, memo: &context.places.memo };
    let copied = copy_image(&image, &documents, &sink, name, &|event| progress.tell(event));
    context.interrupt.check()?;
    copied.map_err(|source| LocateError::Pull { name: name.clone(), source })?;
    Ok(Located { image, blobs: Blobs::Store })
}

struct Progress<'a> {
    context: &'a Context<'a>,
    done: Mutex<BTreeMap<Digest, u64>>,
}

impl Progress<'_> {
    fn tell(&self, event: CopyEvent<'_>) {
        let (blob, more) = match event {
            CopyEvent::Present(_) | CopyEvent::Finished(_) => return,
            CopyEvent::Started(blob) => (blob, 0),
            CopyEvent::Advanced(blob, more) => (blob, more),
        };
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let done = done.entry(blob.digest.clone()).or_default();
        *done += more;
        let name = blob.digest.short();
        self.context.output.event(&Event::Transferring {
            transfer: Transfer::Pull,
            name,
            done: *done,
            total: blob.size,
        });
    }
}
