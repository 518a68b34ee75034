//! Image names as people give them: a reference, or a path to an OCI layout.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::reference::{InvalidReference, Reference};

/// What an image is asked for by. The text is kept as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    given: String,
    target: Target,
}

/// What a name points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A reference: in the local store or a registry.
    Reference(Reference),
    /// `oci:PATH[:NAME]`: an OCI layout directory, and the name of an image in it (annotation
    /// `org.opencontainers.image.ref.name`) where it holds several.
    Layout { path: PathBuf, name: Option<String> },
}

impl ImageName {
    /// A name that is written as `given` and points at `target`.
    pub fn new(given: impl Into<String>, target: Target) -> Self {
        Self { given: given.into(), target }
    }

    /// The text as it was given.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// What it points at.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The reference, unless the name is a path.
    pub fn reference(&self) -> Option<&Reference> {
        match &self.target {
            Target::Reference(reference) => Some(reference),
            Target::Layout { .. } => None,
        }
    }
}

impl From<Reference> for ImageName {
    fn from(reference: Reference) -> Self {
        Self { given: reference.familiar(), target: Target::Reference(reference) }
    }
}

impl From<Target> for ImageName {
    fn from(target: Target) -> Self {
        let given = match &target {
            Target::Reference(reference) => reference.familiar(),
            Target::Layout { path, name: Some(name) } => format!("oci:{}:{name}", path.display()),
            Target::Layout { path, name: None } => format!("oci:{}", path.display()),
        };
        Self { given, target }
    }
}

impl FromStr for ImageName {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let target = match text.strip_prefix("oci:") {
            Some("") => {
                return Err(InvalidReference { text: text.to_owned(), reason: "'oci:' is followed by a path" });
            }
            Some(rest) => {
                // A colon after the last slash separates the image's name, as it does with a tag.
                let last_part = rest.rfind('/').map_or(0, |slash| slash + 1);
                match rest[last_part..].split_once(':') {
                    Some((directory, name)) if !name.is_empty() => {
                        let path = format!("{}{directory}", &rest[..last_part]).into();
                        Target::Layout { path, name: Some(name.to_owned()) }
                    }
                    Some(_) | None => Target::Layout { path: rest.trim_end_matches(':').into(), name: None },
                }
            }
            None => Target::Reference(text.parse()?),
        };
        Ok(Self { given: text.to_owned(), target })
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_names() {
        let layout = |text: &str| match text.parse::<ImageName>().unwrap().target {
            Target::Layout { path, name } => (path, name),
            Target::Reference(reference) => panic!("{reference}"),
        };
        assert_eq!(layout("oci:out"), ("out".into(), None));
        assert_eq!(layout("oci:../out/app:1.0"), ("../out/app".into(), Some("1.0".to_owned())));
        assert_eq!(layout("oci:/a:b/c"), ("/a:b/c".into(), None));
        assert!("oci:".parse::<ImageName>().is_err());
        assert_eq!("app".parse::<ImageName>().unwrap().given(), "app");
    }
}
