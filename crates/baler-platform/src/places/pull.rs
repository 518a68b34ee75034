//! An image of a registry into the local store: several blobs at once, verified while they come.

use baler_image::{ImageName, ResolvedImage};
use baler_lifecycle::interruptible::InterruptibleSink;
use baler_registry::RegistrySource;
use baler_store::copy_image;

use super::documents::Documents;
use super::located::{Blobs, LocateError, Located};
use crate::context::Context;
use crate::output::{Activity, Level};
use crate::transfers::Transfers;

/// Copies the blobs that the store lacks, and keeps the image there under `name`.
pub(super) fn pull(
    context: &Context<'_>,
    image: ResolvedImage,
    source: &RegistrySource,
    name: &ImageName,
) -> Result<Located, LocateError> {
    context.output.line(Level::Info, &format!("Pulling image '{name}' from {}", image.place()));
    let progress = Transfers::new(context.output, Activity::Pull);
    let sink = InterruptibleSink { sink: context.store, stop: context.interrupt.clone() };
    let documents = Documents { registry: source, store: context.store, memo: &context.places.memo };
    let copied = copy_image(&image, &documents, &sink, name, &|event| progress.tell(event));
    context.interrupt.check()?;
    copied.map_err(|source| LocateError::Pull { name: name.clone(), source })?;
    Ok(Located { image, blobs: Blobs::Store })
}
