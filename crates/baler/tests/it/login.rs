//! Logging in and out, a registry to try things with, and what is said when a registry does not do as it is asked.

use std::io::Write as _;
use std::process::Stdio;

use baler_test_registry::{Auth, Fault, Image, Options, Rule, TestRegistry, TokenServer, User as Account};

use crate::support::{DevRegistry, Outcome, Place, Terminal, User, spawn, users};

fn protected(auth: Auth) -> TestRegistry {
    let registry = TestRegistry::start(Options { auth, ..Options::default() }).unwrap();
    registry.push_image("team/app", Some("1.0"), &Image::new("linux/amd64", vec![b"layer".to_vec()])).unwrap();
    registry
}

fn login(place: &Place, registry: &str, password: &str) -> Outcome {
    let mut command = place.command(&["login", registry, "-u", "me", "--password-stdin"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(&mut command);
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    child.wait_with_output().unwrap().into()
}

#[test]
fn in_and_out() {
    let accounts = || vec![Account::new("me", "s3cret")];
    let hidden = TokenServer { anonymous_pull: false, ..TokenServer::new(accounts()) };
    for user in users() {
        for auth in [Auth::Basic(accounts()), Auth::Token(hidden.clone())] {
            let Some(place) = Place::new(user) else { return };
            let registry = protected(auth);
            let (address, image) = (registry.address(), format!("{}/team/app:1.0", registry.address()));
            let resolve = || place.run(&["resolve", &image, "--from", "registry"]);
            let refused = resolve().failure(1).stderr;
            assert!(refused.contains(&format!("hint: `baler login {address}`")), "{refused}");
            let wrong = login(&place, &address, "other").failure(1).stderr;
            assert!(wrong.contains(&format!("ERROR: could not log in to {address}: ")), "{wrong}");
            let file = place.path().join(".docker/config.json");
            assert!(!file.exists(), "what is not accepted is not kept");
            let kept = login(&place, &address, "s3cret").success();
            assert!(kept.stdout.contains(&format!("Logged in to {address} as me")), "{}", kept.stdout);
            assert!(file.exists());
            let found = resolve().success();
            assert!(!format!("{found:?}{kept:?}{wrong}{refused}").contains("s3cret"));
            place.run(&["logout", &address]).success();
            resolve().failure(1);
        }
    }
}

/// At a terminal the password is asked for and not shown; whatever ends the prompt, the terminal shows again what is typed.
#[test]
fn the_password_is_asked_for_at_a_terminal() {
    for user in users() {
        let Some(place) = Place::new(user) else { return };
        let registry = protected(Auth::Basic(vec![Account::new("me", "s3crét")]));
        let address = registry.address();
        let Some(mut terminal) = Terminal::start(&place, &["login", &address]) else { return };
        terminal.wait_for("Username: ");
        terminal.enter("me");
        terminal.wait_for("Password: ");
        assert!(!terminal.echoes());
        // With what was typed wrongly, and taken back.
        terminal.enter("nonsense\u{15}s3cr\u{20ac}\u{7f}\u{e9}t");
        terminal.wait_for(&format!("Logged in to {address} as me"));
        assert!(terminal.echoes());
        let (code, said) = terminal.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(!said.contains("s3cr") && !said.contains("nonsense"), "{said}");
        assert!(place.path().join(".docker/config.json").exists());

        let mut terminal = Terminal::start(&place, &["login", &address, "-u", "me"]).unwrap();
        terminal.wait_for("Password: ");
        terminal.press(b's');
        terminal.press(3);
        terminal.wait_for("interrupted");
        assert_eq!(terminal.end().0, Some(130));
        assert!(terminal.echoes());
    }
}

#[test]
fn what_a_registry_has_instead() {
    let Some(place) = Place::new(User::Caller) else { return };
    let registry = protected(Auth::Open);
    let address = registry.address();
    let absent = place.run(&["pull", &format!("{address}/team/app:1.1")]).failure(1).stderr;
    assert!(absent.contains(&format!("\n  {address}/team/app has tags such as: 1.0\n")), "{absent}");
    let unknown = place.run(&["pull", &format!("{address}/team/ap")]).failure(1).stderr;
    assert!(unknown.contains(&format!("'{address}/team/ap' stands for {address}/team/ap:latest")), "{unknown}");
    assert!(unknown.contains("has no repository"), "{unknown}");
}

#[test]
fn each_fault_has_its_own_words() {
    let Some(place) = Place::new(User::Caller) else { return };
    let registry = protected(Auth::Open);
    let image = format!("{}/team/app:1.0", registry.address());
    let artifact = br#"{"schemaVersion":2,"artifactType":"application/x","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;
    registry.put_blob("team/app", b"{}").unwrap();
    let faults = [
        (Fault::too_many("3600"), "limits the rate of requests", "hint: try again in 3600 s"),
        (Fault::status(403), "refused to be read", "not logged in: no credentials were found for it"),
        (
            Fault::Answer(200, Vec::new(), artifact.to_vec()),
            "neither an image manifest nor an index but application/x",
            "",
        ),
        (
            Fault::Answer(200, Vec::new(), br#"{"schemaVersion":1,"fsLayers":[]}"#.to_vec()),
            "a manifest of schema 1",
            "",
        ),
        (
            Fault::Answer(200, Vec::new(), b"<html>".to_vec()),
            "did not answer with a JSON document",
            "hint: does something answer in place of",
        ),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (fault, message, more) in faults {
        registry.clear_rules();
        registry.rule(Rule::new("GET", "*/manifests/*", fault).always());
        let said = place.run(&["resolve", &image, "--from", "registry"]).failure(1).stderr;
        assert!(said.contains(message) && said.contains(more), "{said}");
        assert!(said.contains(&image) && !said.contains("no layers"), "{said}");
        assert!(seen.insert(said));
    }
}

/// Where no name server answers it is not known whether there is such a name, and that is what is said. One that is wrong
/// is a third thing.
#[test]
fn names_that_cannot_be_looked_up() {
    let Some(place) = Place::new(User::Caller) else { return };
    let inner = place.command(&["resolve", "registry.example/team/app", "--from", "registry"]);
    let mut command = std::process::Command::new("unshare");
    command.args(["--map-root-user", "--net"]).arg(inner.get_program()).args(inner.get_args()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(place.path());
    let failed = crate::support::outcome(&mut command);
    if failed.stderr.starts_with("unshare: ") {
        eprintln!("SKIP: needs user namespaces");
        return;
    }
    let said = failed.failure(1).stderr;
    assert!(said.contains("could not look up the host of https://registry.example/"), "{said}");
    assert!(said.contains("no name server answered") && said.contains("hint: is there a network here?"), "{said}");
    let wrong = place.run(&["resolve", "Registry.example/Team:@"]).failure(1).stderr;
    assert!(
        wrong.starts_with(
            "ERROR: could not parse reference: Registry.example/Team:@\n  what follows '@' is not a digest"
        ),
        "{wrong}"
    );
}

#[test]
fn retries_are_told_to_who_wants_to_know() {
    let Some(place) = Place::new(User::Caller) else { return };
    let registry = protected(Auth::Open);
    let image = format!("{}/team/app:1.0", registry.address());
    let resolve = |more: &[&str]| {
        registry.rule(Rule::new("GET", "*/manifests/*", Fault::status(503)));
        place.run(&[more, &["resolve", &image, "--from", "registry"]].concat()).success().stdout
    };
    assert!(!resolve(&[]).contains("try 1 of 5 failed"));
    let told = resolve(&["-v"]);
    assert!(told.contains("try 1 of 5 failed, the next is in ") && told.contains("status 503"), "{told}");
}

#[test]
fn called_pack_the_words_are_those_of_pack() {
    let Some(place) = Place::new(User::Caller) else { return };
    let registry = protected(Auth::Open);
    std::os::unix::fs::symlink("baler", place.path().join("pack")).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(place.path().join("pack"));
        command.args(arguments).current_dir(place.path()).env("HOME", place.path()).env("BALER_HOME", place.store());
        crate::support::outcome(&mut command).failure(1)
    };
    let words = run(&["build", "app", "--builder", "invalid-builder!"]);
    assert_eq!(words.stderr, "ERROR: could not parse reference: invalid-builder!\n");
    let builder = format!("{}/none:1", registry.address());
    let never = run(&["build", "app", "--builder", &builder, "--pull-policy", "never"]);
    assert_eq!(never.stderr, format!("ERROR: image '{builder}' does not exist on the daemon: not found\n"));
    let always = run(&["build", "app", "--builder", &builder, "--pull-policy", "always"]);
    assert_eq!(always.stderr, format!("ERROR: image '{builder}' does not exist in registry\n"));
}

/// One that lets nobody in who is not logged in, takes refresh tokens, and wants certificates of its clients.
#[test]
fn a_registry_for_few() {
    let Some(place) = Place::new(User::Caller) else { return };
    let (Some(base), Some(authority)) = (crate::support::Base::get(), crate::support::Authority::new()) else { return };
    place.run(&["load", base.path().to_str().unwrap()]).success();
    authority.sign("server", "IP:127.0.0.1", "2");
    let (certificate, key) = authority.sign("client", "DNS:client", "2");
    for name in ["ca.pem", "server.pem", "server.key"] {
        std::fs::copy(authority.path(name), place.path().join(name)).unwrap();
    }
    let tokens = ["--auth", "me:s3cret", "--tokens", "--private", "--refresh-token", "me:s3cret-refresh"];
    let tls = ["--tls-certificate", "server.pem", "--tls-key", "server.key", "--client-authority", "ca.pem"];
    let registry = DevRegistry::start(&place, &[&tokens[..], &tls].concat());
    let image = format!("{}/team/run", registry.address);
    let push = |variables: &[(&str, String)]| {
        let mut command = place.command(&["push", "test-run", &image]);
        crate::support::outcome(command.envs(variables.iter().cloned()))
    };
    let directory = place.path().join(".docker/certs.d").join(&registry.address);
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::copy(authority.path("ca.pem"), directory.join("ca.crt")).unwrap();
    let lacks = push(&[]).failure(1).stderr;
    assert!(lacks.contains("takes only those who show a certificate"), "{lacks}");
    std::fs::copy(certificate, directory.join("me.cert")).unwrap();
    std::fs::copy(key, directory.join("me.key")).unwrap();
    let unknown = push(&[]).failure(1).stderr;
    assert!(unknown.contains("access refused with status 401"), "{unknown}");
    let auth = format!(r#"{{"{}": "X-Identity s3cret-refresh"}}"#, registry.address);
    push(&[("CNB_REGISTRY_AUTH", auth)]).success();
    place.run(&["pull", &image]).failure(1);
    registry.end();
    for (flags, error) in [
        (&["--auth", "s3cret"][..], "ERROR: --auth wants USER:PASSWORD"),
        (&["--auth", "a:b", "--tokens", "--refresh-token", "s3cret"], "ERROR: --refresh-token wants USER:TOKEN"),
        (
            &["--auth", "a:b", "--tokens", "--refresh-token", "b:s3cret"],
            "ERROR: --refresh-token is for 'b', whom neither --auth nor --reader names",
        ),
    ] {
        let said = place.run(&[&["dev", "registry"], flags].concat()).failure(1).stderr;
        assert!(said.contains(error) && !said.contains("s3cret"), "{said}");
    }
}

#[test]
fn a_registry_to_try_things_with() {
    for user in users() {
        let Some(place) = Place::new(user) else { return };
        let Some(base) = crate::support::Base::get() else { return };
        place.run(&["load", base.path().to_str().unwrap()]).success();
        let arguments = ["--directory", "images", "--auth", "me:s3cret", "--tokens"];
        let first = DevRegistry::start(&place, &arguments);
        let refused = place.run(&["push", "test-run", &format!("{}/team/run", first.address)]).failure(1).stderr;
        assert!(refused.contains("refused to be written to"), "{refused}");
        login(&place, &first.address, "s3cret").success();
        place.run(&["push", "test-run", &format!("{}/team/run", first.address)]).success();
        first.end();
        let second = DevRegistry::start(&place, &arguments);
        // Who is not logged in may pull, and it is another address.
        place.run(&["pull", &format!("{}/team/run", second.address)]).success();
        second.end();
    }
}
