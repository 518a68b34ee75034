//! A build and a run image of busybox alone, as an OCI layout that is made once for all tests.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use baler_image::{Descriptor, Digest, Sink as _};
use baler_layer::sink::compress;
use baler_layer::tar::{Attributes, Owner, TarError, TarWriter};
use baler_store::Layout;
use serde_json::json;

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const APPLETS: [&str; 27] = [
    "sh", "cat", "echo", "ls", "mkdir", "rm", "cp", "mv", "ln", "chmod", "touch", "id", "env", "sleep", "test", "true",
    "false", "stat", "printf", "kill", "ps", "hostname", "head", "seq", "dd", "wget", "grep",
];

/// The layout.
pub struct Base {
    directory: tempfile::TempDir,
}

/// The static busybox of Debian's package.
fn busybox() -> Option<PathBuf> {
    let is_static = |path: &PathBuf| std::fs::read(path).is_ok_and(|bytes| !has_interpreter(&bytes));
    ["/bin/busybox", "/usr/bin/busybox"].iter().map(PathBuf::from).find(is_static)
}

/// Whether a 64-bit ELF file names a dynamic loader: it has a program header of the type `PT_INTERP`.
fn has_interpreter(elf: &[u8]) -> bool {
    let number = |at: usize, length: usize| -> usize {
        elf[at..at + length].iter().rev().fold(0, |value, byte| (value << 8) | usize::from(*byte))
    };
    let (start, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    (0..count).any(|index| number(start + index * size, 4) == 3)
}

impl Base {
    /// The layout, made at the first call; `None` after saying what is missing.
    pub fn get() -> Option<&'static Self> {
        static BASE: OnceLock<Option<Base>> = OnceLock::new();
        let base = BASE.get_or_init(|| busybox().map(|path| Self::make(&path)));
        if base.is_none() {
            eprintln!("SKIP: needs a static busybox (Debian's package busybox-static)");
        }
        base.as_ref()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a newer `test-run` to an OCI layout: `/etc/test-release` has `line`.
    pub fn write_newer(directory: &Path, line: &str) {
        let layout = Layout::create_or_open(directory).unwrap();
        let busybox = std::fs::read(busybox().unwrap()).unwrap();
        let (system, system_id) = layer(&layout, |tar| system(tar, &busybox));
        let (mark, mark_id) = layer(&layout, |tar| file(tar, "/etc/test-release", 0o644, line.as_bytes()));
        let labels = json!({
            "io.buildpacks.base.id": "test.base",
            "io.buildpacks.base.distro.name": "test",
            "io.buildpacks.base.distro.version": "1",
            "io.buildpacks.rebasable": "true",
        });
        let run = json!({"User": "1000:1000", "Labels": labels, "Env": [PATH]});
        image(&layout, "test-run", &run, &[system, mark], &[system_id, mark_id]);
    }

    /// Writes the run image `test-bash`, which has a bash, to an OCI layout; false if there is none to take.
    pub fn write_with_bash(directory: &Path) -> bool {
        let Ok(bash) = std::fs::read("/bin/bash-static") else { return false };
        let layout = Layout::create_or_open(directory).unwrap();
        let busybox = std::fs::read(busybox().unwrap()).unwrap();
        let (system, system_id) = layer(&layout, |tar| system(tar, &busybox));
        let (shell, shell_id) = layer(&layout, |tar| file(tar, "/bin/bash", 0o755, &bash));
        let run = json!({"User": "1000:1000", "Env": [PATH]});
        image(&layout, "test-bash", &run, &[system, shell], &[system_id, shell_id]);
        true
    }

    fn make(busybox: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Ordinary users load from here.
        std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let layout = Layout::create_or_open(directory.path()).unwrap();
        let busybox = std::fs::read(busybox).unwrap();
        let (system, system_id) = layer(&layout, |tar| system(tar, &busybox));
        let (mark, mark_id) = layer(&layout, |tar| file(tar, "/etc/test-release", 0o644, b"test base\n"));
        let layers = [system, mark];
        let ids = [system_id, mark_id];
        let labels = json!({
            "io.buildpacks.base.id": "test.base",
            "io.buildpacks.base.distro.name": "test",
            "io.buildpacks.base.distro.version": "1",
            "io.buildpacks.rebasable": "true",
        });
        let build = json!({
            "User": "1000:1000", "Labels": labels, "WorkingDir": "/layers",
            "Env": [PATH, "CNB_USER_ID=1000", "CNB_GROUP_ID=1000"],
        });
        let run = json!({"User": "1000:1000", "Labels": labels, "Env": [PATH]});
        image(&layout, "test-build", &build, &layers, &ids);
        image(&layout, "test-run", &run, &layers, &ids);
        Self { directory }
    }
}

type Tar<'a> = TarWriter<&'a mut dyn std::io::Write>;

fn layer(layout: &Layout, write: impl FnOnce(&mut Tar<'_>) -> Result<(), TarError>) -> (Descriptor, Digest) {
    let mut blob = layout.begin_blob().unwrap();
    let made = compress(NonZeroUsize::MIN, &mut blob, |output| {
        let mut tar = TarWriter::new(output);
        write(&mut tar)?;
        tar.finish().map(|_| ())
    })
    .unwrap();
    blob.commit(&made.digest, made.size).unwrap();
    (Descriptor::new(baler_image::media_type::OCI_LAYER_GZIP, made.size, made.digest), made.diff_id)
}

fn file(tar: &mut Tar<'_>, path: &str, mode: u32, bytes: &[u8]) -> Result<(), TarError> {
    tar.file(Path::new(path), &Attributes::new(mode, Owner::ROOT), bytes.len() as u64, bytes)
}

fn system(tar: &mut Tar<'_>, busybox: &[u8]) -> Result<(), TarError> {
    let root = |mode| Attributes::new(mode, Owner::ROOT);
    for path in ["/bin", "/dev", "/etc", "/home", "/proc", "/sys", "/usr", "/usr/bin", "/var"] {
        tar.directory(Path::new(path), &root(0o755))?;
    }
    tar.directory(Path::new("/root"), &root(0o700))?;
    tar.directory(Path::new("/tmp"), &root(0o1777))?;
    tar.directory(Path::new("/home/cnb"), &Attributes::new(0o755, Owner::new(1000, 1000)))?;
    file(tar, "/bin/busybox", 0o755, busybox)?;
    for applet in APPLETS {
        tar.symlink(&Path::new("/bin").join(applet), Path::new("busybox"), &root(0o777))?;
    }
    tar.symlink(Path::new("/usr/bin/env"), Path::new("../../bin/busybox"), &root(0o777))?;
    file(tar, "/etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\ncnb:x:1000:1000::/home/cnb:/bin/sh\n")?;
    file(tar, "/etc/group", 0o644, b"root:x:0:\ncnb:x:1000:\n")?;
    file(tar, "/usr/owned-by-root", 0o644, b"do not touch\n")
}

fn image(layout: &Layout, name: &str, config: &serde_json::Value, layers: &[Descriptor], ids: &[Digest]) {
    let config = serde_json::to_vec(&json!({
        "architecture": "amd64", "os": "linux", "created": "2020-01-01T00:00:00Z", "config": config,
        "rootfs": {"type": "layers", "diff_ids": ids},
    }))
    .unwrap();
    let mut blob = layout.begin_blob().unwrap();
    std::io::Write::write_all(&mut blob, &config).unwrap();
    let descriptor = Descriptor::of(baler_image::media_type::OCI_CONFIG, &config);
    blob.commit(&descriptor.digest, descriptor.size).unwrap();
    let manifest = serde_json::to_vec(&json!({
        "schemaVersion": 2, "mediaType": baler_image::media_type::OCI_MANIFEST, "config": descriptor, "layers": layers,
    }))
    .unwrap();
    let descriptor = Descriptor::of(baler_image::media_type::OCI_MANIFEST, &manifest);
    layout.put_document(&format!("oci:{}:{name}", "x").parse().unwrap(), &descriptor, &manifest).unwrap();
}
