//! The data formats against the crate that buildpacks in Rust use: what either writes, the other reads, and means the same.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::path::{Path, PathBuf};

use baler_cnb::build::BuildFile;
use baler_cnb::buildpack::{BuildpackDescriptor, Distro, License, ModuleInfo, Stack, Target};
use baler_cnb::launch::{LaunchCommand, LaunchFile};
use baler_cnb::layer::{LayerFile, LayerTypes, RESERVED_NAMES};
use baler_cnb::order::{Group, ModuleReference};
use baler_cnb::plan::{BuildPlan, PlanEntry, PlanFile, Provider, Require};
use baler_cnb::store::StoreFile;
use libcnb_data::build_plan::BuildPlanBuilder;
use libcnb_data::buildpack as theirs;
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
        let Ok(theirs) = toml::from_str::<theirs::BuildpackDescriptor>(&text) else { continue };
        both += 1;
        assert_eq!(meaning_of_theirs(&theirs), meaning(&ours), "{}", path.display());
    }
    assert!(both > 5, "{both} of {} were compared", found.len());
}

/// What a descriptor says, without what is empty, and lists without an order in one.
fn meaning(descriptor: &BuildpackDescriptor) -> BuildpackDescriptor {
    let mut descriptor = descriptor.clone();
    descriptor.buildpack.sbom_formats.sort();
    // Theirs do not have these.
    descriptor.buildpack.exec_env.clear();
    descriptor
}

fn meaning_of_theirs(descriptor: &theirs::BuildpackDescriptor) -> BuildpackDescriptor {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let info = descriptor.buildpack();
    let license = |license: &theirs::License| License { kind: text(&license.r#type), uri: text(&license.uri) };
    let format = |format| toml::Value::try_from(format).unwrap().as_str().unwrap().to_owned();
    let mut sbom_formats: Vec<String> = info.sbom_formats.iter().map(format).collect();
    sbom_formats.sort();
    let buildpack = ModuleInfo {
        id: info.id.to_string(),
        name: text(&info.name),
        version: info.version.to_string(),
        description: text(&info.description),
        homepage: text(&info.homepage),
        keywords: info.keywords.clone(),
        licenses: info.licenses.iter().map(license).collect(),
        clear_env: info.clear_env,
        sbom_formats,
        exec_env: Vec::new(),
    };
    let distro = |distro: &theirs::Distro| Distro { name: distro.name.clone(), version: distro.version.clone() };
    let target = |target: &theirs::BuildpackTarget| Target {
        os: text(&target.os),
        arch: text(&target.arch),
        variant: text(&target.variant),
        distros: target.distros.iter().map(distro).collect(),
    };
    let stack = |stack: &theirs::Stack| Stack { id: stack.id.clone(), mixins: stack.mixins.clone() };
    let element = |element: &theirs::Group| ModuleReference {
        id: element.id.to_string(),
        version: element.version.to_string(),
        optional: element.optional,
        exec_env: Vec::new(),
    };
    let group = |order: &theirs::Order| Group { group: order.group.iter().map(element).collect() };
    let metadata = |metadata: &Option<toml::Table>| metadata.clone().unwrap_or_default();
    match descriptor {
        theirs::BuildpackDescriptor::Component(component) => BuildpackDescriptor {
            api: component.api.to_string(),
            buildpack,
            targets: component.targets.iter().map(target).collect(),
            stacks: component.stacks.iter().map(stack).collect(),
            order: Vec::new(),
            metadata: metadata(&component.metadata),
        },
        theirs::BuildpackDescriptor::Composite(composite) => BuildpackDescriptor {
            api: composite.api.to_string(),
            buildpack,
            targets: Vec::new(),
            stacks: Vec::new(),
            order: composite.order.iter().map(group).collect(),
            metadata: metadata(&composite.metadata),
        },
    }
}

#[test]
fn our_descriptors() {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let component = BuildpackDescriptor {
        api: "0.10".into(),
        buildpack: ModuleInfo {
            id: "test/a".into(),
            name: "A".into(),
            version: "1.2.3".into(),
            description: "does \"things\"".into(),
            homepage: "https://example.test".into(),
            keywords: words("one two"),
            exec_env: Vec::new(),
            licenses: vec![License { kind: "MIT".into(), uri: String::new() }],
            clear_env: true,
            sbom_formats: words("application/spdx+json application/vnd.cyclonedx+json"),
        },
        targets: vec![Target {
            os: "linux".into(),
            arch: "arm64".into(),
            variant: "v8".into(),
            distros: vec![Distro { name: "debian".into(), version: "13".into() }],
        }],
        stacks: vec![Stack { id: "*".into(), mixins: words("x") }],
        order: Vec::new(),
        metadata: table("k = 1\n[deep]\nx = [true]"),
    };
    let element =
        |id: &str, optional| ModuleReference { id: id.into(), version: "0.0.1".into(), optional, exec_env: Vec::new() };
    let composite = BuildpackDescriptor {
        targets: Vec::new(),
        stacks: Vec::new(),
        order: vec![Group { group: vec![element("test/b", false), element("test/c", true)] }],
        ..component.clone()
    };
    for ours in [component, composite] {
        let theirs: theirs::BuildpackDescriptor = toml::from_str(&toml::to_string(&ours).unwrap()).unwrap();
        assert_eq!(meaning_of_theirs(&theirs), ours);
    }
}

#[test]
fn their_build_toml() {
    let theirs = libcnb_data::build::Build { unmet: vec!["a".into(), "b".into()] };
    let ours: BuildFile = toml::from_str(&toml::to_string(&theirs).unwrap()).unwrap();
    let specified: BuildFile = toml::from_str("[[unmet]]\nname = \"a\"\n[[unmet]]\nname = \"b\"\n").unwrap();
    assert_eq!(ours, specified);
}

#[test]
fn no_layer_has_a_name_that_is_reserved() {
    for name in RESERVED_NAMES {
        assert!(name.parse::<libcnb_data::layer::LayerName>().is_err(), "{name}");
    }
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
