//! What of a published image stays in the local store: a copy, where that is wanted, and the image itself, where a registry
//! refused it.

use std::error::Error;

use baler_image::{Digest, ImageName, Repository};

use super::error::Kept;
use super::{Delivery, Destination, DestinationError, IfRefused, NotPublished};
use crate::output::{Level, chain};
use crate::places::{KeepError, Publisher};

impl Destination<'_> {
    /// After the work: the local copy, or the image that would be lost.
    pub(super) fn conclude<T, E>(
        &self,
        publisher: &Publisher<'_>,
        if_refused: IfRefused,
        written: Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<DestinationError> + Error + Send + Sync + 'static,
    {
        let error = match written {
            Ok(value) if self.delivery == Delivery::RegistriesAndStore => {
                let failed = |source| DestinationError::Keep { name: self.name().clone(), source };
                publisher.keep(&self.names).map_err(failed)?;
                return Ok(value);
            }
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if if_refused == IfRefused::Forget || self.context.interrupt.check().is_err() {
            return Err(error);
        }
        let Some(digest) = publisher.digest() else { return Err(error) };
        let refused = publisher.refused();
        match self.keep(publisher, &digest, refused) {
            Ok(kept) => Err(DestinationError::from(NotPublished { digest, kept, source: error.into() }).into()),
            Err(reason) => {
                let text = format!("could not keep the image in the local store: {}", chain(&reason));
                self.context.output.line(Level::Warning, &text);
                Err(error)
            }
        }
    }

    /// The image into the store: by its digest, which takes the place of no other image, where no copy was asked for.
    fn keep(
        &self,
        publisher: &Publisher<'_>,
        digest: &Digest,
        refused: Vec<ImageName>,
    ) -> Result<Vec<Kept>, KeepError> {
        if self.delivery == Delivery::RegistriesAndStore {
            publisher.keep(&self.names)?;
            return Ok(refused.into_iter().map(|name| self.kept(name.clone(), name)).collect());
        }
        let name = publisher.name_by_digest(self.name(), digest)?;
        publisher.keep(std::slice::from_ref(&name))?;
        Ok(refused.into_iter().map(|refused| self.kept(name.clone(), refused)).collect())
    }

    fn kept(&self, name: ImageName, refused: ImageName) -> Kept {
        let repository = refused.reference().map(Repository::from);
        // It was asked a moment ago.
        let client = self.context.places.registries().client().ok();
        let insecure =
            repository.filter(|repository| client.is_some_and(|client| client.is_insecure(repository.registry())));
        Kept { name, refused, insecure: insecure.map(|repository| repository.registry().to_owned()) }
    }
}
