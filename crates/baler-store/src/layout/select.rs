//! Which of the images that an index lists a name means. Layouts and archives have this in common.

use std::collections::BTreeSet;

use baler_image::{Descriptor, Digest, ImageName, Reference, Target};

use super::index::names_of;

/// An image that is listed.
pub(crate) struct Listed {
    pub(crate) descriptor: Descriptor,
    /// What it is known by.
    pub(crate) digest: Digest,
}

impl Listed {
    pub(crate) fn new(descriptor: Descriptor) -> Self {
        Self { digest: descriptor.digest.clone(), descriptor }
    }
}

/// What a name means.
pub(crate) enum Selection<'a> {
    Nothing,
    One(&'a Descriptor),
    /// The list itself: it is one image for several platforms.
    All,
    /// Several images, which are called so.
    Several(Vec<String>),
}

/// What an image is looked for by.
enum Wanted<'a> {
    Only,
    Named(&'a str),
    Reference(&'a Reference),
}

/// Chooses among `listed`. Without a name it is the only image. Where no image has a name, the list is one image for
/// several platforms.
pub(crate) fn select<'a>(listed: &'a [Listed], name: &ImageName) -> Selection<'a> {
    let wanted = match name.target() {
        Target::Reference(reference) => Wanted::Reference(reference),
        Target::Layout { name: Some(name), .. } | Target::Archive { name: Some(name), .. } => Wanted::Named(name),
        Target::Layout { name: None, .. } | Target::Archive { name: None, .. } => Wanted::Only,
        // What a daemon has is not here.
        Target::Daemon { .. } => return Selection::Nothing,
    };
    let mut matching: Vec<&Listed> = listed.iter().filter(|listed| wanted.is_met_by(listed)).collect();
    let mut seen = BTreeSet::new();
    matching.retain(|listed| seen.insert(&listed.digest));
    match matching[..] {
        [] => Selection::Nothing,
        [one] => Selection::One(&one.descriptor),
        _ if is_one_image(&matching) => Selection::All,
        _ => Selection::Several(matching.into_iter().map(describe).collect()),
    }
}

impl Wanted<'_> {
    fn is_met_by(&self, listed: &Listed) -> bool {
        let mut names = names_of(&listed.descriptor);
        match self {
            Self::Only => true,
            Self::Named(wanted) => {
                let reference = wanted.parse::<Reference>().ok();
                let is_it = |name: &str| {
                    name == *wanted || (reference.is_some() && name.parse::<Reference>().ok() == reference)
                };
                names.any(is_it) || wanted.parse::<Digest>().is_ok_and(|digest| digest == listed.digest)
            }
            Self::Reference(reference) => match reference.digest() {
                Some(digest) => listed.digest == *digest,
                None => names.any(|name| {
                    Some(name) == reference.tag() || name.parse::<Reference>().is_ok_and(|named| named == **reference)
                }),
            },
        }
    }
}

/// Whether entries are the platforms of one image: none has a name, and each says which platform it is for.
fn is_one_image(entries: &[&Listed]) -> bool {
    let is_part = |entry: &&Listed| {
        names_of(&entry.descriptor).next().is_none()
            && entry.descriptor.platform.is_some()
            && entry.digest == entry.descriptor.digest
    };
    entries.iter().all(is_part)
}

fn describe(entry: &Listed) -> String {
    names_of(&entry.descriptor).last().map_or_else(|| entry.digest.to_string(), str::to_owned)
}
