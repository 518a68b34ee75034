//! The data formats against the crate that buildpacks in Rust use: what either writes, the other reads, and means the same.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::path::{Path, PathBuf};

use baler_cnb::buildpack::BuildpackDescriptor;
use baler_cnb::launch::{LaunchCommand, LaunchFile};
use baler_cnb::layer::{LayerFile, LayerTypes};
use baler_cnb::plan::{BuildPlan, PlanEntry, PlanFile, Provider, Require};
use baler_cnb::store::StoreFile;
use libcnb_data::build_plan::BuildPlanBuilder;
use libcnb_data::launch::{Label, LaunchBuilder, ProcessBuilder, Slice, WorkingDirectory};
use libcnb_data::layer_content_metadata::LayerContentMetadata;
use libcnb_data::process_type;
use libcnb_data::store::Store;
use proptest::prelude::*;

fn table(text: &str) -> toml::Table {
    toml::from_str(text).unwrap()
}

#[test]
fn their_launch_toml() {
    let mut web = ProcessBuilder::new(process_type!("web"), ["run", "it"]);
    web.args(["--port", "80"]).default(true).working_directory(WorkingDirectory::Directory("sub".into()));
    let mut launch = LaunchBuilder::new();
    launch.process(web.build()).process(ProcessBuilder::new(process_type!("worker.1"), ["w"]).build());
    launch.label(Label { key: "k".into(), value: "v".into() }).slice(Slice { path_globs: vec!["*.js".into()] });
    let ours: LaunchFile = toml::from_str(&toml::to_string(&launch.build()).unwrap()).unwrap();
    let [web, worker] = &ours.processes[..] else { panic!("two processes") };
    assert!(matches!(&web.command, Some(LaunchCommand::List(words)) if words == &["run", "it"]));
    assert_eq!((web.process_type.as_str(), web.default, web.direct), ("web", true, None));
    assert_eq!((web.args.join(" ").as_str(), web.working_dir.as_str()), ("--port 80", "sub"));
    assert_eq!((worker.process_type.as_str(), worker.default), ("worker.1", false));
    // Theirs says where it is with a dot.
    assert!(matches!(worker.working_dir.as_str(), "" | "."));
    assert_eq!((ours.labels[0].key.as_str(), ours.labels[0].value.as_str()), ("k", "v"));
    assert_eq!(ours.slices[0].paths, ["*.js"]);
}

#[test]
fn their_build_plan() {
    let mut require = libcnb_data::build_plan::Require::new("b");
    require.metadata(table("version = \"1\"\n[deep]\nx = [1, 2]")).unwrap();
    let theirs = BuildPlanBuilder::new().provides("a").requires(require).or().provides("c").or().requires("d").build();
    let ours: BuildPlan = toml::from_str(&toml::to_string(&theirs).unwrap()).unwrap();
    let names = |provides: &[baler_cnb::plan::Provide], requires: &[Require]| {
        let provides: Vec<_> = provides.iter().map(|provide| format!("+{}", provide.name)).collect();
        let requires: Vec<_> = requires.iter().map(|require| format!("-{}", require.name)).collect();
        [provides, requires].concat().concat()
    };
    let alternatives = ours.alternatives();
    let alternatives: Vec<_> =
        alternatives.iter().map(|sections| names(&sections.provides, &sections.requires)).collect();
    assert_eq!(alternatives, ["+a-b", "+c", "-d"]);
    assert_eq!(ours.requires[0].metadata, table("version = \"1\"\n[deep]\nx = [1, 2]"));
    assert_eq!(ours.misplaced_version(), None);
}

#[test]
fn our_plan_for_a_buildpack() {
    let require = |metadata| Require { name: "a".into(), version: None, metadata };
    let provider = Provider { id: "p".into(), version: "1".into(), extension: false };
    let requires = vec![require(table("x = 1\n[y]\nz = [true]")), require(toml::Table::new())];
    let plan = PlanFile { entries: vec![PlanEntry { providers: vec![provider], requires }] };
    let text = toml::to_string(&plan.requirements_for("p", false)).unwrap();
    let theirs: libcnb_data::buildpack_plan::BuildpackPlan = toml::from_str(&text).unwrap();
    assert_eq!(theirs.entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["a", "a"]);
    assert_eq!(theirs.entries[0].metadata, table("x = 1\n[y]\nz = [true]"));
    let text = toml::to_string(&PlanFile::default().requirements_for("p", false)).unwrap();
    let none: libcnb_data::buildpack_plan::BuildpackPlan = toml::from_str(&text).unwrap();
    assert!(none.entries.is_empty());
}

