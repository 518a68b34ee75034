//! What is said of that which does not pass (issue 6, point 9): each has its own words, names the image as it was typed and
//! what that stands for, and says what to do.

use std::collections::BTreeSet;

use baler_image::media_type;
use baler_test_registry::{Image, Options, Storage, TestRegistry};

use super::scene::{CHANGED, LOGIN, Scene};
use crate::support::{Authority, DevRegistry, Outcome};

/// What it is; flags of the registry; the command, where `AT` is the registry; what is said, `;` between.
///
/// `LOGGED-IN` and `WRONG` stand for credentials that the command has, and are no flags. What is said after `hint:` is one.
const FAILED: &str = "
no such tag          |                                            | pull AT/run:2         | 'AT/run:2' does not exist in the registry AT; AT/run has tags such as: 1
no such repository   |                                            | pull AT/rum           | 'AT/rum' does not exist in the registry AT; 'AT/rum' stands for AT/rum:latest; has no repository AT/rum
no such digest       |                                            | pull AT/run@NONE      | 'AT/run@NONE' does not exist in the registry AT
other platforms      |                                            | pull AT/odd:index     | no image for linux/amd64 in AT/odd:index; it is for: linux/arm64, linux/s390x; hint: choose another image, or build for
a wrong index        |                                            | pull --platform linux/arm64 AT/odd:wrong | AT/odd:wrong: no image for linux/arm64: the index sha256:; for linux/arm64, but the image itself says that it is for linux/amd64; hint: who publishes it must mend the index or the image; for linux/amd64, name it by its digest
an artefact          |                                            | pull AT/odd:chart     | AT/odd:chart: sha256:; neither an image manifest nor an index but application/vnd.example.chart; hint: registries keep charts
schema 1             | --fault schema-1                           | pull AT/run           | is a manifest of schema 1; 'AT/run' stands for AT/run:latest; hint: no current tool
no login             | --auth me:s3cret                           | pull AT/run:1         | 'AT/run:1': the registry AT refused to be read; not logged in: no credentials were found; hint: `baler login AT`
no login, tokens     | --auth me:s3cret --tokens                  | push local AT/new     | 'AT/new' stands for AT/new:latest; refused to be written to; not logged in; hint: log in with `baler login AT`
wrong login          | --auth me:s3cret WRONG                     | pull AT/run:1         | refused to be read; the credentials of CNB_REGISTRY_AUTH; hint: they are not accepted, have ended, or may not read this: CNB_REGISTRY_AUTH goes before
wrong login, tokens  | --auth me:s3cret --tokens WRONG            | pull AT/run:1         | AT/token?…: access refused with status 401; the credentials of CNB_REGISTRY_AUTH; hint: they are not accepted
no right to push     | --reader me:s3cret LOGGED-IN               | push local AT/new:1   | access to AT/new:1: the registry AT refused to be written to; status 403 (DENIED); hint: whoever these credentials are of may not push there
no right to push, tokens | --reader me:s3cret --tokens LOGGED-IN  | push local AT/new:1   | refused to be written to; status 401; hint: they are not accepted, or may not push there: ask for the right
nobody there         |                                            | pull 127.0.0.1:1/run:1 | could not connect to http://127.0.0.1:1/v2/run/manifests/1: Connection refused; gave up after 5 tries; hint: is a registry running at 127.0.0.1:1?
no answer            | --fault stall-before:times=always          | pull AT/run:1         | 'AT/run:1'; http://AT/v2/run/manifests/1 did not answer in time; gave up after 3 tries; hint: the network or the registry is at fault; where it only needs longer, set BALER_REGISTRY_TIMEOUT=SECONDS
too many requests    | --fault 429:retry-after=3600               | pull AT/run:1         | 'AT/run:1': the registry AT limits the rate of requests; hint: try again in 3600 s; one who is logged in may ask more often: `baler login AT`
too many for too long | --fault 429:times=always                  | pull AT/run:1         | limits the rate of requests: gave up after 5 tries; hint: try again later
a damaged manifest   | --fault damage:on=manifests,times=always   | pull AT/run:1         | 'AT/run:1': blob sha256:; at the last of 5 tries; expected sha256:; found sha256:; hint: the registry, or a proxy or mirror before it, changes what it sends
a damaged layer      | --fault damage:path=*LARGE,times=always    | pull AT/run:1         | blob LARGE in the registry AT is damaged: its bytes have the digest sha256:; at the last of 3 tries; expected LARGE; hint: the registry, or a proxy or mirror before it, changes what it sends
a short layer        | --fault truncate-silently:path=*LARGE,bytes=0,times=always | pull AT/run:1 | ended blob LARGE after 0 of; gave up after 5 tries; hint: the network or the registry is at fault
a broken connection  | --fault reset-before:times=always          | pull AT/run:1         | the connection to http://AT/v2/run/manifests/1 broke; gave up after 5 tries; hint: the network or the registry is at fault
a page               | --fault page                               | pull AT/run:1         | did not answer with a JSON document; hint: does something answer in place of AT: a proxy, or a page that wants a login
a fault of its own   | --fault 503:times=always                   | pull AT/run:1         | http://AT/v2/run/manifests/1 answered with status 503; gave up after 5 tries; hint: the registry, or a proxy before it, is at fault
a strange answer     | --fault 418:times=always                   | pull AT/run:1         | answered with status 418; hint: the registry does not take this request
no tokens            | --auth me:s3cret --tokens --fault 502:on=tokens,times=always | pull AT/run:1 | could not get a token for AT: gave up after 5 tries; status 502; hint: the registry, or a proxy before it, is at fault
forgotten uploads    | --fault forget-upload:times=always         | push local AT/new:1   | 'AT/new:1': the registry AT could not take; does not exist; hint: the registry forgets what it is sent
broken uploads       | --fault reset-upload:bytes=0,times=always  | push local AT/new:1   | 'AT/new:1'; broke; gave up after 5 tries; hint: the network or the registry is at fault
an unwritten name    | --fault 500:method=PUT,on=manifests,times=always | push local AT/new:1 | 'AT/new:1'; http://AT/v2/new/manifests/1 answered with status 500; hint: the registry, or a proxy before it, is at fault
";

