//! Buildpacks whose script stands in a project.toml.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A buildpack that is one script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlineBuildpack {
    pub id: String,
    pub version: String,
    /// Its Buildpack API.
    pub api: String,
    /// What runs the script; `/bin/sh` if it is empty.
    pub shell: String,
    pub script: String,
}

impl InlineBuildpack {
    /// Writes the buildpack into the empty directory `directory`.
    pub(super) fn write(&self, directory: &Path) -> std::io::Result<()> {
        let text = |text: &str| toml::Value::String(text.to_owned());
        let buildpack: toml::Table =
            [("id".to_owned(), text(&self.id)), ("version".to_owned(), text(&self.version))].into_iter().collect();
        let any: toml::Table = std::iter::once(("id".to_owned(), text("*"))).collect();
        let descriptor: toml::Table = [
            ("api".to_owned(), text(&self.api)),
            ("buildpack".to_owned(), buildpack.into()),
            ("stacks".to_owned(), toml::Value::Array(vec![any.into()])),
        ]
        .into_iter()
        .collect();
        fs_err::write(directory.join("buildpack.toml"), descriptor.to_string())?;
        fs_err::create_dir(directory.join("bin"))?;
        let shell = if self.shell.is_empty() { "/bin/sh" } else { &self.shell };
        let build = format!("#!{shell}\n\n{}\n", self.script);
        for (name, text) in [("build", build.as_str()), ("detect", "#!/bin/sh\n\nexit 0\n")] {
            let path = directory.join("bin").join(name);
            fs_err::write(&path, text)?;
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    }
}
