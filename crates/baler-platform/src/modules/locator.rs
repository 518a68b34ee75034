//! Where a module is, as people write it (platform-behaviour 3.9), parsed once.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use baler_image::ImageName;
use baler_registry::percent_decode;

/// Which module is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locator {
    /// `from=builder`: the whole order of the builder.
    Builder,
    /// A module of the builder; an empty version is the only one.
    Id { id: String, version: String },
    /// A module from elsewhere.
    From(Origin),
}

/// Where a module comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A directory, an archive of one, or a package as a file (`.cnb`).
    Path(PathBuf),
    /// The same by `http:` or `https:`.
    Url(String),
    /// A package as an image, wherever images are, or as an OCI layout.
    Image(ImageName),
}

/// Text that says of no module where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLocator {
    #[error("invalid locator: '{text}' is neither a file or directory, nor in the builder, nor the name of an image")]
    Nothing { text: String },
    #[error("'{text}' is not a valid identifier: the builder does not have it")]
    NotInBuilder { text: String },
    #[error("'{text}' does not exist")]
    NoSuchFile { text: String },
    #[error("unsupported protocol '{scheme}' in URI '{text}'")]
    Scheme { text: String, scheme: String },
    #[error("'{text}' is to be found in the community's registry of buildpacks, which is not supported")]
    Community { text: String },
}

/// What text is understood by.
pub struct Surroundings<'a> {
    /// What relative paths are relative to.
    pub base: &'a Path,
    /// Whether the builder has a module of this id, and of this version unless that is empty.
    pub has: &'a dyn Fn(&str, &str) -> bool,
}

impl Surroundings<'_> {
    /// Those of a file that names modules where there is no builder.
    pub fn without_builder(base: &Path) -> Surroundings<'_> {
        Surroundings { base, has: &|_, _| false }
    }
}

impl Locator {
    /// Understands `text` in the order in which pack does.
    pub fn parse(text: &str, surroundings: &Surroundings<'_>) -> Result<Self, InvalidLocator> {
        let given = || text.to_owned();
        if text == "from=builder" {
            return Ok(Self::Builder);
        }
        if let Some(name) = ["urn:cnb:builder:", "from=builder:"].iter().find_map(|prefix| text.strip_prefix(prefix)) {
            return in_builder(name, surroundings).ok_or_else(|| InvalidLocator::NotInBuilder { text: given() });
        }
        if text.starts_with("urn:cnb:registry:") {
            return Err(InvalidLocator::Community { text: given() });
        }
        if text.starts_with("oci:") {
            return layout(text, surroundings.base).ok_or_else(|| InvalidLocator::Nothing { text: given() });
        }
        if let Some((scheme, rest)) = text.split_once(":/").filter(|(scheme, _)| is_scheme(scheme)) {
            return uri(text, scheme, rest);
        }
        let path = surroundings.base.join(text);
        if !text.is_empty() && path.exists() {
            return Ok(Self::From(Origin::Path(path)));
        }
        if let Some(found) = in_builder(text, surroundings) {
            return Ok(found);
        }
        if text.starts_with(['/', '.']) {
            return Err(InvalidLocator::NoSuchFile { text: given() });
        }
        if is_community_name(text) {
            return Err(InvalidLocator::Community { text: given() });
        }
        text.parse().map(|name| Self::From(Origin::Image(name))).map_err(|_| InvalidLocator::Nothing { text: given() })
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(formatter, "{}", path.display()),
            Self::Url(url) => formatter.write_str(&redacted(url)),
            Self::Image(name) => write!(formatter, "{name}"),
        }
    }
}

/// A URL without the password that may stand in it, for messages.
pub fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |end| rest.split_at(end));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}{path}"),
        None => url.to_owned(),
    }
}

fn in_builder(name: &str, surroundings: &Surroundings<'_>) -> Option<Locator> {
    let (id, version) = name.split_once('@').unwrap_or((name, ""));
    let found = || Locator::Id { id: id.to_owned(), version: version.to_owned() };
    (surroundings.has)(id, version).then(found)
}

/// A relative layout is relative to what names it.
fn layout(text: &str, base: &Path) -> Option<Locator> {
    let rest = text.strip_prefix("oci:")?;
    let text = if rest.starts_with('/') { text.to_owned() } else { format!("oci:{}", base.join(rest).display()) };
    text.parse().ok().map(|name| Locator::From(Origin::Image(name)))
}

