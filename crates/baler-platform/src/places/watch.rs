//! Each step of each resolution, for who wants to see them.

use baler_image::{ImageName, Place, ResolveError, ResolveStep, ResolvedImage, Source, Wanted, resolve_and_tell};

use super::Places;

/// Is told of steps, and of the place that answered; from any thread.
pub type Watch = Box<dyn Fn(&Place, ResolveStep) + Send + Sync>;

impl Places {
    /// The same, with somebody who watches.
    #[must_use]
    pub fn watched(self, watch: Watch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Resolves a name in one place.
    pub(super) fn resolve(
        &self,
        name: &ImageName,
        wanted: &Wanted,
        source: &dyn Source,
    ) -> Result<ResolvedImage, ResolveError> {
        let place = source.place();
        let tell = |step| {
            if let Some(watch) = &self.watch {
                watch(&place, step);
            }
        };
        resolve_and_tell(name, wanted, source, &tell)
    }
}