/// Every buildpack.toml below a directory.
fn descriptors(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs_err::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            descriptors(&path, found);
        } else if path.file_name().is_some_and(|name| name == "buildpack.toml") {
            found.push(path);
        }
    }
}

#[test]
fn descriptors_mean_the_same_to_both() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for name in ["samples/buildpacks", "conformance/buildpacks", "conformance/builders"] {
        descriptors(&root.join(name), &mut found);
    }
    let mut both = 0;
    for path in &found {
        let text = fs_err::read_to_string(path).unwrap();
        let ours: BuildpackDescriptor = toml::from_str(&text).unwrap();
        // Theirs is stricter with versions, which the recorded builds make use of.
        let Ok(theirs) = toml::from_str::<libcnb_data::buildpack::BuildpackDescriptor>(&text) else { continue };
        both += 1;
        let theirs = theirs.buildpack();
        assert_eq!(ours.buildpack.id, theirs.id.as_str(), "{}", path.display());
        assert_eq!(ours.buildpack.version, theirs.version.to_string(), "{}", path.display());
        assert_eq!(ours.buildpack.clear_env, theirs.clear_env, "{}", path.display());
    }
    assert!(both > 5, "{both} of {} were compared", found.len());
}

/// Bare keys, quoted ones, and such as have to be escaped.
fn names() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z][a-z0-9-]{0,8}", "[ -~]{1,12}", "\\PC{1,6}"]
}

fn values() -> impl Strategy<Value = toml::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(toml::Value::from),
        any::<i64>().prop_map(toml::Value::from),
        "\\PC{0,12}".prop_map(toml::Value::from),
        (-1e6..1e6f64).prop_map(toml::Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let table = prop::collection::btree_map(names(), inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(toml::Value::from),
            table.prop_map(|map| toml::Value::Table(map.into_iter().collect())),
        ]
    })
}

fn tables() -> impl Strategy<Value = toml::Table> {
    prop::collection::btree_map(names(), values(), 0..5).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #[test]
    fn layers_are_the_same_to_both(metadata in tables(), flags: [bool; 3]) {
        let [build, launch, cache] = flags;
        let types = LayerTypes { build, launch, cache };
        let ours = LayerFile { types: Some(types), metadata: Some(toml::Value::Table(metadata.clone())) };
        let theirs: LayerContentMetadata = toml::from_str(&toml::to_string(&ours).unwrap()).unwrap();
        prop_assert_eq!(theirs.metadata.clone(), Some(metadata.clone()));
        let again = LayerFile::parse(&toml::to_string(&theirs).unwrap()).unwrap();
        let flags = theirs.types.unwrap();
        prop_assert_eq!([flags.build, flags.launch, flags.cache], [build, launch, cache]);
        prop_assert_eq!(again.metadata, ours.metadata);
        prop_assert_eq!(again.types, ours.types);
        // What restore gives back has no types.
        let restored = LayerFile { types: None, metadata: Some(toml::Value::Table(metadata.clone())) };
        let theirs: LayerContentMetadata = toml::from_str(&toml::to_string(&restored).unwrap()).unwrap();
        prop_assert!(theirs.types.is_none() && theirs.metadata == Some(metadata));
    }

    #[test]
    fn stores_are_the_same_to_both(metadata in tables()) {
        let text = toml::to_string(&StoreFile { metadata: metadata.clone() }).unwrap();
        let theirs: Store = toml::from_str(&text).unwrap();
        prop_assert_eq!(&theirs.metadata, &metadata);
        let ours: StoreFile = toml::from_str(&toml::to_string(&theirs).unwrap()).unwrap();
        prop_assert_eq!(ours.metadata, metadata);
    }
}
