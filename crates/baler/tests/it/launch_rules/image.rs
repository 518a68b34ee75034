//! The image that the table starts: two buildpacks, one of an API whose processes start in a shell.

use std::process::Command;

use crate::support::{Base, Place, User, application, buildpack, outcome, write};

/// Writes each argument on a line of its own, with where it is.
const SHOW: &str = "#!/bin/sh\necho \"in $(pwd)\"\nfor word in \"$@\"; do echo \"<$word>\"; done\n";

/// `file PATH TEXT`, and `program PATH SCRIPT`, below the buildpack's layers.
const HELPERS: &str = "cd \"$CNB_LAYERS_DIR\"
file() { mkdir -p \"${1%/*}\"; printf '%s' \"$2\" >\"$1\"; }
program() { mkdir -p \"${1%/*}\"; printf '#!/bin/sh\\n%s\\n' \"$2\" >\"$1\"; chmod 755 \"$1\"; }
launch() { mkdir -p \"$1\"; printf '[types]\\nlaunch = true\\n' >\"$1.toml\"; }
";

/// Processes without a shell; layers with everything that changes an environment.
const NEW: &str = r#"
launch a; launch b; launch bad; launch legacy
program a/bin/tool 'echo "tool of a"'
program b/bin/tool 'echo "tool of b"'
file a/lib/x ''
file a/include/x ''
file a/env/PLAIN plain
file a/env/DEFAULTED.default 'of the layer'
file a/env/OVERRIDDEN.override 'of the layer'
file a/env/JOINED.append a
file a/env/JOINED.delim :
file b/env/JOINED.append b
file b/env/JOINED.delim ,
file a/env.launch/PLAIN.prepend 'launch '
file a/env.launch/web/ONLY 'for web'
file a/env.launch/other/ONLY 'for another'
file a/env.build/BUILD 'must not be seen'
program a/exec.d/10-first 'echo "STEPS = \"$STEPS first in $(pwd)\"" >&3'
program a/exec.d/web/for-web 'echo "STEPS = \"$STEPS, web sees $PLAIN\"" >&3'
program a/exec.d/other/not-for-web 'echo "STEPS = \"wrong\"" >&3'
program b/exec.d/x 'echo "STEPS = \"$STEPS, b\"" >&3'
file a/exec.d/failing/x ''
program a/exec.d/failing/x 'exit 3'
file bad/config/metadata.toml '[[buildpacks]]
id = "test/new"
version = "1"
api = "0.99"
'
file legacy/config/metadata.toml '[[buildpacks]]
id = "test/new"
version = "1"
api = "0.8"
[[processes]]
type = "web"
command = "/workspace/show"
args = ["own"]
direct = true
buildpack-id = "test/new"
'
cat >launch.toml <<'END'
[[processes]]
type = "web"
command = ["/workspace/show", "fixed"]
args = ["default"]
default = true
[[processes]]
type = "single"
command = ["/workspace/show"]
args = ["default"]
[[processes]]
type = "with.dot_and-dash"
command = ["/workspace/show", "$HOME", "*", "`id`"]
[[processes]]
type = "variables"
command = ["sh", "-c", "echo \"$PLAIN|$DEFAULTED|$OVERRIDDEN|$JOINED|$ONLY|$BUILD|$STEPS\""]
[[processes]]
type = "paths"
command = ["sh", "-c", "echo \"$PATH $LD_LIBRARY_PATH $CPATH\""]
[[processes]]
type = "launcher-variables"
command = ["sh", "-c", "env | grep '^CNB_' | grep -v '^CNB_STACK_ID='; echo end"]
[[processes]]
type = "names"
command = ["sh", "-c", "cat /proc/$$/cmdline | busybox tr '\\0' ' '"]
[[processes]]
type = "tool"
command = ["tool"]
[[processes]]
type = "relative"
command = ["./show"]
working-dir = "sub"
[[processes]]
type = "elsewhere"
command = ["/workspace/show"]
working-dir = "/etc"
[[processes]]
type = "nowhere"
command = ["/workspace/show"]
working-dir = "/nowhere"
[[processes]]
type = "absent"
command = ["no-such-program"]
[[processes]]
type = "failing"
command = ["true"]
[[processes]]
type = "status"
command = ["sh", "-c", "exit 42"]
[[processes]]
type = "killed"
command = ["sh", "-c", "kill -9 $$"]
[[processes]]
type = "wait"
command = ["sh", "-c", "trap 'echo got it; exit 7' TERM; echo ready; while true; do sleep 0.1; done"]
[[processes]]
type = "for-tests"
command = ["/workspace/show", "for tests"]
exec-env = ["test"]
[[processes]]
type = "for-all"
command = ["/workspace/show", "for all"]
exec-env = ["*"]
END"#;

/// Processes of the API 0.8.
const OLD: &str = r#"
launch p
file p/profile.d/10-first.sh "export FIRST='a b'; export ORDER=\$ORDER:10
"
file p/profile.d/20-second 'export ORDER=$ORDER:20; export SEEN=$0
'
file p/profile.d/script/for-script.sh 'export ORDER=$ORDER:script
'
file p/profile.d/other/x.sh 'export ORDER=$ORDER:wrong
'
file p/env/FIRST 'from env'
cat >launch.toml <<'END'
[[processes]]
type = "script"
command = "echo \"$ORDER|$FIRST|$APP\" in $(pwd) \\$HOME \"*\" sh*"
[[processes]]
type = "name"
command = "echo $0 \"$@\" $SEEN"
[[processes]]
type = "words"
command = "echo"
args = ["$FIRST", "'$FIRST'", "sho*", "$(echo 1)", "two  spaces", "", "semi;colon"]
[[processes]]
type = "shell-elsewhere"
command = "echo in $(pwd) $ORDER"
working-dir = "/etc"
[[processes]]
type = "shell-status"
command = "exit 9"
[[processes]]
type = "shell-absent"
command = "no-such-program"
[[processes]]
type = "old-direct"
command = "/workspace/show"
args = ["own"]
direct = true
END"#;

/// Builds `app` for `user`; `None` after saying what is missing.
pub(super) fn build(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["new", "old"])?;
    let base = place.path().join("base");
    if !Base::write_with_bash(&base) {
        eprintln!("SKIP: needs a static bash (Debian's package bash-static)");
        return None;
    }
    buildpack(&place, "new", "exit 0", &format!("{HELPERS}{NEW}"));
    buildpack(&place, "old", "exit 0", &format!("{HELPERS}{OLD}"));
    let descriptor = "api = \"0.8\"\n[buildpack]\nid = \"test/old\"\nversion = \"1\"\n[[stacks]]\nid = \"*\"\n";
    write(&place.path().join("old/buildpack.toml"), descriptor);
    application(
        &place,
        &[("show", SHOW), ("sub/file", ""), (".profile", "export APP=profile; export ORDER=$ORDER:app\n")],
    );
    let status = outcome(Command::new("chmod").arg("755").arg(place.path().join("app/show")));
    assert_eq!(status.code, Some(0));
    place.create_builder();
    place.run(&["load", base.to_str().unwrap()]).success();
    place.build(&["--run-image", "test-bash"]).success();
    Some(place)
}

/// Writes the image to `app.tar`.
pub(super) fn save(place: &Place) {
    place.run(&["save", "app", "--output", "app.tar"]).success();
}
