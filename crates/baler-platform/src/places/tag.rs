//! A name with tag and digest: the digest decides, and a tag that points elsewhere is worth a warning.

use baler_image::{ImageName, Reference, Source};

use crate::context::Context;
use crate::output::Level;

/// Asks `source`, which has the digest, for the tag. What cannot be found out is not worth stopping for.
pub(super) fn warn_of_tag(context: &Context<'_>, name: &ImageName, reference: &Reference, source: &dyn Source) {
    let (Some(tag), Some(digest)) = (reference.tag(), reference.digest()) else { return };
    let Ok(by_tag) = format!("{}:{tag}", reference.full_repository()).parse::<Reference>() else { return };
    let text = match source.find(&by_tag.into()) {
        Ok(Some(found)) if found.digest == *digest => return,
        Ok(Some(found)) => format!("'{name}': the tag '{tag}' is {} now; the digest decides", found.digest),
        Ok(None) => format!("'{name}': there is no tag '{tag}' any more; the digest decides"),
        Err(_) => return,
    };
    context.output.line(Level::Warning, &text);
}
