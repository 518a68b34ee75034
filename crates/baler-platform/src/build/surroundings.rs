//! What the sandbox has besides the builder's file system: host files, certificates, and the environment of phases.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::context::Context;

/// Passed through from the host, in both spellings.
const PROXY_VARIABLES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"];

/// Host files that name resolution needs.
const HOST_FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// The environment of a phase program: the image's (`NAME=VALUE` each), then what an engine and the platform add.
pub(super) fn phase_environment(
    context: &Context<'_>,
    image: &[String],
    home: &str,
    platform: &[(&str, &str)],
) -> Vec<(OsString, OsString)> {
    let mut environment: BTreeMap<String, String> = BTreeMap::new();
    environment.insert("HOME".to_owned(), home.to_owned());
    let split = |entry: &String| entry.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    environment.extend(image.iter().filter_map(split));
    let proxies = PROXY_VARIABLES.iter().filter_map(|name| Some((*name, context.variable(name)?)));
    for (name, value) in proxies.chain(platform.iter().copied()) {
        environment.insert(name.to_owned(), value.to_owned());
    }
    environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// The host files that are there, with links followed: source and target.
pub(crate) fn host_files() -> Vec<(PathBuf, PathBuf)> {
    let file = |name: &&str| Some((fs_err::canonicalize(name).ok()?, PathBuf::from(name)));
    HOST_FILES.iter().filter_map(file).collect()
}

/// The home directory of a user, by the topmost `/etc/passwd` of stacked directories; `/` where there is none.
pub(crate) fn home_directory(lower: &[PathBuf], uid: u32) -> String {
    let passwd = lower.iter().find_map(|layer| fs_err::read_to_string(layer.join("etc/passwd")).ok());
    let home = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2)?.parse() == Ok(uid)).then(|| (*fields.get(5)?).to_owned().into())?
    };
    passwd.and_then(|text| text.lines().find_map(home)).unwrap_or_else(|| "/".to_owned())
}

/// Copies the operator's variables of the builder (`/cnb/build-config/env`) to `target`, upper layers over lower ones.
pub(super) fn copy_build_config(lower: &[PathBuf], target: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    for layer in lower.iter().rev() {
        let directory = layer.join("cnb/build-config/env");
        let Ok(entries) = fs_err::read_dir(&directory) else { continue };
        for entry in entries {
            let entry = entry?;
            let path = target.join(entry.file_name());
            // A character device is how an overlay says that an upper layer removed the file.
            if entry.file_type()?.is_char_device() {
                let _ = fs_err::remove_file(&path);
            } else if entry.file_type()?.is_file() {
                fs_err::copy(entry.path(), &path)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_comes_from_the_topmost_passwd() {
        let (upper, lower) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (layer, home) in [(&upper, "/home/upper"), (&lower, "/home/lower")] {
            fs_err::create_dir(layer.path().join("etc")).unwrap();
            let text = format!("root:x:0:0::/root:/bin/sh\nme:x:1000:1000::{home}:/bin/sh\n");
            fs_err::write(layer.path().join("etc/passwd"), text).unwrap();
        }
        let stack = [upper.path().to_owned(), lower.path().to_owned()];
        assert_eq!(home_directory(&stack, 1000), "/home/upper");
        assert_eq!(home_directory(&stack, 4711), "/");
        assert_eq!(home_directory(&[], 0), "/");
    }

    #[test]
    fn the_build_configuration_of_upper_layers_counts() {
        let (upper, lower, target) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (layer, value) in [(&upper, "upper"), (&lower, "lower")] {
            fs_err::create_dir_all(layer.path().join("cnb/build-config/env")).unwrap();
            fs_err::write(layer.path().join("cnb/build-config/env/A"), value).unwrap();
        }
        copy_build_config(&[upper.path().into(), lower.path().into()], target.path()).unwrap();
        assert_eq!(fs_err::read_to_string(target.path().join("A")).unwrap(), "upper");
    }
}
