//! Dockerfiles as extensions write them, and what is wrong with others; the corpus of the fuzz target; damaged text.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use baler_dockerfile::{Base, Dockerfile, DockerfileError, Kind};

fn run(text: &str) -> Result<Dockerfile, DockerfileError> {
    Dockerfile::parse(Kind::Run, text.as_bytes())
}

/// `base; NAME:line NAME:line`.
fn short(file: &Dockerfile) -> String {
    let base = match &file.base {
        Base::BaseImage => "same",
        Base::Image(name) => name,
    };
    let instruction =
        |instruction: &baler_dockerfile::Instruction| format!(" {}:{}", instruction.name, instruction.line);
    format!("{base};{}", file.instructions.iter().map(instruction).collect::<String>())
}

#[test]
fn run_dockerfiles() {
    let cases = [
        ("FROM run:other", "run:other;"),
        ("from run:other\n", "run:other;"),
        ("FROM r.example:5000/a/b:1@sha256:00 AS x\n", "r.example:5000/a/b:1@sha256:00;"),
        ("ARG base_image\nFROM ${base_image}\n", "same;"),
        ("ARG base_image=x\nARG other\nFROM ${base_image}\nRUN a", "same; RUN:4"),
        ("\u{feff}FROM a\nRUN b\n", "a; RUN:2"),
        ("# comment\r\n\r\nFROM a\r\nUSER root\r\n", "a; USER:4"),
        ("# escape=`\nFROM a\nRUN x `\n  y\nCOPY a b\n", "a; RUN:3 COPY:5"),
        ("FROM a\nRUN <<END\nFROM b\nEND\nENV x=y\n", "a; RUN:2 ENV:5"),
        ("FROM a\nRUN x \\\n# comment\n  && y\n\nlabel a=b\n", "a; RUN:2 LABEL:6"),
        ("FROM --platform=linux/arm64 a\n", "a;"),
        ("FROM a\nR\\\nUN x\n", "a; RUN:2"),
    ];
    for (text, expected) in cases {
        assert_eq!(short(&run(text).unwrap()), expected, "{text:?}");
    }
    assert!(run("FROM --platform=linux/arm64 a\n").unwrap().has_platform_flag);
    assert!(!run("FROM a\n").unwrap().has_platform_flag);
}

#[test]
fn what_is_not_recommended_is_named() {
    let file = run("FROM a\nRUN b\nEXPOSE 80\nCMD [\"c\"]\nWORKDIR /d\n").unwrap();
    let names: Vec<_> = file.not_recommended().map(|instruction| (instruction.name, instruction.line)).collect();
    assert_eq!(names, [("EXPOSE", 3), ("CMD", 4)]);
    assert!(file.extends());
}

#[test]
fn errors_name_the_line() {
    let cases = [
        (Kind::Run, "", "run.Dockerfile cannot be read as a Dockerfile", None),
        (Kind::Run, "RUN x\n", "run.Dockerfile cannot be read as a Dockerfile", Some(1)),
        (Kind::Run, "FROM a\nNONSENSE\n", "run.Dockerfile cannot be read as a Dockerfile", Some(2)),
        (Kind::Run, "FROM a\nRUN x\nFROM b\n", "run.Dockerfile is not permitted to use multistage build", Some(3)),
        (Kind::Run, "\nFROM $base_image\n", "run.Dockerfile has variables in FROM $base_image", Some(2)),
        (Kind::Run, "ARG v=1\nFROM run:${v}\n", "run.Dockerfile has variables in FROM run:${v}", Some(2)),
        (Kind::Run, "FROM ${base_image}:1\n", "run.Dockerfile has variables in", Some(1)),
        (Kind::Run, "FROM scratch\n", "run.Dockerfile names scratch", Some(1)),
        (Kind::Build, "FROM ${base_image}\n", "build.Dockerfile did not start with required ARG", Some(1)),
        (Kind::Build, "ARG other\nFROM ${base_image}\n", "build.Dockerfile did not start with", Some(2)),
        (Kind::Build, "ARG base_image\nARG b\nFROM ${base_image}\n", "build.Dockerfile did not start", Some(3)),
        (Kind::Build, "ARG base_image\nFROM other\n", "build.Dockerfile did not contain required FROM", Some(2)),
        (Kind::Build, "ARG base_image\n", "build.Dockerfile cannot be read", None),
    ];
    for (kind, text, expected, line) in cases {
        let error = Dockerfile::parse(kind, text.as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{text:?}: {error}");
        assert_eq!(error.line(), line, "{text:?}: {error}");
    }
    assert!(Dockerfile::parse(Kind::Build, b"ARG base_image=a b=c\nFROM ${base_image}\n").is_ok());
    let error = Dockerfile::parse(Kind::Run, b"FROM \xff").unwrap_err();
    assert_eq!(error.to_string(), "run.Dockerfile is not UTF-8 text");
}

fn both_kinds(bytes: &[u8]) {
    for kind in [Kind::Run, Kind::Build] {
        if let Ok(file) = Dockerfile::parse(kind, bytes) {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            assert!(file.instructions.iter().all(|instruction| instruction.line <= lines));
            assert!(file.new_base().is_none_or(|base| !base.is_empty()));
        }
    }
}

#[test]
fn the_corpus_and_damaged_copies_of_it() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/dockerfile");
    let mut count = 0;
    for entry in fs_err::read_dir(corpus).unwrap() {
        let bytes = fs_err::read(entry.unwrap().path()).unwrap();
        both_kinds(&bytes);
        for cut in 0..bytes.len() {
            both_kinds(&bytes[..cut]);
            for replacement in [b'\n', b'"', b'\\', b'<', b'[', b'$', 0] {
                let mut damaged = bytes.clone();
                damaged[cut] = replacement;
                both_kinds(&damaged);
            }
        }
        count += 1;
    }
    assert!(count > 5, "the corpus is there");
}
