//! A registry in a directory, a store, and the commands that are run against each fault.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use baler_image::Digest;
use baler_test_registry::{Options, Storage, TestRegistry};

use crate::support::{Base, DevRegistry, Outcome, Place, User, application, buildpack, write};

/// Longer than a chunk of an upload, and not to be compressed.
const NOISE: usize = 6_000_000;
/// Makes a layer for the image, and another one for the cache alone, unless that is there.
const BUILD: &str = "mkdir -p $CNB_LAYERS_DIR/data; cp $CNB_BUILDPACK_DIR/noise $CNB_LAYERS_DIR/data/
printf '[types]\\nlaunch = true\\n' >$CNB_LAYERS_DIR/data.toml
if test -e $CNB_LAYERS_DIR/kept/noise; then echo KEPT; else
mkdir -p $CNB_LAYERS_DIR/kept; head -c 300000 $CNB_BUILDPACK_DIR/noise >$CNB_LAYERS_DIR/kept/noise; fi
printf '[types]\\ncache = true\\n' >$CNB_LAYERS_DIR/kept.toml";
/// Flags of a registry that gives out tokens.
const TOKENS: [&str; 3] = ["--auth", "me:s3cret", "--tokens"];
/// me:s3cret
pub(super) const LOGIN: &str = "Basic bWU6czNjcmV0";
/// me:other
pub(super) const CHANGED: &str = "Basic bWU6b3RoZXI=";

/// Everything that the commands need.
pub(super) struct Scene {
    pub(super) place: Place,
    /// The longest layer of the run image.
    large: String,
    /// The address stands in what is built, so it is always the same.
    pub(super) address: String,
    runs: std::cell::Cell<usize>,
}

impl Scene {
    pub(super) fn new() -> Option<Self> {
        let place = Place::new(User::Caller)?;
        let base = Base::get()?;
        place.run(&["load", base.path().to_str().unwrap()]).success();
        buildpack(&place, "small", "exit 0", BUILD);
        std::fs::write(place.path().join("small/noise"), baler_test_registry::noise(NOISE)).unwrap();
        application(&place, &[("file", "text")]);
        let registry = DevRegistry::start(&place, &["--directory", "images"]);
        let pushed = place.run(&["-v", "push", "test-run", &format!("{}/run:1", registry.address)]).success();
        let sent = |line: &str| Some((line.split("Blob ").nth(1)?.split(' ').next()?.to_owned(), sent_bytes(line)?));
        let (large, _) = pushed.stdout.lines().filter_map(sent).max_by_key(|(_, bytes)| *bytes).unwrap();
        let config = "[build]\nimage = \"test-build\"\n[[run.images]]\nimage = \"registry.invalid/run\"\n[[buildpacks]]\nuri = \"small\"\n[[order]]\n[[order.group]]\nid = \"test/small\"\n";
        write(&place.path().join("builder.toml"), config);
        place.run(&["builder", "create", "builder", "--config", "builder.toml"]).success();
        place.run(&["push", "builder", &format!("{}/builder:1", registry.address)]).success();
        place.run(&["build", "local", "--builder", "builder", "--path", "app", "--run-image", "test-run"]).success();
        // One whose images are in the registry.
        let published = config.replace("test-build", &format!("{}/build:1", registry.address));
        write(&place.path().join("published.toml"), &published);
        place.run(&["push", "test-build", &format!("{}/build:1", registry.address)]).success();
        let address = registry.address.clone();
        registry.end();
        Some(Self { place, large, address, runs: std::cell::Cell::new(0) })
    }

    /// Has an app in the registry that can be rebased, with its cache image, and a newer run image.
    pub(super) fn publish_app(&self) {
        let registry = DevRegistry::start_at(&self.place, &self.address, &["--directory", "images"]);
        Base::write_newer(&self.place.path().join("newer"), "newer base\n");
        self.place.run(&["load", "newer", "--name", "newer-run"]).success();
        self.place.run(&["push", "newer-run", &format!("{}/run:2", self.address)]).success();
        let (app, cache, run) = (self.at("app:1"), self.at("cache:1"), self.at("run:1"));
        let build = ["build", &app, "--publish", "-B", "builder", "-p", "app", "--run-image", &run];
        self.place.run(&[&build[..], &["--cache-image", &cache]].concat()).success();
        registry.end();
    }

