//! Generate with real extensions: what they see, what is made of what they write, and the program `detector` with them.

use std::path::Path;

use baler_cnb::analyzed::Analyzed;
use baler_cnb::group::GroupElement;
use baler_cnb::plan::PlanFile;
use baler_cnb::run::{RunFile, RunImage};
use baler_lifecycle::detect::detect;
use baler_lifecycle::generate::{GenerateError, GenerateInputs, Generation, generate};
use baler_lifecycle::interrupt::Interrupt;
use fs_err as fs;

use crate::programs::{call, outcome};
use crate::support::{Lines, Place, chain};

const EXTEND: &str = "ARG base_image\nFROM ${base_image}\nRUN x\n";

/// The extension `id` of version 1 whose `bin/generate` is `script`; its output directory is `$1`.
fn extension(place: &Place, id: &str, script: &str) {
    let directory = format!("extensions/{}/1", id.replace('/', "_"));
    let descriptor = format!("api = \"0.11\"\n[extension]\nid = \"{id}\"\nversion = \"1\"\nhomepage = \"h\"\n");
    place.write(&format!("{directory}/extension.toml"), &descriptor);
    place.script(&format!("{directory}/bin/generate"), script);
}

/// The text of a script that writes a file to its output directory.
fn file(name: &str, text: &str) -> String {
    format!("cat >\"$CNB_OUTPUT_DIR/{name}\" <<'END OF FILE'\n{text}\nEND OF FILE\n")
}

fn inputs(place: &Place, api: &str, ids: &[&str]) -> GenerateInputs {
    let detect_inputs = place.detect_inputs(&[]);
    let element =
        |id: &&str| GroupElement { id: (*id).into(), version: "1".into(), api: "0.11".into(), ..Default::default() };
    GenerateInputs {
        platform_api: api.parse().unwrap(),
        store: place.store(),
        extensions: ids.iter().map(element).collect(),
        plan: PlanFile::default(),
        run_image: "registry.example/run:1".into(),
        run: RunFile {
            images: vec![RunImage {
                image: "registry.example/run:1".into(),
                mirrors: vec!["mirror.example/run".into()],
            }],
        },
        app_directory: detect_inputs.app_directory,
        platform_directory: detect_inputs.platform_directory,
        build_config_directory: detect_inputs.build_config_directory,
        generated_directory: place.path("layers/generated"),
        target: detect_inputs.target,
        exec_env: detect_inputs.exec_env,
        environment: detect_inputs.environment,
        temporary_directory: detect_inputs.temporary_directory,
        output: std::fs::File::create(place.path("output")).unwrap(),
        interrupt: Interrupt::new(),
    }
}

fn generated(inputs: &GenerateInputs) -> (Generation, String) {
    let lines = Lines::default();
    let generation = generate(inputs, &lines).unwrap_or_else(|error| panic!("{}", chain(&error)));
    (generation, lines.text())
}

