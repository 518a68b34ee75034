//! Restore and export as programs of their own, with a cache directory between them: each opens the cache anew.

use std::io::Read as _;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use baler_image::Digest;
use baler_lifecycle::cache::{Cache as _, VolumeCache};
use baler_lifecycle::export::{Exported, LayerOutcome};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, XattrFlags, setxattr, utimensat};

use crate::place::Memory;
use crate::support::{Build, Lines, Machine, make_directory, set_mode, write};

const BOTH: &str = "test/layers:both";
const CACHED: &str = "test/layers:cached";

struct Site {
    machine: Machine,
    cache: PathBuf,
}

impl Site {
    fn new() -> Self {
        let machine = Machine::new(&["test/layers"]);
        let cache = machine.scratch.path().join("volume");
        make_directory(&cache);
        Self { machine, cache }
    }

    /// The program `restorer`, and all before it.
    fn restore(&self) -> Build {
        let (log, build, cache) = (Lines::default(), self.machine.build(), VolumeCache::open(&self.cache).unwrap());
        let analysis = self.machine.analyze(&build, &log);
        let restoration = self.machine.restore(&build, analysis.metadata(), Some(&cache), &log);
        cache.hand_over(&restoration).unwrap();
        build
    }

    /// The program `exporter`.
    fn export(&self, build: &Build) -> (Exported, Vec<String>) {
        let (log, cache) = (Lines::default(), VolumeCache::open(&self.cache).unwrap());
        let analysis = self.machine.analyze(build, &log);
        let exported = self.machine.export(build, &analysis, &cache.handed_over(), Some(&cache), &log).unwrap();
        (exported, log.take())
    }

    /// A build that says again what its layers are for; then `touch` does something to them.
    fn build(&self, touch: impl FnOnce(&Path)) -> (Exported, Vec<String>) {
        let build = self.restore();
        let layers = build.layers.host.join("test_layers");
        for (name, flags) in [("both", "launch = true\ncache = true\n"), ("cached", "cache = true\n")] {
            if !layers.join(name).exists() {
                write(&layers, &format!("{name}/directory/file"), name);
                write(&layers, &format!("{name}/other"), "other");
                symlink("other", layers.join(name).join("link")).unwrap();
            }
            write(&layers, &format!("{name}.toml"), &format!("[types]\n{flags}"));
        }
        touch(&layers);
        build.hello();
        self.export(&build)
    }

    fn tar(&self, diff_id: &Digest) -> PathBuf {
        self.cache.join(format!("committed/{diff_id}.tar"))
    }
}

fn was_read(exported: &Exported, what: &str) -> bool {
    exported.layers.iter().chain(&exported.cached).any(|layer| layer.what == what && layer.was_read)
}

fn diff_id(exported: &Exported, what: &str) -> Digest {
    exported.cached.iter().find(|layer| layer.what == what).unwrap().diff_id.clone()
}

/// Every file of the cache is what its name says, and there are no others.
fn check_cache(site: &Site, exported: &Exported) {
    let committed = site.cache.join("committed");
    let mut names: Vec<_> =
        fs_err::read_dir(&committed).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let mut expected: Vec<_> = exported.cached.iter().map(|layer| format!("{}.tar", layer.diff_id)).collect();
    expected.push("io.buildpacks.lifecycle.cache.metadata".to_owned());
    expected.sort();
    assert_eq!(names, expected);
    for layer in &exported.cached {
        assert_eq!(Digest::of(&fs_err::read(site.tar(&layer.diff_id)).unwrap()), layer.diff_id);
    }
}

#[test]
fn what_was_not_touched_is_neither_read_nor_copied() {
    let site = Site::new();
    let (first, _) = site.build(|_| {});
    let inode = |exported: &Exported| fs_err::metadata(site.tar(&diff_id(exported, BOTH))).unwrap().ino();
    let before = inode(&first);
    for _ in 0..2 {
        let (next, lines) = site.build(|_| {});
        assert!(!was_read(&next, BOTH) && !was_read(&next, CACHED));
        assert_eq!(next.image.digest(), first.image.digest());
        assert!(next.cached.iter().all(|layer| layer.outcome == LayerOutcome::Reused));
        assert!(lines.contains(&format!("Reusing layer '{BOTH}'")), "{lines:?}");
        assert_eq!(inode(&next), before);
        check_cache(&site, &next);
    }
}

