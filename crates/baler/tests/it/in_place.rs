//! Builds in place: in a container with Docker's own restrictions, the same image as in a sandbox; outside, clear errors.

use baler_test_registry::{Options, TestRegistry};

use crate::support::{Base, Docker, Place, User, application, buildpack, extension, run_image, write};

const BUILD: &str = "mkdir -p \"$1/dep/bin\" \"$1/dep/env.launch\"; [ -e \"$1/dep/closed\" ] || {
    echo 'in the layer' >\"$1/dep/bin/tool\"; printf %s \"$1/dep\" >\"$1/dep/env.launch/WHERE\"
    mkdir \"$1/dep/closed\"; echo x >\"$1/dep/closed/x\"; chmod 0555 \"$1/dep/closed\"; }
printf '[types]\\nlaunch = true\\ncache = true\\n' >\"$1/dep.toml\"
printf '[[processes]]\\ntype = \"web\"\\ncommand = [\"cat\", \"a.txt\"]\\ndefault = true\\n' >\"$1/launch.toml\"
env >env.txt; sed -i '/^CNB_PLATFORM_DIR=/d; /^CNB_BP_PLAN_PATH=/d; /^HOME=/d; /^CNB_BUILDPACK_DIR=/d' env.txt
[ ! -e wait ] || { (trap '' TERM INT HUP; setsid sleep 4715 &); sleep 4715; }";

/// The container has no certificates beside those of the image.
const IMAGE_ONLY: [&str; 3] = ["-q", "--ca-certificates", "image"];

/// A place with a builder, and one of it in Docker.
fn places() -> Option<(Place, Docker)> {
    let docker = Docker::start()?;
    let place = Place::with_builder(User::Caller, &["first"])?;
    let build = BUILD.replace("sed -i", "busybox sed -i").replace("setsid", "busybox setsid");
    buildpack(&place, "first", "exit 0", &build);
    buildpack(&place, "second", "exit 0", "mkdir \"$1/own\"; printf '[types]\\nlaunch = true\\n' >\"$1/own.toml\"");
    application(&place, &[("a.txt", "a"), ("b/c", "c")]);
    place.create_builder();
    place.run(&["save", "builder", "--output", "builder.tar"]).success();
    docker.run(&["load", "--input", place.path().join("builder.tar").to_str().unwrap()]).success();
    // Other users read the application and the second buildpack.
    std::fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    Some((place, docker))
}

/// Runs a shell script in a container of the builder, as `user`, with secrets in its environment as jobs have them.
fn in_container(place: &Place, docker: &Docker, user: &str, script: &str) -> crate::support::Outcome {
    with_network("none", place, docker, user, script)
}

fn with_network(network: &str, place: &Place, docker: &Docker, user: &str, script: &str) -> crate::support::Outcome {
    let base = format!("{}:/base:ro", Base::get().unwrap().path().display());
    let source = format!("{}:/source:ro", place.path().display());
    let script = format!("set -e; B=/cnb/lifecycle/baler; $B load /base -q >/dev/null\n{script}");
    let arguments = ["run", "--rm", "--network", network, "--user", user, "--volume", &base, "--volume", &source];
    let more = ["--env", "BALER_HOME=/tmp/store", "--env", "JOB_TOKEN=secret", "builder", "sh", "-c", &script];
    docker.run(&[&arguments[..], &more].concat())
}

/// How often it was said that the build is in place, and all else.
fn warnings(outcome: &crate::support::Outcome) -> (usize, String) {
    let is_one = |line: &&str| line.contains("buildpacks run in place, as user");
    let (warnings, rest): (Vec<&str>, Vec<&str>) = outcome.stdout.split_inclusive('\n').partition(is_one);
    (warnings.len(), rest.concat())
}

/// Root, the builder's own user, and users that it does not know.
const USERS: [&str; 4] = ["0:0", "1000:1000", "54321:54321", "54321:0"];

