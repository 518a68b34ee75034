//! What the fuzz targets and the test over their corpus both call. No part of the interface of this crate.
//!
//! Each function takes bytes from anywhere and panics where something is wrong; that bytes are refused is right.

use crate::docker_config::{DockerConfig, normalised};
use crate::error::error_codes;
use crate::location::Location;
use crate::{Challenge, LoginKey, content_range_start, http_date, parse_challenges, upload_offset};

/// Headers and bodies of a registry's answers.
pub fn read_answer(bytes: &[u8]) {
    let _ = error_codes(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let base = Location::new(true, "registry.example", "/v2/app/blobs/uploads/".to_owned());
    for challenge in parse_challenges(text) {
        // A realm is where credentials are sent to: it leads to an address, or nowhere.
        if let Challenge::Bearer { realm, .. } = challenge
            && let Ok(location) = base.join(&realm)
        {
            assert!(!location.authority().contains('@'), "{location}");
        }
    }
    if let Ok(location) = base.join(text) {
        let again = Location::parse(&location.reveal()).expect("an address that was made can be read");
        assert!(again.is_same_server(&location), "{location}");
    }
    let _ = (upload_offset(text), content_range_start(text), http_date::seconds(text));
}

/// A file of credentials.
pub fn read_docker_config(bytes: &[u8]) {
    let Ok(config) = DockerConfig::parse(bytes) else { return };
    for registry in ["index.docker.io", "registry.example:5000", "[::1]"] {
        let _ = (config.helper(registry), config.credentials(registry, "team/app"));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(normalised(text).len() <= text.len());
        if let Ok(key) = text.parse::<LoginKey>() {
            assert_eq!(key.to_string().parse(), Ok(key), "a key is the same when it is read again");
        }
    }
}
