//! The protocol as a client sees it, and each fault.

#![expect(clippy::unwrap_used, reason = "a test fails by panic")]

use std::io::Read as _;
use std::time::Duration;

use baler_image::{Digest, media_type};
use baler_test_registry::{
    Auth, Authorization, Fault, Image, Options, Rule, StartError, Storage, TestRegistry, TokenServer, User,
};
use ureq::Agent;
use ureq::http::Response;

fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
    config.timeout_global(Some(Duration::from_mins(1))).build().into()
}

fn get(registry: &TestRegistry, path: &str) -> Response<ureq::Body> {
    agent().get(format!("http://{}{path}", registry.address())).call().unwrap()
}

fn header(response: &Response<ureq::Body>, name: &str) -> String {
    response.headers().get(name).map_or(String::new(), |value| value.to_str().unwrap().to_owned())
}

fn text(mut response: Response<ureq::Body>) -> String {
    response.body_mut().read_to_string().unwrap()
}

fn registry() -> TestRegistry {
    TestRegistry::start(Options::default()).unwrap()
}

#[test]
fn push_and_pull() {
    let registry = registry();
    let (agent, base) = (agent(), format!("http://{}/v2/team/app", registry.address()));
    let image = Image::new("linux/amd64", vec![b"layer".to_vec()]);
    let manifest = || agent.put(format!("{base}/manifests/1")).header("content-type", media_type::OCI_MANIFEST);
    let refused = manifest().send(&image.manifest.1[..]).unwrap();
    assert_eq!(refused.status(), 404);
    assert!(text(refused).contains("MANIFEST_BLOB_UNKNOWN"));

    // In chunks.
    let begun = agent.post(format!("{base}/blobs/uploads/")).send_empty().unwrap();
    assert_eq!(begun.status(), 202);
    let at = format!("http://{}{}", registry.address(), header(&begun, "location"));
    let chunk = agent.patch(&at).header("content-range", "0-1").send(&b"la"[..]).unwrap();
    assert_eq!((chunk.status().as_u16(), header(&chunk, "range")), (202, "0-1".to_owned()));
    assert_eq!(agent.patch(&at).header("content-range", "9-9").send(&b"x"[..]).unwrap().status(), 416);
    let digest = &image.layers[0].0.digest;
    assert_eq!(agent.put(format!("{at}&digest={digest}")).send(&b"yer"[..]).unwrap().status(), 201);
    // In one request.
    let whole = format!("{base}/blobs/uploads/?digest={}", image.config.0.digest);
    assert_eq!(agent.post(whole).send(&image.config.1[..]).unwrap().status(), 201);
    let wrong = format!("{base}/blobs/uploads/?digest={}", Digest::of(b"other"));
    assert_eq!(agent.post(wrong).send(&b"this"[..]).unwrap().status(), 400);
    assert_eq!(manifest().send(&image.manifest.1[..]).unwrap().status(), 201);

    let pulled = get(&registry, "/v2/team/app/manifests/1");
    assert_eq!(header(&pulled, "docker-content-digest"), image.digest().to_string());
    assert_eq!(text(pulled).into_bytes(), image.manifest.1);
    let path = format!("/v2/team/app/blobs/{digest}");
    let part = agent.get(format!("http://{}{path}", registry.address())).header("range", "bytes=2-3").call().unwrap();
    assert_eq!((part.status().as_u16(), text(part)), (206, "ye".to_owned()));
    let head = agent.head(format!("http://{}{path}", registry.address())).call().unwrap();
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, "5".to_owned()));
    let mount = format!("http://{}/v2/other/blobs/uploads/?mount={digest}&from=team/app", registry.address());
    assert_eq!(agent.post(mount).send_empty().unwrap().status(), 201);
    assert_eq!(registry.blob("other", digest).unwrap(), b"layer");
    assert_eq!(registry.repositories(), ["other", "team/app"]);
    assert_eq!(registry.uploads(), 0);
    assert_eq!(agent.delete(format!("{base}/manifests/1")).call().unwrap().status(), 202);
    assert_eq!(get(&registry, "/v2/team/app/manifests/1").status(), 404);
    assert!(registry.log().iter().all(|request| request.authorization == Authorization::Absent && request.status > 0));
}