    fn at(&self, image: &str) -> String {
        format!("{}/{image}", self.address)
    }

    /// The images that the last run made in the registry, with their digests.
    pub(super) fn made(&self) -> BTreeMap<String, Digest> {
        let storage = Storage::Directory(self.place.path().join("images"));
        let registry = TestRegistry::start(Options { storage, ..Options::default() }).unwrap();
        let mut made = BTreeMap::new();
        let prefix = format!("new{}/", self.runs.get());
        for repository in registry.repositories() {
            let Some(name) = repository.strip_prefix(&prefix) else { continue };
            for tag in registry.tags(&repository) {
                let manifest = registry.manifest(&repository, &tag).unwrap();
                made.insert(format!("{name}:{tag}"), Digest::of(&manifest));
            }
        }
        made
    }

    /// A text of the table, with what it stands for.
    pub(super) fn filled(&self, text: &str) -> String {
        text.replace("LARGE", &self.large)
    }

    /// Runs a command while the registry has these faults, with `+` between them. What the registry said of it comes along.
    pub(super) fn run(&self, faults: &str, command: &str) -> (Outcome, Vec<String>) {
        let faults = self.filled(faults);
        let (has_tokens, faults) = match faults.strip_prefix("TOKENS ") {
            Some(faults) => (true, faults),
            None => (false, &*faults),
        };
        let mut flags = vec!["--directory", "images"];
        if has_tokens {
            flags.extend(TOKENS);
        }
        flags.extend(
            faults.split('+').map(str::trim).filter(|fault| !fault.is_empty()).flat_map(|fault| ["--fault", fault]),
        );
        let registry = DevRegistry::start_at(&self.place, &self.address, &flags);
        let outcome = self.command(command, has_tokens);
        (outcome, registry.end())
    }

    fn command(&self, command: &str, is_logged_in: bool) -> Outcome {
        self.runs.set(self.runs.get() + 1);
        // Nothing of it is there, and no layer can be mounted that another run sent.
        let new = |name: &str| self.at(&format!("new{}/{name}:1", self.runs.get()));
        let (target, run, builder) = (new("app"), self.at("run:1"), self.at("builder:1"));
        let build = ["build", &target, "--publish", "-B", &builder, "-p", "app", "--run-image", &run];
        let (app, newer, cache, new_cache) = (self.at("app:1"), self.at("run:2"), self.at("cache:1"), new("cache"));
        let rebase = ["rebase", &target, "--previous-image", &app, "--run-image", &newer, "--force", "--publish"];
        let arguments: &[&str] = match command {
            "resolve" => &["resolve", &run, "--from", "registry"],
            "pull" => &["pull", &run],
            "push" => &["push", "local", &target],
            "publish" => &build,
            "cache" => &[&build[..], &["--cache-image", &new_cache]].concat(),
            "restore" => &[&build[..], &["--cache-image", &cache]].concat(),
            "rebase" => &rebase,
            "create" => &["builder", "create", &target, "--publish", "--config", "published.toml"],
            other => panic!("{other}"),
        };
        let mut process = self.place.command(&[&["-v"], arguments].concat());
        process.env("BALER_REGISTRY_TIMEOUT", "1");
        if is_logged_in {
            process.env("CNB_REGISTRY_AUTH", format!("{{\"{}\": \"{LOGIN}\"}}", self.address));
        }
        self.outcome(process, !matches!(command, "resolve" | "push"))
    }

    /// Runs the program, with a store in which there is nothing where that is wanted.
    pub(super) fn outcome(&self, mut process: Command, is_empty: bool) -> Outcome {
        if !is_empty {
            return crate::support::outcome(&mut process);
        }
        let store = self.place.path().join("empty-store");
        let outcome = crate::support::outcome(process.env("BALER_HOME", &store));
        let mut remove = self.place.command(&["rm", "--all", "-q"]);
        crate::support::outcome(remove.env("BALER_HOME", &store)).success();
        std::fs::remove_dir_all(&store).unwrap();
        outcome
    }
}

