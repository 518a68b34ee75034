//! The choice of `--publish`, `--keep` and `--daemon`.

use baler_image::Engine;

/// Where an image goes whose names are references.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    #[default]
    Store,
    /// The registries that the names stand for.
    Registries,
    /// There, and the local store keeps it as well.
    RegistriesAndStore,
    /// A daemon.
    Daemon(Engine),
}

impl Delivery {
    /// What `--publish` alone says.
    pub(crate) fn published(is_published: bool) -> Self {
        if is_published { Self::Registries } else { Self::Store }
    }
}