/// Puts what is no image for us into the registry's directory.
fn fill(scene: &Scene) {
    let storage = Storage::Directory(scene.place.path().join("images"));
    let registry = TestRegistry::start(Options { storage, ..Options::default() }).unwrap();
    let image = Image::new("linux/arm64", vec![b"layer".to_vec()]);
    registry.push_index("odd", "index", &[("linux/arm64", &image), ("linux/s390x", &image)]).unwrap();
    let other = Image::new("linux/amd64", vec![b"layer".to_vec()]);
    registry.push_index("odd", "wrong", &[("linux/arm64", &other), ("linux/amd64", &image)]).unwrap();
    let chart = br#"{"schemaVersion":2,"artifactType":"application/vnd.example.chart","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;
    registry.put_blob("odd", b"{}").unwrap();
    registry.put_manifest("odd", Some("chart"), media_type::OCI_MANIFEST, chart).unwrap();
    registry.push_image("odd", Some("empty"), &Image::new("linux/amd64", Vec::new())).unwrap();
}

/// Runs a command of the table.
fn run(scene: &Scene, flags: &str, command: &str) -> (Outcome, String) {
    let mut login = None;
    let mut arguments = vec!["--directory", "images"];
    let flags = scene.filled(flags);
    for flag in flags.split_whitespace() {
        match flag {
            "LOGGED-IN" => login = Some(LOGIN),
            "WRONG" => login = Some(CHANGED),
            flag => arguments.push(flag),
        }
    }
    let registry = DevRegistry::start_at(&scene.place, &scene.address, &arguments);
    let command = filled(scene, command);
    let mut process = scene.place.command(&command.split(' ').collect::<Vec<_>>());
    process.env("BALER_REGISTRY_TIMEOUT", "1");
    if let Some(login) = login {
        process.env("CNB_REGISTRY_AUTH", format!("{{\"{}\": \"{login}\"}}", scene.address));
    }
    let outcome = scene.outcome(process, command.starts_with("pull "));
    registry.end();
    (outcome, command)
}

fn filled(scene: &Scene, text: &str) -> String {
    scene
        .filled(text)
        .replace("AT/", &format!("{}/", scene.address))
        .replace("NONE", &format!("sha256:{}", "1".repeat(64)))
}

