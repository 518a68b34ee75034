//! The platforms that a builder or a package is made for (platform-behaviour 3.8): those of `--target`, else those of its
//! file, else this machine's.

use baler_cnb::buildpack::Target;
use baler_image::{Platform, Wanted};

/// Why it is not clear what something is to be made for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetsError {
    #[error("only one target is allowed where no index is written: {} were given", given.len())]
    TooMany { given: Vec<Platform> },
    #[error(
        "could not find a target that matches os={} and architecture={}: there are {}",
        host.os, host.architecture, list(targets)
    )]
    NoneFits { host: Platform, targets: Vec<Platform> },
}

/// How many platforms of an image a place takes under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    One,
    Several,
}

/// What to make something for, at least one. `of_file` is what its file says.
///
/// # Errors
///
/// If the place takes one platform, and several were asked for, or the file has several and none is this machine's.
pub(crate) fn choose(given: &[Platform], of_file: &[Target], room: Room) -> Result<Vec<Wanted>, TargetsError> {
    let asked = if given.is_empty() { of_file.iter().map(platform).collect() } else { given.to_vec() };
    let mut platforms: Vec<Platform> = Vec::new();
    for platform in asked {
        let platform = platform.normalised();
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    match (&platforms[..], room) {
        ([], _) => return Ok(vec![Wanted::Preferably(Platform::host())]),
        ([_, _, ..], Room::One) if !given.is_empty() => return Err(TargetsError::TooMany { given: platforms }),
        ([_, _, ..], Room::One) => {
            let host = Platform::host();
            match platforms.iter().position(|platform| host.rank(platform).is_some()) {
                Some(own) => platforms = vec![platforms.swap_remove(own)],
                None => return Err(TargetsError::NoneFits { host, targets: platforms }),
            }
        }
        ([_], _) | (_, Room::Several) => {}
    }
    Ok(platforms.into_iter().map(Wanted::Exactly).collect())
}

/// What a target leaves open is as on this machine.
fn platform(target: &Target) -> Platform {
    let host = Platform::host();
    let or_own = |text: &str, own: String| if ["", "*"].contains(&text) { own } else { text.to_owned() };
    let variant = (!target.variant.is_empty()).then(|| target.variant.clone());
    Platform { variant, ..Platform::new(&or_own(&target.os, host.os), &or_own(&target.arch, host.architecture)) }
}

fn list(platforms: &[Platform]) -> String {
    platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(texts: &[&str]) -> Vec<Target> {
        let target = |text: &&str| {
            let (os, arch) = text.split_once('/').unwrap();
            Target { os: os.to_owned(), arch: arch.to_owned(), ..Target::default() }
        };
        texts.iter().map(target).collect()
    }

    fn chosen(given: &[&str], of_file: &[&str], room: Room) -> Result<Vec<String>, String> {
        let given: Vec<Platform> = given.iter().map(|text| text.parse().unwrap()).collect();
        let chosen = choose(&given, &targets(of_file), room).map_err(|error| error.to_string())?;
        let text = |wanted: &Wanted| match wanted {
            Wanted::Exactly(platform) => platform.to_string(),
            Wanted::Preferably(platform) => format!("preferably {platform}"),
        };
        Ok(chosen.iter().map(text).collect())
    }

    #[test]
    fn flags_before_the_file_before_the_machine() {
        let host = Platform::host().to_string();
        let other = if host == "linux/amd64" { "linux/arm64" } else { "linux/amd64" };
        let both = [other, host.as_str()];
        let owned = |texts: &[&str]| Ok(texts.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(chosen(&[], &[], Room::One), owned(&[&format!("preferably {host}")]));
        assert_eq!(chosen(&[], &["/"], Room::Several), owned(&[&host]));
        assert_eq!(chosen(&[], &both, Room::Several), owned(&both));
        assert_eq!(chosen(&[], &both, Room::One), owned(&[&host]));
        assert_eq!(chosen(&[], &[other], Room::One), owned(&[other]));
        assert_eq!(chosen(&["linux/s390x"], &both, Room::One), owned(&["linux/s390x"]));
        assert_eq!(chosen(&["linux/arm64", "linux/arm64/v8"], &[], Room::One), owned(&["linux/arm64"]));
        let too_many = chosen(&both, &[], Room::One).unwrap_err();
        assert_eq!(too_many, "only one target is allowed where no index is written: 2 were given");
        let none = chosen(&[], &["linux/s390x", "linux/riscv64"], Room::One).unwrap_err();
        assert!(none.ends_with("there are linux/s390x, linux/riscv64"), "{none}");
    }
}
