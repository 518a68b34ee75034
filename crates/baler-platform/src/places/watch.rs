//! Each step of each resolution, for who wants to see them.

use baler_image::{ImageName, Place, ResolveError, ResolveStep, ResolvedImage, Source, Wanted, resolve_and_tell};

use super::Places;
use crate::output::{Level, Output};

/// Is told of steps, and of the place that answered; from any thread.
pub type Watch = Box<dyn Fn(&Place, ResolveStep) + Send + Sync>;

impl Places {
    /// The same, with somebody who watches.
    #[must_use]
    pub fn watched(self, watch: Watch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Resolves a name in one place. An image that is listed for another platform than it says is a warning.
    pub(super) fn resolve(
        &self,
        name: &ImageName,
        wanted: &Wanted,
        source: &dyn Source,
        output: &dyn Output,
    ) -> Result<ResolvedImage, ResolveError> {
        let place = source.place();
        let tell = |step| {
            if let ResolveStep::Disagreement(disagreement) = &step {
                output.line(Level::Warning, &format!("'{name}': {disagreement}"));
            }
            if let Some(watch) = &self.watch {
                watch(&place, step);
            }
        };
        resolve_and_tell(name, wanted, source, &tell)
    }
}