/// The digest of the image that a command was about, as it is said.
pub(super) fn digest(command: &str, outcome: &Outcome) -> Option<String> {
    let mark = match command {
        "resolve" => "  Manifest: ",
        "pull" => "Pulled ",
        "push" => "Pushed ",
        "create" => return None,
        _ => "*** Digest: ",
    };
    let line = outcome.stdout.lines().find(|line| line.contains(mark))?;
    Some(line[line.find("sha256:")?..].get(..71)?.to_owned())
}

/// No password, token or signature is printed, and no other host gets credentials.
pub(super) fn nothing_leaked(outcome: &Outcome, log: &[String], row: &str) {
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    for secret in ["s3cret", LOGIN, "bWU6czNjcmV0", "4f1d-signature", "token-1"] {
        assert!(!said.contains(secret), "{secret} in {row}");
    }
    let elsewhere: Vec<&String> = log.iter().filter(|line| line.contains(" at the storage host ")).collect();
    assert!(elsewhere.iter().all(|line| line.contains("(nobody, ")), "{row}");
    assert!(!log.iter().any(|line| line.contains("fault redirect")) || !elsewhere.is_empty(), "{row}");
}

/// What a registry has of an upload is not sent to it again (`longest` is what the longest one takes), a blob that came whole is
/// not fetched again, no upload is left that could be ended, and the requests at the same time are bounded.
pub(super) fn nothing_twice(log: &[String], longest: usize, row: &str) {
    let mut fetched = BTreeSet::new();
    for line in log {
        let is_whole = line.starts_with("200 GET ") && !line.contains(" fault ");
        let path = path(line);
        if is_whole && path.contains("/blobs/sha256:") {
            let is_new = fetched.insert(path);
            assert!(is_new, "{path} is fetched twice: {row}");
        }
    }
    // One whose beginning was not answered, or whose end was not taken, cannot be ended.
    let is_lost = |line: &&String| {
        let is_begun = line.starts_with("--- POST ") && !line.contains("mount=");
        line.contains(" fault ") && (is_begun || line.contains(" DELETE "))
    };
    let (lost, left) = (log.iter().filter(is_lost).count(), log.last().and_then(|line| uploads_left(line)));
    assert!(left.is_some_and(|left| left <= lost), "{row}");
    // Layers that are not mounted are sent.
    assert!(longest_upload(log) < longest.max(NOISE) * 11 / 10, "{row}");
    let peak = log.last().and_then(|line| line.split("at most ").nth(1)?.split(' ').next()?.parse::<usize>().ok());
    assert!(peak.is_some_and(|peak| (1..=8).contains(&peak)), "{row}");
}

/// The most bytes that were taken of one upload.
pub(super) fn longest_upload(log: &[String]) -> usize {
    let mut uploads: BTreeMap<&str, usize> = BTreeMap::new();
    for line in log {
        let has_bytes = line.contains(" PATCH ") || line.contains(" PUT ");
        // What is answered with an error is not kept.
        let is_kept = line.starts_with('2') || line.starts_with("---");
        if let Some((_, id)) = path(line).split_once("/blobs/uploads/")
            && has_bytes
            && is_kept
        {
            *uploads.entry(id).or_default() += received(line);
        }
    }
    uploads.into_values().max().unwrap_or_default()
}

/// The path of a request, without its query.
fn path(line: &str) -> &str {
    line.split(' ').nth(2).and_then(|target| target.split('?').next()).unwrap_or_default()
}

/// The bytes that came with a request.
fn received(line: &str) -> usize {
    let before = line.split(" in, ").next().unwrap();
    before.rsplit(' ').next().unwrap().parse().unwrap_or(0)
}

fn uploads_left(line: &str) -> Option<usize> {
    line.split_once("; ")?.1.split(' ').next()?.parse().ok()
}

fn sent_bytes(line: &str) -> Option<u64> {
    line.split("sent, ").nth(1)?.split(' ').next()?.parse().ok()
}