/// In one process, as `creator` is, nothing need be handed over.
#[test]
fn one_process_knows_what_it_restored() {
    let site = Site::new();
    let (first, _) = site.build(|_| {});
    let (log, build, cache) = (Lines::default(), site.machine.build(), VolumeCache::open(&site.cache).unwrap());
    let analysis = site.machine.analyze(&build, &log);
    let restoration = site.machine.restore(&build, analysis.metadata(), Some(&cache), &log);
    build.layers(&[
        ("test_layers/both.toml", "[types]\nlaunch = true\ncache = true\n"),
        ("test_layers/cached.toml", "[types]\ncache = true\n"),
    ]);
    build.hello();
    let second = site.machine.export(&build, &analysis, &restoration, Some(&cache), &log).unwrap();
    assert!(!was_read(&second, BOTH) && !was_read(&second, CACHED));
    assert_eq!(second.image.digest(), first.image.digest());
    check_cache(&site, &second);
}

type Touch = (&'static str, fn(&Path));

const TOUCHES: &[Touch] = &[
    ("other bytes of the same length", |tree| {
        fs_err::write(tree.join("other"), "OTHER").unwrap();
    }),
    ("the times set back", |tree| {
        let path = tree.join("directory/file");
        let found = fs_err::metadata(&path).unwrap();
        let length = fs_err::read(&path).unwrap().len();
        fs_err::write(&path, "X".repeat(length)).unwrap();
        let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
        let times = Timestamps {
            last_access: time(found.atime(), found.atime_nsec()),
            last_modification: time(found.mtime(), found.mtime_nsec()),
        };
        utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }),
    ("a mode", |tree| set_mode(&tree.join("other"), 0o600)),
    ("the mode of the layer itself", |tree| set_mode(tree, 0o700)),
    ("a new file", |tree| write(tree, "directory/new", "")),
    ("a file that is gone", |tree| fs_err::remove_file(tree.join("other")).unwrap()),
    ("a new name", |tree| fs_err::rename(tree.join("other"), tree.join("named")).unwrap()),
    ("an extended attribute", |tree| {
        // Where there are none, the mode does.
        if setxattr(tree.join("other"), "user.test", b"1", XattrFlags::empty()).is_err() {
            set_mode(&tree.join("other"), 0o600);
        }
    }),
    ("a second name", |tree| fs_err::hard_link(tree.join("other"), tree.join("second")).unwrap()),
    ("a link to elsewhere", |tree| {
        fs_err::remove_file(tree.join("link")).unwrap();
        symlink("directory", tree.join("link")).unwrap();
    }),
    ("a file for a directory", |tree| {
        fs_err::remove_dir_all(tree.join("directory")).unwrap();
        fs_err::write(tree.join("directory"), "").unwrap();
    }),
    ("the same again in another directory", |tree| {
        let beside = tree.with_file_name("beside");
        make_directory(&beside);
        let copied = std::process::Command::new("cp").arg("-a").arg(tree.join(".")).arg(&beside).status().unwrap();
        assert!(copied.success());
        fs_err::remove_dir_all(tree).unwrap();
        fs_err::rename(&beside, tree).unwrap();
    }),
];

#[test]
fn whatever_was_touched_is_exported_anew() {
    for (what, touch) in TOUCHES {
        let site = Site::new();
        site.build(|_| {});
        let (touched, _) = site.build(|layers| {
            touch(&layers.join("both"));
            touch(&layers.join("cached"));
        });
        assert!(was_read(&touched, BOTH) && was_read(&touched, CACHED), "{what}");
        check_cache(&site, &touched);
        // As if there had never been a cache.
        let fresh = Site::new();
        let (expected, _) = fresh.build(|layers| {
            touch(&layers.join("both"));
            touch(&layers.join("cached"));
        });
        assert_eq!(diff_id(&touched, BOTH), diff_id(&expected, BOTH), "{what}");
        assert_eq!(diff_id(&touched, CACHED), diff_id(&expected, CACHED), "{what}");
        assert_eq!(touched.image.config().rootfs, expected.image.config().rootfs, "{what}");
        // And what is then there is known to the next build.
        let (next, _) = site.build(|_| {});
        assert!(!was_read(&next, BOTH) && !was_read(&next, CACHED), "{what}");
        assert_eq!(next.image.digest(), touched.image.digest(), "{what}");
    }
}

type Damage = (&'static str, fn(&Path));

/// The first regular file below `directory` whose name has `part`.
fn file_in(directory: &Path, part: &str) -> PathBuf {
    let names = fs_err::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    names.into_iter().find(|path| path.file_name().unwrap().to_str().unwrap().contains(part)).unwrap()
}

fn all_in(directory: &Path, work: impl Fn(&Path)) {
    for entry in fs_err::read_dir(directory).unwrap() {
        work(&entry.unwrap().path());
    }
}

fn overwrite(path: &Path, content: &[u8]) {
    assert!(path.is_file(), "{}", path.display());
    fs_err::write(path, content).unwrap();
}

/// Done to the cache between restore and export.
const DAMAGES: &[Damage] = &[
    ("nothing handed over", |cache| fs_err::remove_dir_all(cache.join("baler")).unwrap()),
    ("a list that is no list", |cache| overwrite(&cache.join("baler/restored.json"), b"{")),
    ("a list of another version", |cache| {
        let path = cache.join("baler/restored.json");
        let text = fs_err::read_to_string(&path).unwrap();
        overwrite(&path, text.replace("\"version\":1", "\"version\":2").as_bytes());
    }),
    ("a list that is a directory", |cache| {
        fs_err::remove_file(cache.join("baler/restored.json")).unwrap();
        make_directory(&cache.join("baler/restored.json"));
    }),
    ("a file system that is another one", |cache| {
        let path = cache.join("baler/restored.json");
        let text = fs_err::read_to_string(&path).unwrap();
        overwrite(&path, text.replace("\"device\":", "\"device\":9").as_bytes());
    }),
    ("manifests that are none", |cache| all_in(&cache.join("baler/manifests"), |path| overwrite(path, b"x"))),
    ("manifests cut short", |cache| {
        all_in(&cache.join("baler/manifests"), |path| {
            let bytes = fs_err::read(path).unwrap();
            overwrite(path, &bytes[..bytes.len() - 1]);
        });
    }),
    ("manifests of nothing", |cache| {
        all_in(&cache.join("baler/manifests"), |path| {
            let bytes = fs_err::read(path).unwrap();
            overwrite(path, &bytes[..16]);
        });
    }),
    ("no manifests", |cache| fs_err::remove_dir_all(cache.join("baler/manifests")).unwrap()),
    ("records that are none", |cache| overwrite(&cache.join("baler/layers.json"), b"[]")),
    ("a frame that is another one", |cache| {
        let path = cache.join("baler/layers.json");
        let text = fs_err::read_to_string(&path).unwrap();
        overwrite(&path, text.replace("1000:1000", "1000:1001").as_bytes());
    }),
    ("tars that were written again", |cache| {
        all_in(&cache.join("committed"), |path| {
            let bytes = fs_err::read(path).unwrap();
            fs_err::remove_file(path).unwrap();
            fs_err::write(path, bytes).unwrap();
        });
    }),
    ("a tar with other bytes", |cache| {
        all_in(&cache.join("committed"), |path| {
            if path.extension().is_some_and(|extension| extension == "tar") {
                let mut bytes = fs_err::read(path).unwrap();
                bytes[1000] ^= 1;
                overwrite(path, &bytes);
            }
        });
    }),
    ("no tars", |cache| {
        for _ in 0..2 {
            fs_err::remove_file(file_in(&cache.join("committed"), ".tar")).unwrap();
        }
    }),
    ("an empty cache", |cache| fs_err::remove_dir_all(cache.join("committed")).unwrap()),
];

#[test]
fn what_cannot_be_relied_on_costs_time_and_nothing_else() {
    for (what, damage) in DAMAGES {
        let site = Site::new();
        let (first, _) = site.build(|_| {});
        let (next, lines) = site.build(|_| damage(&site.cache));
        assert!(was_read(&next, BOTH) && was_read(&next, CACHED), "{what}");
        assert_eq!(next.image.digest(), first.image.digest(), "{what}");
        assert!(lines.iter().all(|line| !line.starts_with("Warning: Failed")), "{what}: {lines:?}");
        check_cache(&site, &next);
        let (third, _) = site.build(|_| {});
        assert!(!was_read(&third, BOTH) && !was_read(&third, CACHED), "{what}");
        assert_eq!(third.image.digest(), first.image.digest(), "{what}");
    }
}

/// Another lifecycle knows nothing of the directory beside `committed`: it leaves it alone, and gives the tars that it
/// keeps a second name for a while.
#[test]
fn another_lifecycle_in_between() {
    let site = Site::new();
    let (first, _) = site.build(|_| {});
    // Its restorer between ours and our exporter: it makes the layers anew.
    let (again, _) = site.build(|layers| {
        let cache = VolumeCache::open(&site.cache).unwrap();
        for name in ["both", "cached"] {
            let diff_id = diff_id(&first, &format!("test/layers:{name}"));
            let mut tar = Vec::new();
            cache.read(&diff_id).unwrap().read_to_end(&mut tar).unwrap();
            fs_err::remove_dir_all(layers.join(name)).unwrap();
            let archive = layers.join("tar");
            fs_err::write(&archive, tar).unwrap();
            let mut program = std::process::Command::new("tar");
            program.arg("-xPf").arg(&archive).args(["--no-same-owner", "--transform", "s,^/layers/test_layers/,,"]);
            program.arg("-C").arg(layers).arg(format!("/layers/test_layers/{name}"));
            assert!(program.status().unwrap().success());
            fs_err::remove_file(archive).unwrap();
        }
    });
    assert!(was_read(&again, BOTH) && was_read(&again, CACHED));
    assert_eq!(again.image.digest(), first.image.digest());
    // Its exporter after ours: tars by link, metadata anew.
    let (committed, staging) = (site.cache.join("committed"), site.cache.join("staging"));
    make_directory(&staging);
    all_in(&committed, |path| {
        let new = staging.join(path.file_name().unwrap());
        if path.extension().is_some() && fs_err::hard_link(path, &new).is_err() {
            fs_err::copy(path, &new).unwrap();
        }
    });
    fs_err::rename(&committed, site.cache.join("committed-backup")).unwrap();
    fs_err::rename(&staging, &committed).unwrap();
    fs_err::remove_dir_all(site.cache.join("committed-backup")).unwrap();
    let (next, _) = site.build(|_| {});
    assert!(!was_read(&next, BOTH) && !was_read(&next, CACHED));
    check_cache(&site, &next);
}

#[test]
fn a_layer_that_the_previous_image_lacks_is_not_sent_where_it_is() {
    let mut site = Site::new();
    site.machine.platform_api = "0.14";
    let (first, _) = site.build(|_| {});
    // Without a previous image; the blobs are there.
    site.machine.names = vec!["registry.example/other".parse().unwrap()];
    let elsewhere = |site: &Site, store: Option<Memory>| {
        let build = site.restore();
        let toml = ("test_layers/both.toml", "[types]\nlaunch = true\ncache = true\n");
        build.layers(&[toml, ("test_layers/cached.toml", "[types]\ncache = true\n")]);
        build.hello();
        let (log, cache) = (Lines::default(), VolumeCache::open(&site.cache).unwrap());
        let analysis = site.machine.analyze(&build, &log);
        let analysis = baler_lifecycle::analyze::Analysis { previous: None, ..analysis };
        let mut other = Machine::new(&["test/layers"]);
        other.names = site.machine.names.clone();
        let machine = match store {
            Some(store) => {
                other.sink = Some(store);
                &other
            }
            None => &site.machine,
        };
        machine.export(&build, &analysis, &cache.handed_over(), Some(&cache), &log).unwrap()
    };
    let same = elsewhere(&site, None);
    let layer = same.layers.iter().find(|layer| layer.what == BOTH).unwrap();
    assert_eq!((layer.was_read, layer.outcome), (false, LayerOutcome::Added));
    assert_eq!(same.image.layers(), first.image.layers());
    // And where they are not, they are made of the files.
    let other = elsewhere(&site, Some(Memory::layout("out")));
    assert!(was_read(&other, BOTH) && !was_read(&other, CACHED));
    assert_eq!(other.image.layers(), first.image.layers());
}
