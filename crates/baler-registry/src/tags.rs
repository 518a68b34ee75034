//! The tags of a repository, to say what somebody may have meant (distribution specification, "Listing tags").

use baler_image::Repository;
use serde::Deserialize;
use ureq::http::Method;

use crate::client::{Access, At, Client};
use crate::error::RegistryError;
use crate::transport::Ask;

/// Longer lists are not read to their end.
const MOST: usize = 1000;
const MAXIMUM: u64 = 1 << 20;
/// So many names are offered.
const OFFERED: usize = 5;

/// What a registry says of the tags of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tags {
    /// Nothing: it was not asked, does not list tags, or not to us.
    #[default]
    Unknown,
    /// That there is no such repository.
    NoRepository,
    /// Those that are most like the one that was asked for, the nearest first.
    Near(Vec<String>),
}

#[derive(Deserialize)]
struct Listing {
    /// Some registries write `null` for none.
    tags: Option<Vec<String>>,
}

pub(crate) fn near(client: &Client, repository: &Repository, wanted: &str) -> Tags {
    let path = format!("tags/list?n={MOST}");
    // The question is a courtesy: what goes wrong with it is not what the user wants to hear.
    let answer = client.ask(repository, Access::Pull, At::Path(&path), &Ask::new(Method::GET));
    let bytes = match answer.map(|answer| answer.bytes(MAXIMUM)) {
        Ok(Ok(bytes)) => bytes,
        Err(RegistryError::NotFound { .. }) => return Tags::NoRepository,
        Ok(Err(_)) | Err(_) => return Tags::Unknown,
    };
    match serde_json::from_slice::<Listing>(&bytes) {
        Ok(listing) => Tags::Near(nearest(listing.tags.unwrap_or_default(), wanted)),
        Err(_) => Tags::Unknown,
    }
}

fn nearest(tags: Vec<String>, wanted: &str) -> Vec<String> {
    // Tags are printed: only what can be one.
    let is_tag = |tag: &String| {
        tag.len() <= 128 && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    let mut tags: Vec<(usize, String)> =
        tags.into_iter().filter(is_tag).map(|tag| (strsim::levenshtein(&tag, wanted), tag)).collect();
    tags.sort();
    tags.into_iter().take(OFFERED).map(|(_, tag)| tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        let tags =
            ["jammy", "jammy-tiny", "noble", "1.0", "latest", "x\u{1b}[2J", "bionic"].map(str::to_owned).to_vec();
        assert_eq!(nearest(tags, "jamy"), ["jammy", "1.0", "latest", "noble", "bionic"]);
    }
}
