//! The launch cache of a build that goes to a daemon: what it has need not be exported from there.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use crate::support::{Base, Docker, Outcome, Place, User, outcome, write};

const BUILD: &str = "#!/bin/sh
set -eu
mkdir -p \"$CNB_LAYERS_DIR/text\"
echo 'from a layer' >\"$CNB_LAYERS_DIR/text/file\"
printf '[types]\\nlaunch = true\\n' >\"$CNB_LAYERS_DIR/text.toml\"
printf '[[processes]]\\ntype = \"web\"\\ncommand = [\"cat\", \"/layers/test_text/text/file\", \"/workspace/x\"]\\ndefault = true\\n' >\"$CNB_LAYERS_DIR/launch.toml\"
";

/// A daemon with a run image, and directories for `creator`, which is root's program here.
struct Site {
    docker: Docker,
    place: Place,
}

impl Site {
    fn new() -> Option<Self> {
        let docker = Docker::start()?;
        let place = Place::new(User::Caller)?;
        let base = Base::get()?;
        place.run(&["load", base.path().to_str().unwrap()]).success();
        place.run(&["save", "test-run", "--output", "run.tar"]).success();
        docker.run(&["load", "--input", place.path().join("run.tar").to_str().unwrap()]).success();
        let site = Self { docker, place };
        let descriptor =
            "api = \"0.12\"\n[buildpack]\nid = \"test/text\"\nversion = \"1\"\n[[targets]]\nos = \"linux\"\n";
        write(&site.path("buildpacks/test_text/1/buildpack.toml"), descriptor);
        for (name, script) in [("detect", "#!/bin/sh\n"), ("build", BUILD)] {
            let path = site.path("buildpacks/test_text/1/bin").join(name);
            write(&path, script);
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        write(&site.path("order.toml"), "[[order]]\n[[order.group]]\nid = \"test/text\"\nversion = \"1\"\n");
        write(&site.path("platform/env/X"), "x");
        symlink(site.path("baler"), site.path("creator")).unwrap();
        for directory in ["", "launch-cache"] {
            std::fs::create_dir_all(site.path(directory)).unwrap();
            std::fs::set_permissions(site.path(directory), PermissionsExt::from_mode(0o777)).unwrap();
        }
        Some(site)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Builds the app with this content, in new directories.
    fn build(&self, content: &str) -> Outcome {
        for name in ["layers", "app"] {
            let _ = std::fs::remove_dir_all(self.path(name));
            std::fs::create_dir(self.path(name)).unwrap();
            std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o777)).unwrap();
        }
        write(&self.path("app/x"), content);
        let mut command = Command::new(self.path("creator"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.place.path());
        command.env("CNB_PLATFORM_API", "0.13").env("DOCKER_HOST", self.docker.address());
        // The launcher finds layers and application where they were built.
        for name in ["app", "layers", "platform", "buildpacks", "launch-cache"] {
            command.arg(format!("-{name}")).arg(self.path(name));
        }
        command.arg("-order").arg(self.path("order.toml")).arg("-launcher").arg(self.path("baler"));
        command.args(["-daemon", "-uid", "65534", "-gid", "65534", "-run-image", "test-run", "app"]);
        outcome(&mut command).success()
    }

    /// How often an image was exported so far.
    fn exports(&self) -> usize {
        self.docker.exports()
    }

    /// Builds, and says how many exports that took.
    fn exports_of(&self, content: &str) -> usize {
        let before = self.exports();
        self.build(content);
        assert_eq!(self.content(), content);
        self.exports() - before
    }

    /// The application in the daemon's image.
    fn content(&self) -> String {
        let file = self.path("app/x");
        let arguments = ["run", "--rm", "--network", "host", "--entrypoint", "cat", "app", file.to_str().unwrap()];
        self.docker.run(&arguments).success().stdout
    }

    fn tars(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path("launch-cache/committed")).unwrap();
        let mut tars: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        tars.sort();
        tars
    }

    fn layers(&self) -> Vec<String> {
        let format = "{{range .RootFS.Layers}}{{println .}}{{end}}";
        let layers = self.docker.run(&["inspect", "--format", format, "app"]).success().stdout;
        layers.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }
}

#[test]
fn what_the_launch_cache_has_is_not_exported() {
    let Some(site) = Site::new() else { return };
    let before = site.exports();
    site.build("one");
    assert!(site.exports() > before, "the run image is asked what it is");
    // The layers above the run image, as tars by diffID, and nothing else.
    let above: Vec<String> = site.layers().split_off(2);
    let mut expected: Vec<_> =
        above.iter().map(|diff_id| site.path(&format!("launch-cache/committed/{diff_id}.tar"))).collect();
    expected.sort();
    assert_eq!(site.tars(), expected);

    // What the image says of itself is asked for once.
    assert_eq!(site.exports_of("one"), 1);
    assert_eq!(site.exports_of("one"), 0);
    // Those above the application are sent again, from the cache.
    assert_eq!(site.exports_of("two"), 0);
    let layers = site.layers();
    assert_eq!((&layers[2], layers.len()), (&above[0], 2 + above.len()));
    assert_ne!(layers[2..], above);
    assert_eq!(site.tars().len(), above.len());

    // The new image is asked what it is. Then, without the cache, the daemon has to give out its layers.
    assert_eq!(site.exports_of("two"), 1);
    site.tars().iter().for_each(|tar| std::fs::remove_file(tar).unwrap());
    assert!(site.exports_of("three") > 0);
    // What is damaged is not used either.
    assert_eq!(site.exports_of("three"), 1);
    for tar in site.tars() {
        let mut bytes = std::fs::read(&tar).unwrap();
        bytes[600] ^= 1;
        std::fs::write(&tar, bytes).unwrap();
    }
    let layers = site.layers();
    assert!(site.exports_of("four") > 0);
    assert_eq!(site.layers()[2], layers[2]);
    // The launcher was among them: it is the program, which knows what it is.
    let program = ["run", "--rm", "--network", "host", "--entrypoint", "/cnb/lifecycle/launcher", "app", "--version"];
    site.docker.run(&program).success();
}