#[test]
fn each_error_has_its_own_words() {
    let Some(scene) = Scene::new() else { return };
    fill(&scene);
    let mut seen = BTreeSet::new();
    for line in FAILED.lines().filter(|line| !line.is_empty()) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (outcome, command) = run(&scene, cells[1], cells[2]);
        let (row, said) = (format!("{}: {}\n{outcome:#?}", cells[0], cells[1]), &outcome.stderr);
        assert_eq!(outcome.code, Some(1), "{row}");
        assert!(said.starts_with("ERROR: ") && !said.contains("no layers") && !said.contains("s3cret"), "{row}");
        assert!(said.contains(command.rsplit(' ').next().unwrap()), "it names the image as it was typed: {row}");
        for text in cells[3].split("; ") {
            let text = filled(&scene, text).replace(" AT", &format!(" {}", scene.address));
            let text = text.replace("//AT", &format!("//{}", scene.address));
            assert!(said.contains(&text), "{text} is not said: {row}");
        }
        // It is said long before it ends.
        let waits = format!("Warning: no answer to GET http://{}/v2/run/manifests/1 for ", scene.address);
        assert_eq!(outcome.stdout.contains(&waits), cells[0] == "no answer", "{row}");
        let has_hint = said.contains("\n  hint: ");
        assert!(has_hint || cells[0].starts_with("no such "), "{row}");
        assert!(seen.insert(said.clone()), "{row}");
    }
    // An image without layers is one, where none is needed.
    let (outcome, _) = run(&scene, "", "resolve AT/odd:empty --from registry");
    assert!(outcome.success().stdout.contains("Layers:   0"));
    // Without a platform that it must be for, an image is taken as the index has it, with a warning.
    let (outcome, _) = run(&scene, "", "resolve AT/odd:wrong --from registry");
    let outcome = outcome.success();
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(said.contains(&format!("Warning: '{}/odd:wrong': the index sha256:", scene.address)), "{said}");
    assert!(said.contains(" for linux/amd64, but the image itself says that it is for linux/arm64\n"), "{said}");
    assert!(said.contains("the index lists it for the platform that is wanted"), "{said}");
}

#[test]
fn connections_that_are_not_secure() {
    let (Some(scene), Some(authority)) = (Scene::new(), Authority::new()) else { return };
    let pull = |names: &str, trusts: bool| {
        let (certificate, key) = authority.sign("server", names, "2");
        let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
        let flags = ["--directory", "images", "--tls-certificate", certificate, "--tls-key", key];
        let registry = DevRegistry::start_at(&scene.place, &scene.address, &flags);
        let image = format!("{}/run:1", scene.address);
        let mut process = scene.place.command(&["pull", &image]);
        if trusts {
            process.env("SSL_CERT_FILE", authority.path("ca.pem"));
        }
        let outcome = crate::support::outcome(&mut process);
        registry.end();
        assert!(outcome.code == Some(0) || outcome.stderr.contains(&format!("'{image}'")), "{outcome:?}");
        outcome
    };
    pull("IP:127.0.0.1", true).success();
    let unknown = pull("IP:127.0.0.1", false).failure(1).stderr;
    let hint = format!(
        "hint: name its authority's certificate with SSL_CERT_FILE, or put it into /etc/docker/certs.d/{}/ca.crt",
        scene.address
    );
    assert!(unknown.contains("is from an authority that is not trusted") && unknown.contains(&hint), "{unknown}");
    let wrong = pull("DNS:elsewhere.example", true).failure(1).stderr;
    assert!(wrong.contains("its certificate is for another host, elsewhere.example\n"), "{wrong}");
    assert!(wrong.contains("hint: use a name that stands in the certificate"), "{wrong}");
}

/// Nothing comes of a connection: it is not waited for again and again.
#[test]
fn an_address_where_nothing_answers() {
    let Some(scene) = Scene::new() else { return };
    // A queue that is full takes no more, and says nothing.
    let listener =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&listener, &std::net::SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let listener = std::net::TcpListener::from(listener);
    let address = listener.local_addr().unwrap();
    let _waiting = std::net::TcpStream::connect(address).unwrap();
    let mut process = scene.place.command(&["-v", "pull", &format!("{address}/run:1")]);
    let outcome = crate::support::outcome(process.env("BALER_REGISTRY_TIMEOUT", "1")).failure(1);
    assert!(
        outcome.stderr.contains(&format!("could not connect to http://{address}/v2/run/manifests/1: timed out")),
        "{outcome:#?}"
    );
    assert!(outcome.stderr.contains(&format!("hint: is a registry running at {address}?")), "{outcome:#?}");
    assert!(!outcome.stdout.contains("failed, the next is in"), "{outcome:#?}");
}
