//! Which cache belongs to which image: there is one for each name that images are saved as.

use std::collections::BTreeSet;
use std::path::Path;

use baler_image::{ImageName, Reference, Target};
use baler_store::CacheEntry;

const LAYOUT: &str = "oci:";
/// Caches whose image is not in the store, and caches that belong to none.
const PUBLISHED: &str = "published:";
const VOLUME: &str = "volume:";

/// The key of the cache of an image that goes to a registry or a daemon.
pub(crate) fn published_cache_key(name: &ImageName) -> String {
    format!("{PUBLISHED}{}", cache_key(name))
}

/// The key of a cache that the user has given a name.
pub(crate) fn volume_cache_key(name: &str) -> String {
    format!("{VOLUME}{name}")
}

/// What the store is asked for to have the cache of an image.
pub(crate) fn cache_key(name: &ImageName) -> String {
    match name.target() {
        Target::Reference(reference) => reference_key(reference),
        Target::Layout { path, name } => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            format!("{LAYOUT}{}:{}", path.display(), name.as_deref().unwrap_or_default())
        }
        Target::Archive { kind, path, name } => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            Target::Archive { kind: *kind, path, name: name.clone() }.to_string()
        }
        Target::Daemon { .. } => name.target().to_string(),
    }
}

fn reference_key(reference: &Reference) -> String {
    reference.to_string()
}

/// Whether the image of a cache is gone: it is neither in the store, as `images` lists it, nor is there a layout.
pub(super) fn is_orphan(cache: &CacheEntry, images: &BTreeSet<Reference>) -> bool {
    let Some(key) = &cache.key else { return true };
    if let Some(is_orphan) = crate::modules::is_orphan(key) {
        return is_orphan;
    }
    if key.starts_with(PUBLISHED) || key.starts_with(VOLUME) {
        return false;
    }
    match key.strip_prefix(LAYOUT).and_then(|rest| rest.rsplit_once(':')) {
        Some((path, _)) => !Path::new(path).join("index.json").exists(),
        None => !is_elsewhere(key) && !images.iter().any(|reference| &reference_key(reference) == key),
    }
}

/// Whether the key is that of an image in an archive that is there, or in a daemon.
fn is_elsewhere(key: &str) -> bool {
    match key.parse::<ImageName>().as_ref().map(ImageName::target) {
        Ok(Target::Archive { path, .. }) => path.exists(),
        Ok(Target::Daemon { .. }) => true,
        Ok(Target::Reference(_) | Target::Layout { .. }) | Err(_) => false,
    }
}

/// The names of the caches that belong to `images`.
pub(super) fn caches_of(caches: &[CacheEntry], images: &BTreeSet<Reference>) -> BTreeSet<String> {
    let keys: BTreeSet<String> = images.iter().map(reference_key).collect();
    let is_theirs = |cache: &&CacheEntry| cache.key.as_ref().is_some_and(|key| keys.contains(key));
    caches.iter().filter(is_theirs).map(|cache| cache.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(key: Option<&str>) -> CacheEntry {
        CacheEntry { name: "x".into(), path: "x".into(), key: key.map(str::to_owned), roots: Vec::new() }
    }

    #[test]
    fn a_cache_without_an_image_is_an_orphan() {
        let images: BTreeSet<Reference> = ["app", "registry.example/other:1"].map(|name| name.parse().unwrap()).into();
        for image in &images {
            let key = cache_key(&image.clone().into());
            assert!(!is_orphan(&cache(Some(&key)), &images), "{key}");
            assert!(is_orphan(&cache(Some(&key)), &BTreeSet::new()), "{key}");
        }
        assert!(is_orphan(&cache(None), &images));
        for key in [published_cache_key(&"app".parse().unwrap()), volume_cache_key("mine")] {
            assert!(!is_orphan(&cache(Some(&key)), &BTreeSet::new()), "{key}");
        }
        let archive = tempfile::NamedTempFile::new().unwrap();
        let key = |path: &Path| cache_key(&format!("docker-archive:{}:app:1", path.display()).parse().unwrap());
        assert!(!is_orphan(&cache(Some(&key(archive.path()))), &images));
        assert!(is_orphan(&cache(Some(&key(Path::new("/nowhere/app.tar")))), &images));
        assert!(!is_orphan(&cache(Some(&cache_key(&"docker-daemon:app".parse().unwrap()))), &images));
        let layout = tempfile::tempdir().unwrap();
        let key = cache_key(&format!("oci:{}:1.0", layout.path().display()).parse().unwrap());
        assert!(is_orphan(&cache(Some(&key)), &images));
        fs_err::write(layout.path().join("index.json"), "{}").unwrap();
        assert!(!is_orphan(&cache(Some(&key)), &images));
    }
}
