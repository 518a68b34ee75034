//! `--cache`, in the words of `pack` (platform-behaviour 4.8).

use std::path::PathBuf;

use baler_image::InvalidReference;
use baler_platform::build::CacheRequest;

/// What one `--cache` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CacheFlag {
    /// The build cache.
    Build(CacheRequest),
    /// The launch cache, which a daemon needs and the local store does not; whether it was to be an image.
    Launch { is_image: bool },
}

/// Why text is no cache.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidCache {
    #[error("invalid field '{0}' must be a key=value pair")]
    NotAPair(String),
    #[error("invalid cache type '{0}'")]
    Type(String),
    #[error("invalid cache format '{0}'")]
    Format(String),
    #[error("cache '{0}' is required")]
    Required(&'static str),
    #[error("{0}")]
    Image(#[from] InvalidReference),
    #[error("the build cache is given twice")]
    Twice,
}

/// Reads one flag.
pub(super) fn parse(text: &str) -> Result<CacheFlag, InvalidCache> {
    let (mut is_launch, mut format, mut name, mut source) = (false, "volume".to_owned(), None, None);
    for field in text.split(';') {
        let pair = field.split_once('=').filter(|(key, _)| !key.is_empty());
        let (key, value) = pair.ok_or_else(|| InvalidCache::NotAPair(field.to_owned()))?;
        match (key.to_ascii_lowercase().as_str(), value) {
            ("type", "build") => is_launch = false,
            ("type", "launch") => is_launch = true,
            ("type", _) => return Err(InvalidCache::Type(value.to_owned())),
            ("format", "volume" | "bind" | "image") => value.clone_into(&mut format),
            ("format", _) => return Err(InvalidCache::Format(value.to_owned())),
            ("name", _) => name = Some(value.to_owned()),
            ("source", _) => source = Some(value.to_owned()),
            _ => {}
        }
    }
    if is_launch {
        return Ok(CacheFlag::Launch { is_image: format == "image" });
    }
    let given =
        |value: Option<String>, what| value.filter(|value| !value.is_empty()).ok_or(InvalidCache::Required(what));
    Ok(CacheFlag::Build(match format.as_str() {
        "bind" => CacheRequest::Bind(PathBuf::from(given(source, "source")?)),
        "image" => CacheRequest::Image(given(name, "name")?.parse()?),
        // Without a name it is the image's own.
        _ => name.filter(|name| !name.is_empty()).map_or(CacheRequest::OfImage, CacheRequest::Volume),
    }))
}

/// The build cache of several flags, and whether one asks for a launch cache that is an image.
pub(super) fn parse_all(texts: &[String]) -> Result<(CacheRequest, bool), InvalidCache> {
    let (mut build, mut has_launch_image) = (None, false);
    for text in texts {
        match parse(text)? {
            CacheFlag::Launch { is_image } => has_launch_image |= is_image,
            CacheFlag::Build(request) => {
                if build.replace(request).is_some() {
                    return Err(InvalidCache::Twice);
                }
            }
        }
    }
    Ok((build.unwrap_or_default(), has_launch_image))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(text: &str) -> CacheRequest {
        match parse(text).unwrap() {
            CacheFlag::Build(request) => request,
            CacheFlag::Launch { .. } => panic!("{text}"),
        }
    }

    #[test]
    fn forms() {
        assert_eq!(build("type=build"), CacheRequest::OfImage);
        assert_eq!(build("type=build;format=volume;name=mine"), CacheRequest::Volume("mine".into()));
        assert_eq!(build("format=bind;source=/cache"), CacheRequest::Bind("/cache".into()));
        let image = build("type=build;format=image;name=registry.example/cache");
        assert!(matches!(image, CacheRequest::Image(name) if name.given() == "registry.example/cache"));
        assert_eq!(parse("type=launch;format=image;name=x").unwrap(), CacheFlag::Launch { is_image: true });
    }

    #[test]
    fn refused_in_the_words_of_pack() {
        for (text, error) in [
            ("type=other", "invalid cache type 'other'"),
            ("format=other", "invalid cache format 'other'"),
            ("build", "invalid field 'build' must be a key=value pair"),
            ("format=bind", "cache 'source' is required"),
            ("type=build;format=image", "cache 'name' is required"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), error);
        }
        assert!(parse_all(&["type=build".into(), "format=bind;source=x".into()]).is_err());
    }
}