#[test]
fn the_same_image_as_in_a_sandbox() {
    let Some((place, docker)) = places() else { return };
    let only_digest = |outcome: crate::support::Outcome| outcome.stdout.lines().last().unwrap().to_owned();
    let plain = only_digest(place.build(&IMAGE_ONLY).success());
    let both = ["--buildpack", "./second,test/first", "-q", "--ca-certificates", "image"];
    let added =
        only_digest(place.run(&[&["build", "added", "-B", "builder", "-p", "app"][..], &both].concat()).success());
    for user in USERS {
        let script = "cd /tmp; umask 077; $B build app -B builder -p /source/app -q; $B build app -p /source/app -q
            $B build added -p /source/app -q --buildpack /source/second,test/first
            ls -A /layers /workspace; ls -d /tmp/baler-in-place-* 2>/dev/null || true";
        let built = in_container(&place, &docker, user, script).success();
        let expected = format!("{plain}\n{plain}\n{added}\n/layers:\n\n/workspace:\n");
        let (warnings, rest) = warnings(&built);
        assert_eq!(rest, expected, "{user}: {}", built.stderr);
        assert_eq!(warnings, 3, "once for each build: {}", built.stdout);
        let well = in_container(&place, &docker, user, "$B doctor").success();
        assert!(well.stdout.contains("does not let the user make namespaces"), "{user}: {}", well.stdout);
        assert!(well.stdout.contains("builds run in place, in this builder"), "{user}: {}", well.stdout);
    }
}

/// Extensions of the builder and those that are asked for: they run in place, and the run image that one of them names is
/// found in its registry, through an index. The image is that of a build in a sandbox.
#[test]
fn extensions_switch_the_run_image() {
    let Some((place, docker)) = places() else { return };
    let registry = TestRegistry::start(Options::default()).unwrap();
    let (amd64, arm64) = (run_image("amd64", "linux/amd64"), run_image("arm64", "linux/arm64"));
    let entries = [("linux/arm64", &arm64), ("linux/amd64", &amd64)];
    for tag in ["of-builder", "asked-for"] {
        registry.push_index("team/run", tag, &entries).unwrap();
        let from = format!("FROM {}/team/run:{tag}", registry.address());
        extension(&place, tag, &format!("id -u; echo '{from}' >\"$CNB_OUTPUT_DIR/run.Dockerfile\""));
    }
    let config = std::fs::read_to_string(place.path().join("builder.toml")).unwrap();
    let more = "[[extensions]]\nuri = \"of-builder\"\n[[order-extensions]]\n[[order-extensions.group]]\nid = \"test/of-builder\"\n";
    write(&place.path().join("builder.toml"), &format!("{config}{more}"));
    place.create_builder();
    place.run(&["save", "builder", "--output", "builder.tar"]).success();
    docker.run(&["load", "--input", place.path().join("builder.tar").to_str().unwrap()]).success();
    std::fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();

    let digest =
        |more: &[&str]| place.build(&[&IMAGE_ONLY, more].concat()).success().stdout.lines().last().unwrap().to_owned();
    let (of_builder, asked_for) = (digest(&[]), digest(&["--extension", "asked-for"]));
    let mixed = digest(&["--extension", "asked-for", "--buildpack", "./second,test/first"]);
    assert!(of_builder != asked_for && asked_for != mixed);
    for user in USERS {
        let script = "cd /tmp; umask 077; $B build app -p /source/app -q
            $B build app -p /source/app -q --extension /source/asked-for
            $B build app -p /source/app -q --extension /source/asked-for --buildpack /source/second,test/first
            $B build app -p /source/app --extension /source/asked-for; ls -A /layers /workspace";
        let built = with_network("host", &place, &docker, user, script).success();
        let text = warnings(&built).1;
        let expected = format!("{of_builder}\n{asked_for}\n{mixed}\n");
        assert!(text.starts_with(&expected), "{user}: {text} instead of {expected}{}", built.stderr);
        let switch = format!(
            "Switching to run image '{}/team/run:asked-for', as extension test/asked-for@1 wants",
            registry.address()
        );
        assert!(text.contains(&switch), "{user}: {text}");
        assert!(text.ends_with("/layers:\n\n/workspace:\n"), "{user}: {text}");
    }
    // Instructions are refused with their place, as in a sandbox.
    extension(&place, "asked-for", "printf 'FROM a\\nRUN b\\n' >\"$CNB_OUTPUT_DIR/run.Dockerfile\"");
    let failed =
        in_container(&place, &docker, "0:0", "$B build app -p /source/app --extension /source/asked-for").failure(102);
    assert!(failed.stderr.contains("extension test/asked-for@1 has RUN in line 2"), "{}", failed.stderr);
}