fn is_scheme(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_part)
}

/// `rest` is what follows the first slash.
fn uri(text: &str, scheme: &str, rest: &str) -> Result<Locator, InvalidLocator> {
    let given = || text.to_owned();
    match scheme {
        "docker" => {
            let name = rest.trim_start_matches('/');
            name.parse()
                .map(|name| Locator::From(Origin::Image(name)))
                .map_err(|_| InvalidLocator::Nothing { text: given() })
        }
        "file" => {
            // file:///a and file:/a; between the slashes of file://HOST/a stands nothing or `localhost`.
            let plain = rest.strip_prefix('/').map_or(rest, |rest| rest.strip_prefix("localhost").unwrap_or(rest));
            let path = Path::new("/").join(OsStr::from_bytes(&percent_decode(plain)));
            if path.exists() {
                Ok(Locator::From(Origin::Path(path)))
            } else {
                Err(InvalidLocator::NoSuchFile { text: given() })
            }
        }
        "http" | "https" => Ok(Locator::From(Origin::Url(given()))),
        other => Err(InvalidLocator::Scheme { text: given(), scheme: other.to_owned() }),
    }
}

/// `namespace/name` or `namespace/name@version`, as entries of the community's registry are called.
fn is_community_name(text: &str) -> bool {
    let (name, version) = text.split_once('@').unwrap_or((text, "0.0.0"));
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
    };
    let is_version = version.split('.').count() >= 3 && version.starts_with(|first: char| first.is_ascii_digit());
    is_version && name.split_once('/').is_some_and(|(namespace, name)| is_part(namespace) && is_part(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, base: &Path) -> Result<Locator, InvalidLocator> {
        let has = |id: &str, version: &str| id == "in/builder" && ["", "1"].contains(&version);
        Locator::parse(text, &Surroundings { base, has: &has })
    }

    #[test]
    fn each_form() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path();
        fs_err::create_dir_all(base.join("a dir/in")).unwrap();
        let id = |version: &str| Locator::Id { id: "in/builder".into(), version: version.into() };
        let image = |text: &str| Locator::From(Origin::Image(text.parse().unwrap()));
        let path = base.join("a dir");
        let uri = format!("file://{}", path.display()).replace(' ', "%20");
        let cases = [
            ("from=builder", Locator::Builder),
            ("urn:cnb:builder:in/builder@1", id("1")),
            ("from=builder:in/builder", id("")),
            ("in/builder", id("")),
            ("a dir", Locator::From(Origin::Path(path.clone()))),
            (&uri, Locator::From(Origin::Path(path.clone()))),
            ("docker://registry.example/a/b:1", image("registry.example/a/b:1")),
            ("docker:/a/b", image("a/b")),
            ("docker:///a/b", image("a/b")),
            ("a/b:tag", image("a/b:tag")),
            ("registry.example:5000/a/b", image("registry.example:5000/a/b")),
            ("https://example.com/x.tgz", Locator::From(Origin::Url("https://example.com/x.tgz".into()))),
            ("oci:/a/b:1", image("oci:/a/b:1")),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text, base), Ok(expected), "{text}");
        }
        assert_eq!(parse("oci:out", base), Ok(image(&format!("oci:{}/out", base.display()))));
    }

    #[test]
    fn each_mistake() {
        let base = Path::new("/nowhere");
        let text = |text: &str| text.to_owned();
        let cases = [
            ("urn:cnb:builder:absent", InvalidLocator::NotInBuilder { text: text("urn:cnb:builder:absent") }),
            ("urn:cnb:registry:a/b", InvalidLocator::Community { text: text("urn:cnb:registry:a/b") }),
            ("a/b", InvalidLocator::Community { text: text("a/b") }),
            ("a/b@1.2.3", InvalidLocator::Community { text: text("a/b@1.2.3") }),
            ("./absent", InvalidLocator::NoSuchFile { text: text("./absent") }),
            ("file:///absent", InvalidLocator::NoSuchFile { text: text("file:///absent") }),
            ("ftp://x/y", InvalidLocator::Scheme { text: text("ftp://x/y"), scheme: text("ftp") }),
            ("Not An Image", InvalidLocator::Nothing { text: text("Not An Image") }),
            ("", InvalidLocator::Nothing { text: text("") }),
        ];
        for (given, expected) in cases {
            assert_eq!(parse(given, base), Err(expected), "{given}");
        }
    }
}
