//! project.toml and applications as zip files.

use std::io::Write as _;

use crate::support::{Outcome, Place, User, application, buildpack, write};

/// A place with a builder of `show`, which lists the application and the variable `A`, and `other` beside it.
fn place(files: &[(&str, &str)]) -> Option<Place> {
    let place = Place::with_builder(User::Caller, &["show"])?;
    let list = "cd /workspace && for file in $(ls -R -1 | grep -v :); do echo \"<$file>\"; done";
    buildpack(&place, "show", "exit 0", &format!("{list}; echo \"A=$(cat /platform/env/A 2>/dev/null)\""));
    buildpack(&place, "other", "exit 0", "echo ran other");
    application(&place, files);
    place.create_builder();
    Some(place)
}

fn says(outcome: &Outcome, text: &str) -> bool {
    outcome.stdout.lines().any(|line| line == text)
}

#[test]
fn files_variables_and_buildpacks_of_a_project() {
    let Some(place) = place(&[("a.md", "x"), ("b.c", "x"), ("docs/c.md", "x")]) else { return };
    let schemas = [
        "[project]\nversion = \"1.2\"\n[build]\nexclude = [\"*.md\"]\n[[build.env]]\nname = \"A\"\nvalue = \"project\"\n\
         [[build.post.group]]\nuri = \"../other\"\n",
        "[_]\nschema-version = \"0.2\"\nversion = \"1.2\"\n[io.buildpacks]\nexclude = [\"*.md\"]\n\
         [[io.buildpacks.build.env]]\nname = \"A\"\nvalue = \"project\"\n[[io.buildpacks.post.group]]\nuri = \"../other\"\n",
    ];
    for text in schemas {
        write(&place.path().join("app/project.toml"), text);
        let built = place.build(&[]).success();
        assert!(says(&built, "<b.c>") && !says(&built, "<a.md>") && !says(&built, "<c.md>"), "{}", built.stdout);
        assert!(says(&built, "A=project") && says(&built, "ran other"), "{}", built.stdout);
        let inspected = place.run(&["inspect", "app", "-o", "json"]).success();
        assert!(inspected.stdout.contains("\"declared\""), "{}", inspected.stdout);
    }
    let built = place.build(&["--env", "A=flag", "--post-buildpack", "show"]).success();
    assert!(says(&built, "A=flag") && !says(&built, "ran other"), "{}", built.stdout);
    write(&place.path().join("elsewhere/p.toml"), "[build]\ninclude = [\"docs/\"]\n");
    let built = place.build(&["--descriptor", "elsewhere/p.toml"]).success();
    assert!(says(&built, "<c.md>") && !says(&built, "<b.c>") && says(&built, "A="), "{}", built.stdout);
}

#[test]
fn an_inline_buildpack_and_the_builder_of_a_project() {
    let Some(place) = place(&[("file", "x")]) else { return };
    let text = "[_]\nschema-version = \"0.3\"\n[io.buildpacks]\nbuilder = \"builder\"\n[[io.buildpacks.group]]\nid = \"me/inline\"\n\
                [io.buildpacks.group.script]\napi = \"0.10\"\ninline = \"echo from inline; ls\"\n\
                [[io.buildpacks.group]]\nid = \"test/show\"\n";
    write(&place.path().join("app/project.toml"), text);
    let built = place.run(&["build", "app", "--path", "app"]).success();
    assert!(says(&built, "from inline") && says(&built, "<file>"), "{}", built.stdout);
    assert!(built.stdout.contains("me/inline 0.0.0"), "{}", built.stdout);
}

#[test]
fn what_is_wrong_with_a_project_is_said() {
    let Some(place) = place(&[("file", "x")]) else { return };
    let cases = [
        ("[_]\nschema-version = \"9\"\n", "unknown project descriptor schema version 9"),
        (
            "[build]\ninclude = [\"a\"]\nexclude = [\"b\"]\n",
            "project.toml: cannot have both include and exclude defined",
        ),
        ("[build]\nexclude = 1\n", "TOML parse error at line 2"),
        ("[[build.buildpacks]]\nuri = \"./absent\"\n", "'./absent' does not exist"),
    ];
    for (text, expected) in cases {
        write(&place.path().join("app/project.toml"), text);
        let failed = place.build(&[]).failure(1);
        assert!(failed.stderr.starts_with("ERROR: ") && failed.stderr.contains(expected), "{}", failed.stderr);
    }
    let failed = place.build(&["--descriptor", "absent.toml"]).failure(1);
    assert!(failed.stderr.contains("stat project descriptor 'absent.toml'"), "{}", failed.stderr);
    write(&place.path().join("app/project.toml"), "[build]\ntypo = 1\n");
    let warned = place.build(&[]).success();
    let all = format!("{}{}", warned.stdout, warned.stderr);
    assert!(all.contains("not supported in schema version 0.1: build.typo"), "{all}");
}

#[test]
fn a_zip_file_is_an_application() {
    let Some(place) = place(&[]) else { return };
    let path = place.path().join("app.zip");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o644);
    zip.start_file("in/zipped", options).unwrap();
    zip.write_all(b"x").unwrap();
    zip.finish().unwrap();
    let attempt = || place.run(&["build", "app", "--builder", "builder", "--path", "app.zip"]);
    let built = attempt().success();
    assert!(says(&built, "<zipped>"), "{}", built.stdout);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..20]).unwrap();
    let failed = attempt().failure(1);
    assert!(failed.stderr.contains("app path must be a directory or zip: app.zip"), "{}", failed.stderr);
}

#[test]
fn a_line_of_an_env_file_without_a_value_takes_it_from_outside() {
    let Some(place) = place(&[("file", "x")]) else { return };
    write(&place.path().join("env"), "\n  A  \n");
    let mut command = place.command(&["build", "app", "--builder", "builder", "--path", "app", "--env-file", "env"]);
    let built = crate::support::outcome(command.env("A", "outside")).success();
    assert!(says(&built, "A=outside"), "{}", built.stdout);
    assert!(says(&place.build(&["--env-file", "env"]).success(), "A="));
    write(&place.path().join("env"), "=x\n");
    let failed = place.build(&["--env-file", "env"]).failure(1);
    assert!(failed.stderr.contains("'=x' is not a variable"), "{}", failed.stderr);
}
