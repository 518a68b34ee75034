//! Shell starts with the real bash: profile scripts, expansion, exit codes.

use crate::image::{Ended, Image, has};

const METADATA: &str = r#"
[[buildpacks]]
  id = "test/a"
  version = "0.0.1"
  api = "0.8"
[[buildpacks]]
  id = "test/b"
  version = "0.0.1"
  api = "0.8"
[[processes]]
  type = "direct"
  command = ["echo"]
  args = ["$FIRST", "*"]
  direct = true
  buildpack-id = "test/a"
[[processes]]
  type = "in-dir"
  command = ["pwd"]
  buildpack-id = "test/a"
  working-dir = "/etc"
[[processes]]
  type = "in-no-dir"
  command = ["pwd"]
  buildpack-id = "test/a"
  working-dir = "/nowhere"
[[processes]]
  type = "name"
  command = ["echo $0 \"$@\""]
  buildpack-id = "test/a"
[[processes]]
  type = "none"
  command = ["no-such-command"]
  buildpack-id = "test/a"
[[processes]]
  type = "status"
  command = ["exit 9"]
  buildpack-id = "test/a"
[[processes]]
  type = "web"
  command = ["echo \"$ORDER|$FIRST|$SECOND|$WEB|$APP_PROFILE\" in $(pwd) ~ \\$HOME \"*\" run*"]
  buildpack-id = "test/a"
[[processes]]
  type = "words"
  command = ["echo"]
  args = ["$FIRST", "'$FIRST'", "\"$FIRST\"", "back\\slash", "run*", "$(echo 1)", "two  spaces", "~", "semi;colon", "", "a=b"]
  buildpack-id = "test/a"
"#;

/// The image, unless there is no bash.
fn image() -> Option<Image> {
    if !has("/bin/bash") {
        return None;
    }
    let image = Image::new(METADATA);
    image.write("app/run.sh", "");
    image.write("app/.profile", "echo '@ app profile'; export APP_PROFILE=app; export ORDER=$ORDER:app\n");
    image.write("layers/test_a/p/profile.d/10-first.sh", "export FIRST='a b'; export ORDER=$ORDER:a10\n");
    image.write("layers/test_a/p/profile.d/20-second", "export SECOND=\"$FIRST!\"; export ORDER=$ORDER:a20\n");
    image.write("layers/test_a/p/profile.d/web/only-web.sh", "export WEB=yes; export ORDER=$ORDER:web\n");
    image.write("layers/test_b/p/profile.d/x.sh", "export ORDER=$ORDER:b\n");
    image.write("layers/test_b/p/env/FIRST", "from env");
    Some(image)
}

fn start(image: &Image, name: &str, arguments: &[&str]) -> Ended {
    image.end(image.command(name, arguments).env("HOME", "/home/web"))
}

#[test]
fn what_is_printed() {
    let Some(image) = image() else { return };
    let words = r"a b 'a b' a b back\slash run* 1 two spaces ~ semi;colon  a=b";
    let with_more = format!("{words} a b user");
    let table: [(&str, &[&str], &str); 8] = [
        ("web", &[], ":a10:a20:web:b:app|a b|a b!|yes|app in {app} /home/web $HOME * run.sh"),
        ("words", &[], words),
        ("words", &["$FIRST", "user"], &with_more),
        ("in-dir", &[], "/etc"),
        ("name", &[], "bash"),
        ("launcher", &["echo $ORDER"], ":a10:a20:b:app"),
        ("launcher", &["echo", "$ORDER", "'$FIRST'"], ":a10:a20:b:app 'a b'"),
        // Words that `echo` takes for its own options, as the first word and as others.
        ("launcher", &["printf", "<%s>", "-n", "-e", "-n x"], "<-n><-e><-n x>"),
    ];
    for (name, arguments, expected) in table {
        let printed = start(&image, name, arguments).printed();
        assert_eq!(printed.trim_end(), format!("@ app profile\n{expected}"), "{name} {arguments:?}");
    }
}

#[test]
fn direct_starts_know_no_profiles() {
    let Some(image) = image() else { return };
    assert_eq!(start(&image, "direct", &[]).printed(), "$FIRST *\n");
    assert_eq!(start(&image, "launcher", &["--", "echo", "$ORDER"]).printed(), "$ORDER\n");
}

#[test]
fn exit_codes_are_the_shells_own() {
    let Some(image) = image() else { return };
    let table: [(&str, &[&str], i32); 6] = [
        ("status", &[], 9),
        ("none", &[], 127),
        // With arguments the command is one word: the name of a program that does not exist.
        ("web", &["more", "$FIRST"], 127),
        ("launcher", &["exit 3"], 3),
        ("launcher", &["--"], 2),
        ("in-no-dir", &[], 82),
    ];
    for (name, arguments, code) in table {
        let ended = start(&image, name, arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (code, "@ app profile\n"), "{name} {arguments:?}");
    }
}

#[test]
fn profiles_may_change_the_directory() {
    let Some(image) = image() else { return };
    image.write("layers/test_b/p/profile.d/y.sh", "cd /tmp\n");
    let expected = "@ app profile\n:a10:a20:web:b:app|a b|a b!|yes|app in {app} /home/web $HOME * run.sh\n";
    assert_eq!(start(&image, "web", &[]).printed(), expected);
}

#[test]
fn profiles_see_the_launchers_name_and_any_file_name_works() {
    let Some(image) = image() else { return };
    image.write("layers/test_b/p/profile.d/it's $HOME \"`x`", "echo \"$0 in $(pwd)\"\n");
    image.write("layers/test_b/p/profile.d/directory/x", "echo not for this type\n");
    let printed = start(&image, "/cnb/process/in-dir", &[]).printed();
    assert_eq!(printed, "/cnb/process/in-dir in {app}\n@ app profile\n/etc\n");
}

#[test]
fn more_than_nine_words() {
    let Some(image) = image() else { return };
    let words: Vec<String> = (1..=12).map(|number| format!("w{number}")).collect();
    let mut arguments = vec!["echo"];
    arguments.extend(words.iter().map(String::as_str));
    let printed = start(&image, "launcher", &arguments).printed();
    assert_eq!(printed, format!("@ app profile\n{}\n", words.join(" ")));
}