/// The files below the directory of generated ones, sorted.
fn files(place: &Place) -> Vec<String> {
    fn add(root: &Path, directory: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(root, &path, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let root = place.path("layers/generated");
    let mut found = Vec::new();
    add(&root, &root, &mut found);
    found.sort();
    found
}

#[test]
fn an_extension_sees_its_plan_and_its_own_directories() {
    let place = Place::new();
    place.write("platform/env/USER_SET", "by the user");
    let script =
        "cp \"$3\" ../plan; env | sort >../env; echo \"$@\" >../arguments; pwd >../cwd; echo to both; echo streams >&2";
    extension(&place, "a/x", script);
    extension(&place, "y", "cp \"$CNB_BP_PLAN_PATH\" ../plan.y");
    let mut inputs = inputs(&place, "0.15", &["a/x", "y"]);
    inputs.plan = toml::from_str(
        "[[entries]]\n[[entries.providers]]\nid = \"a/x\"\nversion = \"1\"\nextension = true\n[[entries.requires]]\nname = \"tool\"\n[entries.requires.metadata]\nv = 2\n\
         [[entries]]\n[[entries.providers]]\nid = \"y\"\nversion = \"1\"\n[[entries.requires]]\nname = \"other\"\n",
    )
    .unwrap();
    let (generation, _) = generated(&inputs);
    assert_eq!(place.read("plan"), "[[entries]]\nname = \"tool\"\n\n[entries.metadata]\nv = 2\n");
    assert_eq!(place.read("plan.y"), "", "y is provider as a buildpack, not as an extension");
    assert_eq!(generation.plan.entries.len(), 1, "what an extension provides is met");
    assert_eq!(generation.plan.entries[0].requires[0].name, "other");
    let output = place.path("layers/generated/a_x");
    let environment = place.read("env");
    for line in [
        format!("CNB_OUTPUT_DIR={}", output.display()),
        format!("CNB_EXTENSION_DIR={}", place.path("extensions/a_x/1").display()),
        format!("CNB_PLATFORM_DIR={}", place.path("platform").display()),
        "CNB_TARGET_ARCH=amd64".into(),
        "USER_SET=by the user".into(),
    ] {
        assert!(environment.lines().any(|found| found == line), "{line} is missing in\n{environment}");
    }
    assert!(!environment.contains("SECRET"), "{environment}");
    let arguments = format!("{} {} ", output.display(), place.path("platform").display());
    assert!(place.read("arguments").starts_with(&arguments));
    assert_eq!(place.read("cwd").trim(), fs::canonicalize(place.path("app")).unwrap().to_str().unwrap());
    assert_eq!(place.read("output"), "to both\nstreams\n");
    assert!(place.is_tidy());
}

#[test]
fn the_last_extension_that_switches_wins() {
    let place = Place::new();
    for (id, text) in [("a", "FROM first"), ("b", EXTEND), ("c", "FROM second"), ("d", EXTEND), ("e", "")] {
        let script = if text.is_empty() { String::new() } else { file("run.Dockerfile", text) };
        extension(&place, id, &(script + &file("extend-config.toml", "[[run.args]]\nname = \"n\"\nvalue = \"v\"")));
    }
    let ids = ["a", "b", "c", "d", "e"];
    let (generation, lines) = generated(&inputs(&place, "0.13", &ids));
    assert_eq!(generation.new_run_image.as_deref(), Some("second"));
    assert!(generation.extends_run_image);
    assert!(lines.starts_with("Warning: new runtime base image 'second' not found in run metadata: "), "{lines}");
    let expected = [
        "a/extend-config.toml",
        "a/run.Dockerfile.ignore",
        "b/extend-config.toml",
        "b/run.Dockerfile.ignore",
        "c/extend-config.toml",
        "c/run.Dockerfile",
        "d/extend-config.toml",
        "d/run.Dockerfile",
        "e/extend-config.toml",
    ];
    assert_eq!(files(&place), expected);

    fs::remove_dir_all(place.path("layers/generated")).unwrap();
    generated(&inputs(&place, "0.12", &ids));
    let expected = [
        "run/a/Dockerfile.ignore",
        "run/a/extend-config.toml",
        "run/b/Dockerfile.ignore",
        "run/b/extend-config.toml",
        "run/c/Dockerfile",
        "run/c/extend-config.toml",
        "run/d/Dockerfile",
        "run/d/extend-config.toml",
    ];
    assert_eq!(files(&place), expected);
    assert!(place.is_tidy());

    // What an earlier run left does not count.
    extension(&place, "c", "");
    extension(&place, "a", "");
    for api in ["0.12", "0.13"] {
        let (generation, _) = generated(&inputs(&place, api, &["a", "c"]));
        assert_eq!(generation.new_run_image, None, "{api}");
        assert!(!place.path("layers/generated/run/c").exists());
    }
}

#[test]
fn a_new_run_image_is_one_with_another_name() {
    let digest = format!("registry.example/run:1@sha256:{}", "0".repeat(64));
    for (name, api, is_new, warns) in [
        ("registry.example/run:1", "0.12", false, false),
        ("registry.example/run:1", "0.10", true, false),
        ("mirror.example/run", "0.12", true, false),
        ("mirror.example/run:latest", "0.12", true, false),
        (digest.as_str(), "0.12", true, false),
        ("other.example/run", "0.12", true, true),
    ] {
        let place = Place::new();
        extension(&place, "x", &file("run.Dockerfile", &format!("FROM {name}")));
        let (generation, lines) = generated(&inputs(&place, api, &["x"]));
        assert_eq!(generation.new_run_image.as_deref(), is_new.then_some(name), "{name} {api}");
        assert_eq!(lines.contains("not found in run metadata"), warns, "{name} {api}: {lines}");
        assert!(!generation.extends_run_image);
    }
}

#[test]
fn an_extension_without_a_program_has_its_output_ready() {
    for (api, expected) in [("0.12", &["run/x/Dockerfile"][..]), ("0.13", &["x/context/file", "x/run.Dockerfile"])] {
        let place = Place::new();
        extension(&place, "x", "");
        fs::remove_dir_all(place.path("extensions/x/1/bin")).unwrap();
        place.write("extensions/x/1/generate/run.Dockerfile", "FROM other\n");
        place.write("extensions/x/1/generate/context/file", "x");
        let (generation, _) = generated(&inputs(&place, api, &["x"]));
        assert_eq!(generation.new_run_image.as_deref(), Some("other"));
        assert_eq!(files(&place), expected);
        assert!(place.path("extensions/x/1/generate/run.Dockerfile").exists());
    }
}

#[test]
fn what_cannot_be_used_is_named() {
    let cases = [
        ("exit 7".to_owned(), "extension x@1 failed: ", "ended with exit code 7"),
        ("kill -9 $$".to_owned(), "extension x@1 failed: ", "signal 9"),
        (
            file("run.Dockerfile", "FROM a\nFROM b"),
            "could not use what extension x@1 wrote: ",
            "a second FROM in line 2",
        ),
        (file("run.Dockerfile", "FROM a\nNONSENSE"), "could not use what extension x@1 wrote: ", "at line 2"),
        (
            file("build.Dockerfile", "FROM a"),
            "could not use what extension x@1 wrote: ",
            "did not start with required ARG",
        ),
        (file("extend-config.toml", "[build\n"), "could not use what extension x@1 wrote: ", "line 1"),
        (
            file("extend-config.toml", "[[build.args]]\nname = \"group_id\"\nvalue = \"0\""),
            "could not use what extension x@1 wrote: ",
            "the argument 'group_id' is given its value by the lifecycle",
        ),
        ("mkdir \"$1/run.Dockerfile\"".to_owned(), "could not use what extension x@1 wrote: ", "is not a file"),
        ("mkfifo \"$1/run.Dockerfile\"".to_owned(), "could not use what extension x@1 wrote: ", "is not a file"),
        (
            "head -c 2000000 /dev/zero >\"$1/build.Dockerfile\"".to_owned(),
            "could not use what extension x@1 wrote: ",
            "is not a file of at most 1048576 bytes",
        ),
        (
            "mkdir \"$1/context\" \"$1/context.run\"".to_owned(),
            "could not use what extension x@1 wrote: ",
            "image-specific context dir is provided together with a shared context",
        ),
    ];
    for (script, start, part) in cases {
        let place = Place::new();
        extension(&place, "x", &script);
        let error = generate(&inputs(&place, "0.15", &["x"]), &Lines::default()).unwrap_err();
        let text = chain(&error);
        assert!(text.starts_with(start) && text.contains(part), "{script}: {text}");
        assert!(place.is_tidy());
    }
    let place = Place::new();
    let error = generate(&inputs(&place, "0.15", &["x"]), &Lines::default()).unwrap_err();
    assert!(matches!(error, GenerateError::LookUp(_)), "{error}");
}

#[test]
fn what_is_odd_is_a_warning() {
    let place = Place::new();
    extension(&place, "x", &file("run.Dockerfile", "FROM --platform=linux/arm64 registry.example/run:1\nEXPOSE 80"));
    let (_, lines) = generated(&inputs(&place, "0.15", &["x"]));
    assert!(lines.contains("Warning: run.Dockerfile command EXPOSE on line 2 is not recommended"), "{lines}");
    assert!(lines.contains("Warning: run.Dockerfile names a platform on line 1"), "{lines}");
}

/// Extensions are optional: a group does without those that do not pass or that nobody needs.
#[test]
fn detect_puts_extensions_before_buildpacks() {
    let place = Place::new();
    for (id, detect) in [
        ("x", "printf '[[provides]]\\nname = \"tool\"\\n' >\"$2\""),
        ("y", "exit 100"),
        ("z", "printf '[[provides]]\\nname = \"unused\"\\n' >\"$2\""),
        ("broken", "printf '[[requires]]\\nname = \"tool\"\\n' >\"$2\""),
    ] {
        extension(&place, id, "");
        place.script(&format!("extensions/{id}/1/bin/detect"), detect);
    }
    place.buildpack("a", "", "printf '[[requires]]\\nname = \"tool\"\\n' >\"$2\"", "");
    let extension_order = |words: &str| {
        let element = |id: &str| format!("[[order.group]]\nid = \"{id}\"\nversion = \"1\"\n");
        let text = "[[order]]\n".to_owned() + &words.split(' ').map(element).collect::<String>();
        toml::from_str::<baler_cnb::order::OrderFile>(&text).unwrap().order
    };
    let found = |groups: &[&str]| {
        let mut inputs = place.detect_inputs(&["a"]);
        inputs.order.order_extensions = groups.iter().flat_map(|words| extension_order(words)).collect();
        let detection = detect(&inputs, &Lines::default()).ok()?;
        let ids = |elements: Vec<GroupElement>| elements.into_iter().map(|element| element.id).collect::<Vec<_>>();
        Some((ids(detection.group.group_extensions), ids(detection.group.group)))
    };
    let words = |extensions: &[&str]| {
        Some((extensions.iter().map(ToString::to_string).collect::<Vec<_>>(), vec!["a".to_owned()]))
    };
    assert_eq!(found(&["x y z broken"]), words(&["x"]));
    assert_eq!(found(&["y", "z x"]), words(&["x"]));
    assert_eq!(found(&["y z"]), None, "nobody provides what a requires");
}

#[test]
fn the_detector_writes_all_files() {
    let place = Place::new();
    extension(&place, "x", &file("run.Dockerfile", "FROM other.example/run:2"));
    place.buildpack("a", "", "exit 0", "");
    let order = "[[order]]\n[[order.group]]\nid = \"a\"\nversion = \"1\"\n[[order-extensions]]\n[[order-extensions.group]]\nid = \"x\"\nversion = \"1\"\n";
    place.write("layers/order.toml", order);
    let analyzed = "[metadata]\n[run-image]\nreference = \"run@sha256:1\"\nimage = \"run\"\n[run-image.target]\nos = \"linux\"\narch = \"amd64\"\n";
    let path = place.write("layers/analyzed.toml", analyzed);
    let Some(mut detector) = call(&place, "detect") else { return };
    detector.arg("-extensions").arg(place.path("extensions"));
    let all = std::process::Command::new("chmod").arg("a+rw").arg(&path).status().unwrap();
    assert!(all.success());
    let (code, output) = outcome(&mut detector);
    assert_eq!(code, Some(0), "{output}");
    let analyzed: Analyzed = toml::from_str(&place.read("layers/analyzed.toml")).unwrap();
    let run_image = analyzed.run_image.unwrap();
    assert_eq!((run_image.image.as_str(), run_image.target), ("other.example/run:2", None));
    let group = place.read("layers/group.toml");
    assert!(
        group.contains("[[group-extensions]]\nid = \"x\"\nversion = \"1\"\napi = \"0.11\"\nhomepage = \"h\"\n"),
        "{group}"
    );
    assert_eq!(files(&place), ["x/run.Dockerfile"]);

    extension(&place, "x", "exit 3");
    let mut detector = call(&place, "detect").unwrap();
    let (code, output) = outcome(detector.arg("-extensions").arg(place.path("extensions")));
    assert_eq!(code, Some(91), "{output}");
    extension(&place, "x", &file("run.Dockerfile", "FROM $x"));
    let mut detector = call(&place, "detect").unwrap();
    let (code, output) = outcome(detector.arg("-extensions").arg(place.path("extensions")));
    assert_eq!(code, Some(92), "{output}");
    let mut detector = call(&place, "detect").unwrap();
    detector.arg("-extensions").arg(place.path("extensions")).env("CNB_PLATFORM_API", "0.12");
    let (code, output) = outcome(&mut detector);
    assert!(code == Some(1) && output.contains("experimental feature 'Dockerfiles'"), "{output}");
}

#[test]
fn the_extender_names_the_first_instruction() {
    let place = Place::new();
    place.buildpack("a", "", "exit 0", "echo built");
    let element = "id = \"x\"\nversion = \"1\"\napi = \"0.11\"\n";
    place.write(
        "layers/group.toml",
        &format!("[[group]]\nid = \"a\"\nversion = \"1\"\napi = \"0.10\"\n[[group-extensions]]\n{element}"),
    );
    place.write("layers/plan.toml", "");
    let extend = |arguments: &[&str]| {
        let mut extender = call(&place, "extend")?;
        let nobody = if rustix::process::getuid().is_root() { 65534 } else { rustix::process::getuid().as_raw() };
        extender.args(["-uid", &nobody.to_string(), "-gid", &nobody.to_string()]).args(arguments);
        Some(outcome(&mut extender))
    };
    place.write("layers/generated/x/run.Dockerfile", EXTEND);
    place.write("layers/generated/x/build.Dockerfile", "ARG base_image\nFROM ${base_image}\n");
    let Some((code, output)) = extend(&["-kind", "run"]) else { return };
    assert_eq!(code, Some(102), "{output}");
    assert!(
        output.contains("ERROR: failed to extend: extension x@1 has RUN in line 3 of its run.Dockerfile"),
        "{output}"
    );
    assert_eq!(extend(&["-kind", "other"]).unwrap().0, Some(3));
    let (code, output) = extend(&["-kind", "build"]).unwrap();
    assert!(code == Some(0) && output.contains("built"), "nothing is to be changed: {output}");
    place.write("layers/generated/x/build.Dockerfile", EXTEND);
    let (code, output) = extend(&[]).unwrap();
    assert!(code == Some(102) && output.contains("RUN in line 3 of its build.Dockerfile"), "{output}");
}
