//! Images between the local store and registries: pull, push, tag.

use baler_image::{ImageName, Platform, ResolvedImage, Target, Wanted};
use baler_store::{CopyError, copy_image};

use crate::context::Context;
use crate::destination::{Delivery, Destination, DestinationError, IfRefused, Writing};
use crate::interrupt::Interrupted;
use crate::output::Activity;
use crate::places::{Asked, Likely, LocateError, Needed, Search, locate};
use crate::transfers::Transfers;

/// Why an image did not come, or go.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    #[error("'{name}' names a file or directory, and not an image of a registry")]
    NoReference { name: ImageName },
    #[error("{0}")]
    Locate(#[from] LocateError),
    #[error("{0}")]
    Destination(#[from] DestinationError),
    #[error("could not name the image '{name}'")]
    Tag { name: ImageName, source: CopyError },
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
}

/// Takes the image that `name` stands for into the store. What is there under the name is replaced.
pub fn pull(context: &Context<'_>, name: &ImageName, wanted: &Wanted) -> Result<ResolvedImage, TransferError> {
    if name.reference().is_none() {
        return Err(TransferError::NoReference { name: name.clone() });
    }
    let asked = Asked { role: "image", name, wanted, search: Search::Registry, needed: Needed::Layers };
    Ok(locate(context, &asked)?.image)
}

/// Sends `image` of the store, of a layout or of an archive to the registry that `target` names.
pub fn push(context: &Context<'_>, image: &ImageName, target: &ImageName) -> Result<ResolvedImage, TransferError> {
    let wanted = Wanted::Preferably(Platform::host());
    let asked = Asked { role: "image", name: image, wanted: &wanted, search: Search::STORE, needed: Needed::Documents };
    let located = locate(context, &asked)?;
    let destination = Destination::open(context, std::slice::from_ref(target), Delivery::Registries)?;
    let known = [&located];
    let writing = Writing { known: &known, likely: Likely::There, if_refused: IfRefused::Forget };
    destination.write(&writing, |sink| Ok::<_, TransferError>(destination.put_names(sink, &located.image)?))?;
    Ok(located.image)
}

/// Gives an image of the store a further name; one of a layout or of an archive comes into the store.
pub fn tag(context: &Context<'_>, image: &ImageName, names: &[ImageName]) -> Result<ResolvedImage, TransferError> {
    for name in names {
        if !matches!(name.target(), Target::Reference(_)) {
            return Err(TransferError::NoReference { name: name.clone() });
        }
    }
    let wanted = Wanted::Preferably(Platform::host());
    let asked = Asked { role: "image", name: image, wanted: &wanted, search: Search::STORE, needed: Needed::Documents };
    let located = locate(context, &asked)?;
    let transfers = Transfers::new(context.output, Activity::Copy);
    for name in names {
        let source = located.source(context.store);
        copy_image(&located.image, source, context.store, name, &|event| transfers.tell(event))
            .map_err(|source| TransferError::Tag { name: name.clone(), source })?;
    }
    Ok(located.image)
}