/// Ends one of the processes of a build in some way, again and again, and waits for all that it had started.
const SCRIPT: &str = "cp -r /source/app /tmp/app; touch /tmp/app/wait; G='busybox grep'
        sleeping() { ps -o pid,args | $G 'sleep [4]715' || true; }
        run() {
            $B build app -p /tmp/app -q >/dev/null 2>&1 & front=$!
            i=0; while [ $(sleeping | busybox wc -l) -lt 2 ]; do i=$((i + 1)); [ $i -lt 600 ]; sleep 0.1; done
            helper=$(ps -o pid,args | $G '[b]aler-sandbox' | head -n 1 | busybox awk '{print $1}')
            phase=$(ps -o pid,args | $G '[l]ifecycle build' | head -n 1 | busybox awk '{print $1}')
            kill -$1 $(eval echo \\$$2); code=0; wait $front || code=$?
            i=0; while [ -n \"$(sleeping)\" ]; do i=$((i + 1)); [ $i -lt 100 ]; sleep 0.1; done
            echo $2 $1 $code
        }
        run INT front; run TERM front; run HUP front; run KILL helper; run KILL phase; run KILL front
        rm /tmp/app/wait; $B build app -p /tmp/app -q; ls -A /layers /workspace";

#[test]
fn nothing_remains_running_and_the_next_build_cleans_up() {
    let Some((place, docker)) = places() else { return };
    let digest = place.build(&IMAGE_ONLY).success().stdout;
    for user in USERS {
        let built = in_container(&place, &docker, user, SCRIPT).success();
        let ends = "front INT 130\nfront TERM 130\nfront HUP 130\nhelper KILL 1\nphase KILL 1\nfront KILL 137\n";
        let expected = format!("{ends}{digest}/layers:\n\n/workspace:\n");
        assert_eq!(warnings(&built).1, expected, "{user}: {}", built.stderr);
    }
}

#[test]
fn what_stands_in_the_way_is_named() {
    let Some((place, docker)) = places() else { return };
    let cases = [
        ("touch /layers/x; $B build app -p /source/app", "/layers is not empty"),
        ("cd /workspace; touch x; $B build app", "the application /workspace is where a build in place works"),
        ("$B build app -p /source/app --volume /tmp:/data", "--volume needs a sandbox"),
        ("$B build app -p /source/app --network none --executor in-place", "--network none needs a sandbox"),
        ("unset CNB_USER_ID; $B build app -p /source/app --executor in-place", "it has no CNB_USER_ID"),
        ("$B build app -p /source/app --workspace other", "cannot write to /other"),
    ];
    for (script, expected) in cases {
        let failed = in_container(&place, &docker, "54321:54321", script).failure(1);
        assert!(failed.stderr.contains(expected), "{script}: {}", failed.stderr);
        assert!(
            failed.stderr.contains("hint: ") || script.contains("--volume") || script.contains("--network"),
            "{}",
            failed.stderr
        );
    }
}

#[test]
fn outside_of_a_builder_it_is_refused() {
    let Some(place) = Place::with_builder(User::Caller, &["first"]) else { return };
    application(&place, &[("a.txt", "a")]);
    let failed = place.run(&["build", "app", "-p", "app", "--executor", "in-place"]).failure(1);
    assert!(failed.stderr.contains("a build in place runs in a builder image, and this is none"), "{}", failed.stderr);
}
