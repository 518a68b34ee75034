//! Layers of an image as directories, with what is to be told of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use baler_sandbox::IdMap;
use baler_store::{UnpackError, UnpackEvent, UnpackedLayers};

use crate::context::Context;
use crate::output::{Activity, Running, Task};
use crate::places::Located;

/// Unpacks the layers of `located` that are not yet unpacked for `id_map`.
pub(crate) fn unpack(context: &Context<'_>, located: &Located, id_map: &IdMap) -> Result<UnpackedLayers, UnpackError> {
    let running = Mutex::new(BTreeMap::new());
    let progress = |event: UnpackEvent<'_>| {
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            UnpackEvent::Present(_) => {}
            UnpackEvent::Started(layer) => {
                let task = Task::new(Activity::Unpack, layer.descriptor.digest.short());
                let begun = Running::begin(context.output, task, Some(layer.descriptor.size));
                running.insert(layer.diff_id.clone(), begun);
            }
            UnpackEvent::Finished(layer) => {
                running.remove(&layer.diff_id).map(Running::done);
            }
        }
    };
    context.store.unpack(located.image.layers(), located.source(context.store), id_map, &progress)
}
