//! Under which names the run image is found when the app image is rebased.

use baler_cnb::features::PlatformFeatures;
use baler_cnb::run::{RunFile, RunImage, StackFile};
use baler_image::Reference;

/// The entry of run.toml that contains the run image; else, if extensions chose it, the run image alone; else the first
/// entry. Before Platform API 0.12 that of stack.toml.
pub(crate) fn run_image_for_export(
    features: PlatformFeatures,
    run: &RunFile,
    stack: &StackFile,
    run_image: &str,
    has_extensions: bool,
) -> RunImage {
    if !features.run_toml {
        return stack.run_image.clone();
    }
    let Some(first) = run.images.first() else { return RunImage::default() };
    if let Some(entry) = run.images.iter().find(|entry| contains(entry, run_image)) {
        return entry.clone();
    }
    if has_extensions {
        return RunImage { image: run_image.to_owned(), mirrors: Vec::new() };
    }
    first.clone()
}

/// Whether run.toml has the image `name`, be it as a mirror.
pub fn offers_run_image(run: &RunFile, name: &str) -> bool {
    run.images.iter().any(|entry| contains(entry, name))
}

fn contains(entry: &RunImage, name: &str) -> bool {
    let name = normalised(name);
    std::iter::once(&entry.image).chain(&entry.mirrors).any(|other| normalised(other) == name)
}

/// The name in full, without a digest; text that is no reference stays as it is.
fn normalised(name: &str) -> String {
    let without_digest = name.split_once('@').map_or(name, |(name, _)| name);
    without_digest.parse::<Reference>().map_or_else(|_| name.to_owned(), |reference| reference.to_string())
}

#[cfg(test)]
mod tests {
    use baler_cnb::api::PlatformApi;

    use super::*;

    fn chosen(run_image: &str, has_extensions: bool, api: &str) -> String {
        let entry = |image: &str, mirrors: &[&str]| RunImage {
            image: image.into(),
            mirrors: mirrors.iter().map(ToString::to_string).collect(),
        };
        let run =
            RunFile { images: vec![entry("first", &[]), entry("registry.example/run:1", &["other.example/run"])] };
        let stack = StackFile { run_image: entry("stack", &[]) };
        let features = PlatformFeatures::for_api(api.parse::<PlatformApi>().unwrap());
        run_image_for_export(features, &run, &stack, run_image, has_extensions).image
    }

    #[test]
    fn names_are_compared_in_full() {
        let digest = baler_image::Digest::of(b"");
        for (run_image, expected) in [
            ("docker.io/library/first:latest", "first"),
            ("registry.example/run:1", "registry.example/run:1"),
            ("other.example/run:latest", "registry.example/run:1"),
            (&format!("registry.example/run:1@{digest}"), "registry.example/run:1"),
            ("unknown.example/run", "first"),
        ] {
            assert_eq!(chosen(run_image, false, "0.12"), expected, "{run_image}");
        }
        assert_eq!(chosen("unknown.example/run", true, "0.12"), "unknown.example/run");
        assert_eq!(chosen("first", false, "0.11"), "stack");
    }
}
