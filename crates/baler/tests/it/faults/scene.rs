//! A registry in a directory, a store, and the commands that are run against each fault.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::support::{Base, DevRegistry, Outcome, Place, User, application, buildpack, write};

/// Longer than a chunk of an upload, and not to be compressed.
const NOISE: usize = 6_000_000;
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
        buildpack(
            &place,
            "small",
            "exit 0",
            "mkdir -p $CNB_LAYERS_DIR/data; cp $CNB_BUILDPACK_DIR/noise $CNB_LAYERS_DIR/data/; printf '[types]\\nlaunch = true\\n' >$CNB_LAYERS_DIR/data.toml",
        );
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
        let address = registry.address.clone();
        registry.end();
        Some(Self { place, large, address, runs: std::cell::Cell::new(0) })
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
        let outcome = self.command(&registry.address, command, has_tokens);
        (outcome, registry.end())
    }

    fn command(&self, registry: &str, command: &str, is_logged_in: bool) -> Outcome {
        self.runs.set(self.runs.get() + 1);
        // Nothing of it is there, and no layer can be mounted that another run sent.
        let target = format!("{registry}/new{}/app:1", self.runs.get());
        let (run, builder) = (format!("{registry}/run:1"), format!("{registry}/builder:1"));
        let arguments: &[&str] = match command {
            "resolve" => &["resolve", &run, "--from", "registry"],
            "pull" => &["pull", &run],
            "push" => &["push", "local", &target],
            "publish" => &["build", &target, "--publish", "-B", &builder, "-p", "app", "--run-image", &run],
            other => panic!("{other}"),
        };
        let mut process = self.place.command(&[&["-v"], arguments].concat());
        process.env("BALER_REGISTRY_TIMEOUT", "1");
        if is_logged_in {
            process.env("CNB_REGISTRY_AUTH", format!("{{\"{registry}\": \"{LOGIN}\"}}"));
        }
        self.outcome(process, matches!(command, "pull" | "publish"))
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

/// What a registry has of an upload is not sent to it again, a blob that came whole is not fetched again, and the requests at
/// the same time are bounded.
pub(super) fn nothing_twice(log: &[String], row: &str) {
    let mut uploads: BTreeMap<&str, usize> = BTreeMap::new();
    let mut fetched = BTreeSet::new();
    for line in log {
        let words: Vec<&str> = line.split(' ').collect();
        let [status, method, path, ..] = words[..] else { continue };
        let path = path.split('?').next().unwrap();
        // What is answered with an error is not kept.
        let is_kept = status.starts_with('2') || status == "---";
        if let Some((_, id)) = path.split_once("/blobs/uploads/")
            && is_kept
            && matches!(method, "PATCH" | "PUT")
        {
            *uploads.entry(id).or_default() += received(line);
        }
        let is_whole = status == "200" && method == "GET" && !line.contains(" fault ");
        if is_whole && path.contains("/blobs/sha256:") {
            let is_new = fetched.insert(path);
            assert!(is_new, "{path} is fetched twice: {row}");
        }
    }
    assert!(uploads.values().all(|bytes| *bytes < NOISE + NOISE / 10), "{uploads:?}: {row}");
    let peak = log.last().and_then(|line| line.split("at most ").nth(1)?.split(' ').next()?.parse::<usize>().ok());
    assert!(peak.is_some_and(|peak| (1..=8).contains(&peak)), "{row}");
}

/// The bytes that came with a request.
fn received(line: &str) -> usize {
    let before = line.split(" in, ").next().unwrap();
    before.rsplit(' ').next().unwrap().parse().unwrap_or(0)
}

fn sent_bytes(line: &str) -> Option<u64> {
    line.split("sent, ").nth(1)?.split(' ').next()?.parse().ok()
}
