//! Where daemons listen, as the user has it.

use std::collections::BTreeMap;

use baler_daemon::{Surroundings, find_address};
use baler_image::Engine;
use baler_platform::places::Daemons;

/// The daemons, of which none is asked until it is needed.
pub(crate) fn daemons(variables: BTreeMap<String, String>, docker_host: Option<String>, uid: u32) -> Daemons {
    Daemons::new(move |engine| {
        let variable = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned();
        let named = match engine {
            Engine::Docker => docker_host.as_deref(),
            Engine::Podman => None,
        };
        find_address(engine, named, &Surroundings { variable: &variable, uid })
    })
}
