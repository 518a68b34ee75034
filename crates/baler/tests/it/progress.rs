//! What a build says of itself: as lines of JSON, and as a page with a time line.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Outcome, Place, User, application, buildpack, try_outcome};

fn built(arguments: &[&str]) -> Option<(Place, Outcome)> {
    let place = Place::with_builder(User::Caller, &["one"])?;
    buildpack(&place, "one", "exit 0", "echo 'from the buildpack'; sleep 0.2; printf 'without an end'");
    application(&place, &[("file", "text\n")]);
    place.create_builder();
    let outcome = place.build(arguments).success();
    Some((place, outcome))
}

#[test]
fn every_line_is_an_event() {
    let Some((_place, outcome)) = built(&["--progress", "json"]) else { return };
    let events: Vec<Value> = outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let has = |wanted: &dyn Fn(&Value) -> bool| assert!(events.iter().any(wanted), "{}", outcome.stdout);
    for text in ["from the buildpack", "without an end"] {
        has(&|event| event["event"] == "output" && event["text"] == text);
    }
    has(&|event| event["event"] == "line" && event["text"] == "===> BUILDING");
    has(&|event| event["event"] == "result" && event["text"] == "Successfully built image 'app'");
    has(&|event| event["activity"] == "build" && event["name"] == "test/one@1" && event["succeeded"] == true);
    let count = |kind: &str, activity: &str| {
        events.iter().filter(|event| event["event"] == kind && event["activity"] == activity).count()
    };
    for activity in ["step", "detect", "build", "pack"] {
        assert!(count("started", activity) > 0, "{activity}: {}", outcome.stdout);
        assert_eq!(count("started", activity), count("finished", activity), "{activity}: {}", outcome.stdout);
    }
}

#[test]
fn an_error_is_an_event_too() {
    let Some(place) = Place::new(User::Caller) else { return };
    let outcome = place.run(&["inspect", "--local", "nothing", "--progress", "json"]).failure(1);
    let event: Value = serde_json::from_str(outcome.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(event["event"], "error");
    assert!(outcome.stderr.starts_with("ERROR: "), "{}", outcome.stderr);
}

#[test]
fn a_failed_build_has_a_time_line_too() {
    let Some(place) = Place::with_builder(User::Caller, &["bad"]) else { return };
    buildpack(&place, "bad", "exit 0", "exit 3");
    application(&place, &[("file", "text\n")]);
    place.create_builder();
    place.build(&["--timings", "time.html"]).failure(1);
    let text = std::fs::read_to_string(place.path().join("time.html")).unwrap();
    assert!(text.contains("bar build failed") && text.contains("the build failed"), "{text}");
}

#[test]
fn the_time_line_is_drawn() {
    let Some((place, _)) = built(&["--timings", "time.html"]) else { return };
    let page = place.path().join("time.html");
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(text.contains("<h1>Build of app</h1>") && text.contains("build test/one@1"), "{text}");
    assert!(!text.contains("http") && !text.contains("<script"), "it loads something: {text}");
    let Some(colors) = look_at(&page, place.path()) else { return };
    // The bars of phases and of buildpacks that build: see time_line.css.
    for color in [[0x5b, 0x6e, 0xe1], [0xd9, 0x5f, 0x30]] {
        let count = colors.iter().filter(|pixel| **pixel == color).count();
        assert!(count > 100, "the color {color:x?} fills {count} pixels");
    }
}

/// The pixels that a browser shows.
fn look_at(page: &Path, directory: &Path) -> Option<Vec<[u8; 3]>> {
    let picture = directory.join("time.png");
    let mut chromium = Command::new("chromium");
    chromium
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"])
        .args(["--disable-component-update", "--disable-sync", "--hide-scrollbars", "--window-size=1000,700"])
        .arg(format!("--user-data-dir={}", directory.join("browser").display()))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(format!("file://{}", page.display()));
    let Ok(outcome) = try_outcome(&mut chromium) else {
        eprintln!("SKIP: needs chromium (Debian's package chromium)");
        return None;
    };
    outcome.success();
    let file = std::io::BufReader::new(std::fs::File::open(&picture).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut buffer).unwrap();
    let samples = frame.color_type.samples();
    let pixels = buffer[..frame.buffer_size()].chunks_exact(samples);
    Some(pixels.map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect())
}