#[test]
fn lists_and_referrers() {
    let registry = registry();
    let image = Image::new("linux/amd64", vec![b"layer".to_vec()]);
    for tag in ["a", "b", "c"] {
        registry.push_image("app", Some(tag), &image).unwrap();
    }
    let page = get(&registry, "/v2/app/tags/list?n=2");
    assert_eq!(header(&page, "link"), "</v2/app/tags/list?n=2&last=b>; rel=\"next\"");
    assert_eq!(text(page), r#"{"name":"app","tags":["a","b"]}"#);
    assert_eq!(text(get(&registry, "/v2/app/tags/list?n=2&last=b")), r#"{"name":"app","tags":["c"]}"#);
    assert_eq!(text(get(&registry, "/v2/_catalog")), r#"{"repositories":["app"]}"#);
    assert_eq!(get(&registry, "/v2/none/tags/list").status(), 404);
    let referrer = format!(r#"{{"artifactType":"text/x","subject":{{"digest":"{}"}}}}"#, image.digest());
    let referrer = registry.put_manifest("app", None, media_type::OCI_MANIFEST, referrer.as_bytes()).unwrap();
    let path = format!("/v2/app/referrers/{}", image.digest());
    assert!(text(get(&registry, &path)).contains(&referrer.to_string()));
    let none = text(get(&registry, &format!("{path}?artifactType=text/y")));
    assert!(none.ends_with(r#""manifests":[]}"#), "{none}");
}

#[test]
fn a_directory_is_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { storage: Storage::Directory(directory.path().join("new")), ..Options::default() };
    let image = Image::new("linux/amd64", vec![b"layer".to_vec()]);
    let first = TestRegistry::start(options.clone()).unwrap();
    assert!(TestRegistry::start(options.clone()).is_err(), "it is used by one registry at a time");
    first.push_image("app", Some("1"), &image).unwrap();
    let whole = format!("http://{}/v2/app/blobs/uploads/?digest={}", first.address(), Digest::of(b"x"));
    assert_eq!(agent().post(whole).send(&b"x"[..]).unwrap().status(), 201);
    drop(first);
    let second = TestRegistry::start(options).unwrap();
    assert_eq!(text(get(&second, "/v2/app/manifests/1")).into_bytes(), image.manifest.1);
    assert_eq!(text(get(&second, &format!("/v2/app/blobs/{}", Digest::of(b"x")))), "x");
}

#[test]
fn a_directory_has_one_registry_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let start = || {
        let storage = Storage::Directory(directory.path().to_owned());
        TestRegistry::start(Options { storage, ..Options::default() })
    };
    let first = start().unwrap();
    let Err(StartError::InUse { path }) = start() else { panic!("a second one has started") };
    assert_eq!(path, directory.path());
    drop(first);
    start().unwrap();
}

#[test]
fn passwords() {
    let reader = User { may_push: false, ..User::new("reader", "r") };
    let auth = Auth::Basic(vec![User::new("writer", "w"), reader]);
    let registry = TestRegistry::start(Options { auth, ..Options::default() }).unwrap();
    assert_eq!(header(&get(&registry, "/v2/"), "www-authenticate"), "Basic realm=\"registry\"");
    let at = format!("http://{}/v2/app/blobs/uploads/", registry.address());
    let post =
        |pair: &str| agent().post(&at).header("authorization", format!("Basic {pair}")).send_empty().unwrap().status();
    // writer:w, writer:x, reader:r
    assert_eq!(
        [post("d3JpdGVyOnc="), post("d3JpdGVyOng="), post("cmVhZGVyOnI=")].map(|status| status.as_u16()),
        [202, 401, 403]
    );
    assert_eq!(registry.log()[1].authorization, Authorization::Basic("writer".to_owned()));
}

#[test]
fn tokens() {
    let user = User { refresh_token: Some("refresh".to_owned()), ..User::new("writer", "w") };
    let server = TokenServer { uses: Some(2), ..TokenServer::new(vec![user]) };
    let registry = TestRegistry::start(Options { auth: Auth::Token(server), ..Options::default() }).unwrap();
    let base = format!("http://{}", registry.address());
    let challenge = header(&get(&registry, "/v2/app/manifests/1"), "www-authenticate");
    assert_eq!(challenge, format!("Bearer realm=\"{base}/token\",service=\"registry\",scope=\"repository:app:pull\""));
    let token = |response: Response<ureq::Body>| text(response).split('"').nth(3).unwrap().to_owned();
    let ask = |token: &str| {
        let request =
            agent().post(format!("{base}/v2/app/blobs/uploads/")).header("authorization", format!("Bearer {token}"));
        request.send_empty().unwrap().status().as_u16()
    };
    let scope = "scope=repository:app:pull,push";
    let nobody = token(get(&registry, &format!("/token?{scope}")));
    assert_eq!(ask(&nobody), 401);
    let form = format!("grant_type=refresh_token&refresh_token=refresh&{scope}");
    let writer = token(agent().post(format!("{base}/token")).send(&form).unwrap());
    assert_eq!([ask(&writer), ask(&writer), ask(&writer)], [202, 202, 401]);
    let wrong = agent().post(format!("{base}/token")).send("grant_type=refresh_token&refresh_token=x").unwrap();
    assert_eq!(wrong.status(), 401);
}

#[test]
fn faults() {
    let registry = registry();
    let bytes = vec![7; 300_000];
    let path = format!("/v2/app/blobs/{}", registry.put_blob("app", &bytes).unwrap());
    let url = format!("http://{}{path}", registry.address());
    // Status, bytes, and whether the body came to its end.
    let read = |fault: Fault| {
        registry.rule(Rule::new("GET", "*/blobs/*", fault));
        let response = agent().get(&url).call().ok()?;
        let (status, mut body) = (response.status().as_u16(), Vec::new());
        let end = response.into_body().into_reader().read_to_end(&mut body);
        Some((status, body.len(), end.is_ok()))
    };
    assert_eq!(read(Fault::ResetBefore), None);
    assert_eq!(read(Fault::ResetUnanswered), None);
    assert_eq!(read(Fault::status(503)), Some((503, 0, true)));
    assert_eq!(read(Fault::ResetIn(1000)), Some((200, 1000, false)));
    assert_eq!(read(Fault::Truncate(1000)), Some((200, 1000, false)));
    assert_eq!(read(Fault::TruncateSilently(1000)), Some((200, 1000, true)));
    assert_eq!(read(Fault::NoLength), Some((200, bytes.len(), true)));
    assert_eq!(read(Fault::ResetAfter), Some((200, bytes.len(), true)));
    assert_eq!(read(Fault::Slow(Duration::from_millis(1))), Some((200, bytes.len(), true)));
    assert_eq!(read(Fault::Body(b"other".to_vec())), Some((200, 5, true)));
    registry.rule(Rule::new("GET", "*", Fault::Redirect("http://elsewhere.example".to_owned())).after(1).times(1));
    assert_eq!(get(&registry, &path).status(), 200);
    assert_eq!(header(&get(&registry, &path), "location"), format!("http://elsewhere.example{path}"));
    registry.rule(Rule::new("GET", "*", Fault::NoDigestHeader));
    assert_eq!(header(&get(&registry, &path), "docker-content-digest"), "");
    registry.rule(Rule::new("GET", "*", Fault::ContentType("text/html".to_owned())));
    assert_eq!(header(&get(&registry, &path), "content-type"), "text/html");
    registry.rule(Rule::new("GET", "*", Fault::too_many("7")));
    assert_eq!(header(&get(&registry, &path), "retry-after"), "7");
    registry.rule(Rule::new("GET", "*", Fault::Stall(Some(10))));
    let config = Agent::config_builder().timeout_recv_body(Some(Duration::from_millis(200)));
    let stalled = Agent::from(config.build()).get(&url).call().unwrap();
    assert!(stalled.into_body().into_reader().read_to_end(&mut Vec::new()).is_err());
}
