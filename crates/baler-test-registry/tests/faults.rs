//! Rules as text: which requests they befall, and what the log says of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panic")]

use baler_image::Digest;
use baler_test_registry::faults::KINDS;
use baler_test_registry::{Auth, Options, Part, Rule, TestRegistry, TokenServer, User};
use ureq::Agent;
use ureq::http::Response;

fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into()
}

fn registry(faults: &[&str]) -> TestRegistry {
    let registry = TestRegistry::start(Options { has_storage_host: true, ..Options::default() }).unwrap();
    for fault in faults {
        registry.rule(fault.parse::<Rule>().unwrap());
    }
    registry
}

fn get(registry: &TestRegistry, path: &str) -> u16 {
    agent().get(format!("http://{}{path}", registry.address())).call().map_or(0, |response| response.status().as_u16())
}

fn header<'a>(response: &'a Response<ureq::Body>, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

#[test]
fn they_befall_what_they_name() {
    let registry =
        registry(&["503:on=tags,after=1,times=2", "504:method=HEAD,path=/v2/b/*", "418:path=*?n=3,times=always"]);
    registry.put_blob("a", b"x").unwrap();
    let tags = || get(&registry, "/v2/a/tags/list");
    assert_eq!([tags(), tags(), tags(), tags()], [200, 503, 503, 200]);
    let head = |name: &str| {
        let path = format!("http://{}/v2/{name}/blobs/{}", registry.address(), Digest::of(b"x"));
        agent().head(path).call().unwrap().status().as_u16()
    };
    assert_eq!([head("a"), head("b"), head("b")], [200, 504, 404]);
    assert_eq!([get(&registry, "/v2/a/tags/list?n=3"), get(&registry, "/v2/a/tags/list?n=2")], [418, 200]);
    let log = registry.log();
    assert_eq!(log[1].to_string(), "503 GET /v2/a/tags/list (nobody, 0 in, 0 out) fault 503:on=tags,after=1,times=2");
    assert!(log[0].fault.is_none() && log[3].fault.is_none());
}

#[test]
fn parts_of_an_upload() {
    let registry = registry(&["reset-upload:bytes=2", "no-mount"]);
    registry.put_blob("a", b"blob").unwrap();
    let base = format!("http://{}/v2/b/blobs/uploads/", registry.address());
    let begun = agent().post(format!("{base}?mount={}&from=a", Digest::of(b"blob"))).send_empty().unwrap();
    assert_eq!(begun.status(), 202);
    let at = format!("http://{}{}", registry.address(), header(&begun, "location"));
    // Beginning has no bytes, and does not count.
    agent().post(base).send_empty().unwrap();
    assert!(agent().patch(&at).send(&b"blob"[..]).is_err());
    let state = agent().get(&at).call().unwrap();
    assert_eq!(header(&state, "range"), "0-1", "what had come is kept");
    let broken = registry.log().remove(2);
    assert_eq!((broken.status, broken.received), (0, 2));
    assert!(broken.to_string().starts_with("--- PATCH /v2/b/blobs/uploads/"), "{broken}");
}

#[test]
fn another_host_takes_no_credentials() {
    let auth = Auth::Token(TokenServer::new(vec![User::new("me", "secret")]));
    let options = Options { auth, has_storage_host: true, ..Options::default() };
    let registry = TestRegistry::start(options).unwrap();
    registry.rule("redirect".parse().unwrap());
    let path = format!("/v2/a/blobs/{}", registry.put_blob("a", b"blob").unwrap());
    let answer = agent().get(format!("http://{}{path}", registry.address())).call().unwrap();
    let to = header(&answer, "location").to_owned();
    let host = registry.storage_host().unwrap();
    assert!(to.starts_with(&format!("http://{host}{path}?")) && host != registry.address(), "{to}");
    let mut found = agent().get(&to).call().unwrap();
    assert_eq!(found.body_mut().read_to_string().unwrap(), "blob");
    let refused = agent().get(&to).header("authorization", "Bearer token-1").call().unwrap();
    let unsigned = agent().get(to.split('?').next().unwrap()).call().unwrap();
    assert_eq!([refused.status().as_u16(), unsigned.status().as_u16()], [403, 403]);
    let log = registry.log();
    assert!(!log[0].is_at_storage_host && log[1].is_at_storage_host);
    assert!(log[2].to_string().contains(" at the storage host (token, "), "{}", log[2]);
}

#[test]
fn a_token_expires_with_a_request_that_has_one() {
    let auth = Auth::Token(TokenServer { anonymous_pull: true, ..TokenServer::new(vec![]) });
    let registry = TestRegistry::start(Options { auth, ..Options::default() }).unwrap();
    registry.rule("token-expires".parse().unwrap());
    let path = format!("/v2/a/blobs/{}", registry.put_blob("a", b"blob").unwrap());
    assert_eq!(get(&registry, &path), 401);
    let mut answer =
        agent().get(format!("http://{}/token?scope=repository:a:pull", registry.address())).call().unwrap();
    let token = answer.body_mut().read_to_string().unwrap().split('"').nth(3).unwrap().to_owned();
    let with_token = || {
        let request = agent().get(format!("http://{}{path}", registry.address()));
        request.header("authorization", format!("Bearer {token}")).call().unwrap().status().as_u16()
    };
    assert_eq!([with_token(), with_token()], [401, 401], "it is no longer known");
    let struck = registry.log().iter().map(|request| request.fault.is_some()).collect::<Vec<_>>();
    assert_eq!(struck, [false, false, true, false]);
}

/// The page describes all that there is.
#[test]
fn the_documentation_is_complete() {
    let page = fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/dev-registry.md")).unwrap();
    for kind in KINDS {
        assert!(page.contains(&format!("| `{}", kind.name)), "{}", kind.name);
        for key in kind.keys {
            assert!(page.contains(&format!("{}=", key.usage().0)), "{}", key.usage().0);
        }
    }
    for (name, _, about) in Part::NAMED {
        assert!(page.contains(&format!("| `{name}` | {about} |")), "{name}");
    }
}
