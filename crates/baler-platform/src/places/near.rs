//! What somebody may have meant who named an image that is not there.

use baler_image::{Place, Reference};

use super::located::Looked;
use crate::context::Context;

/// So many names are offered.
const OFFERED: usize = 3;

/// The places with what each has instead. The question is a courtesy: what goes wrong with it is not what the user wants to
/// hear.
pub(super) fn with_more(context: &Context<'_>, looked: Vec<Looked>, reference: &Reference) -> Vec<Looked> {
    let with_more = |looked: Looked| match looked.place {
        Place::Store => Looked { names: names(context, reference), ..looked },
        Place::Registry(_) if reference.digest().is_none() => {
            let source = context.places.registries.source(reference);
            let tags = source.map(|source| source.tags_near(reference.tag().unwrap_or("latest")));
            Looked { tags: tags.unwrap_or_default(), ..looked }
        }
        _ => looked,
    };
    looked.into_iter().map(with_more).collect()
}

fn names(context: &Context<'_>, reference: &Reference) -> Vec<String> {
    let images = context.store.images().unwrap_or_default();
    nearest(images.iter().map(|image| image.reference.familiar()), &reference.familiar())
}

/// Names that are the wanted one but for a slip: another tag, or a few letters.
fn nearest(names: impl Iterator<Item = String>, wanted: &str) -> Vec<String> {
    let repository = |name: &str| match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository.to_owned(),
        _ => name.to_owned(),
    };
    let wanted_repository = repository(wanted);
    let own = wanted_repository.rsplit('/').next().unwrap_or_default();
    let slips = own.chars().count() / 4 + 1;
    let distance = |name: &str| strsim::levenshtein(&repository(name), &wanted_repository);
    let mut near: Vec<(usize, usize, String)> = names
        .map(|name| (distance(&name), strsim::levenshtein(&name, wanted), name))
        .filter(|(distance, ..)| *distance <= slips)
        .collect();
    near.sort();
    near.into_iter().take(OFFERED).map(|(.., name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_other_tags() {
        let has = ["app:1", "app:2", "apq", "registry.example/team/builder", "registry.example/team/run:1"];
        let near = |wanted| nearest(has.iter().map(|name| (*name).to_owned()), wanted);
        assert_eq!(near("app"), ["app:1", "app:2", "apq"]);
        assert_eq!(near("app:3"), ["app:1", "app:2", "apq"]);
        assert_eq!(near("registry.example/team/bilder"), ["registry.example/team/builder"]);
        assert_eq!(near("127.0.0.1:5000/run"), Vec::<String>::new());
    }
}
