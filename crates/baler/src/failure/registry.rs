//! What the errors of registries mean: which credentials were used, which setting helps, how long to wait.

use baler_image::{ImageName, Place, ResolveError, SinkError, SourceError};
use baler_platform::DestinationError;
use baler_platform::modules::DownloadError;
use baler_platform::places::{LocateError, Looked, PublishError};
use baler_registry::{HelperError, KeychainError, Origin, RegistryError, Tags, TlsFault};

use super::find;

/// Facts about a registry's answer.
pub(super) fn details(error: &anyhow::Error) -> Vec<String> {
    let mut details = Vec::new();
    details.extend(asked(error).and_then(resolved));
    if let Some(LocateError::Absent { name, looked } | LocateError::NotHere { name, looked, .. }) = find(error) {
        details.extend(looked.iter().filter_map(|looked| tags(name, looked)));
        details.extend(looked.iter().filter_map(names));
    }
    if let Some(SourceError::Corrupt { digest, found, tries, .. }) = find(error)
        && *tries > 1
    {
        details.push(format!("expected {digest}, found {found} at try {tries}"));
    }
    if let Some(RegistryError::Refused { origin, .. }) = root(error) {
        match origin {
            Some(Origin::Given) => {}
            Some(origin) => details.push(format!("logged in with the credentials of {origin}")),
            None => details.push("not logged in: no credentials were found for it".to_owned()),
        }
    }
    details
}

/// The image that could not be found, read, or written.
fn asked(error: &anyhow::Error) -> Option<&ImageName> {
    let of_target =
        || find(error).and_then(DestinationError::name).or_else(|| find(error).and_then(PublishError::name));
    let of_source = find(error).and_then(LocateError::name).or_else(|| find(error).map(ResolveError::name));
    of_source.or_else(of_target)
}

/// What a short name stands for.
fn resolved(name: &ImageName) -> Option<String> {
    let full = name.reference()?.to_string();
    (full != name.given()).then(|| format!("'{name}' stands for {full}"))
}

fn tags(name: &ImageName, looked: &Looked) -> Option<String> {
    let repository = name.reference()?.full_repository();
    match &looked.tags {
        Tags::Unknown => None,
        Tags::NoRepository => Some(format!("{} has no repository {repository}", looked.place)),
        Tags::Near(tags) if tags.is_empty() => Some(format!("{repository} has no tags")),
        Tags::Near(tags) => Some(format!("{repository} has tags such as: {}", tags.join(", "))),
    }
}

/// Names of the local store that may have been meant.
fn names(looked: &Looked) -> Option<String> {
    (!looked.names.is_empty()).then(|| format!("{} has: {}", looked.place, looked.names.join(", ")))
}

/// The registry's error, without the words on tries around it.
fn root(error: &anyhow::Error) -> Option<&RegistryError> {
    find::<RegistryError>(error).map(RegistryError::root)
}

/// The registry that was talked to.
fn host(error: &anyhow::Error) -> Option<&str> {
    let of_source = find(error).and_then(|error| match error {
        SourceError::Refused { place, .. }
        | SourceError::Unreachable { place, .. }
        | SourceError::RateLimited { place, .. }
        | SourceError::Truncated { place, .. }
        | SourceError::Failed { place, .. } => Some(place),
        _ => None,
    });
    let of_sink = || {
        find(error).and_then(|error| match error {
            SinkError::Refused { place, .. }
            | SinkError::Unreachable { place, .. }
            | SinkError::RateLimited { place, .. }
            | SinkError::Failed { place, .. } => Some(place),
            _ => None,
        })
    };
    match of_source.or_else(of_sink) {
        Some(Place::Registry(host)) => Some(host),
        _ => root(error)?.host(),
    }
}

const DAMAGED: &str = "the registry, or a proxy or mirror before it, changes what it sends: ask who runs it";

const NOT_AN_IMAGE: &str = "registries keep charts, signatures and other things beside images: is the name right?";
const SCHEMA_1: &str =
    "no current tool makes such images: pull it with one that still reads them, and push it again; or build it anew";

const FORGOTTEN: &str = "the registry forgets what it is sent, or takes nothing there: where it is several servers, do they share what they keep?";

fn status_hint(status: u16) -> &'static str {
    match status {
        408 | 500.. => "the registry, or a proxy before it, is at fault: try again later, or ask who runs it",
        _ => "the registry does not take this request; `-v` tells each of them, for who runs it",
    }
}

/// What helps.
pub(super) fn hints(error: &anyhow::Error) -> Vec<String> {
    if find::<SourceError>(error).is_some_and(SourceError::is_damage_on_the_way) {
        return vec![DAMAGED.to_owned()];
    }
    match find(error) {
        Some(ResolveError::NotAnImage { .. }) => return vec![NOT_AN_IMAGE.to_owned()],
        Some(ResolveError::Schema1 { .. }) => return vec![SCHEMA_1.to_owned()],
        _ => {}
    }
    let Some(root) = root(error).filter(|_| find::<DownloadError>(error).is_none()) else { return Vec::new() };
    let host = host(error).unwrap_or("REGISTRY");
    let is_push = matches!(find(error), Some(SinkError::Refused { .. }));
    let hint = match root {
        RegistryError::Refused { origin, status, .. } => refused(origin.as_ref(), *status, host, is_push),
        RegistryError::RateLimited { retry_after, .. } => {
            let wait = match retry_after {
                Some(time) => format!("try again in {} s", time.as_secs()),
                None => "try again later".to_owned(),
            };
            format!("{wait}; one who is logged in may ask more often: `baler login {host}`")
        }
        RegistryError::Connect { .. } => {
            format!("is a registry running at {host}? A firewall, or a proxy that must be named with https_proxy?")
        }
        RegistryError::Tls { fault, .. } => tls(fault, host),
        RegistryError::Status { status, .. } => status_hint(*status).to_owned(),
        RegistryError::NotFound { .. } if find::<SinkError>(error).is_some() => FORGOTTEN.to_owned(),
        RegistryError::TimedOut { .. } => {
            "the network or the registry is at fault; where it only needs longer, set BALER_REGISTRY_TIMEOUT=SECONDS"
                .to_owned()
        }
        RegistryError::Broken { .. } | RegistryError::Truncated { .. } => {
            "the network or the registry is at fault; what was transferred is kept, so try again".to_owned()
        }
        RegistryError::NotADocument { .. } => {
            format!("does something answer in place of {host}: a proxy, or a page that wants a login to the network?")
        }
        RegistryError::WrongDigest { .. } => DAMAGED.to_owned(),
        RegistryError::Unprotected { .. } => {
            format!("the registry leads to a place without TLS: `--insecure-registry {host}` allows it")
        }
        RegistryError::Credentials { source, .. } => return credentials(source),
        RegistryError::Certificates { .. } => "a certificate NAME.cert needs its key in NAME.key".to_owned(),
        other => return way_hint(other, host).into_iter().collect(),
    };
    vec![hint]
}

/// What helps on the way to any server.
pub(super) fn way_hint(error: &RegistryError, host: &str) -> Option<String> {
    Some(match error {
        RegistryError::HostNotFound { .. } => {
            format!("is {host} spelt right? Where names are found through a proxy only, set https_proxy")
        }
        RegistryError::NameServer { .. } => {
            "is there a network here? /etc/resolv.conf names the name servers; where names are found through a proxy only, set https_proxy".to_owned()
        }
        RegistryError::Proxy { .. } | RegistryError::ProxyOutOfReach { .. } => {
            "see https_proxy and http_proxy; no_proxy names hosts without one".to_owned()
        }
        _ => return None,
    })
}

fn refused(origin: Option<&Origin>, status: u16, host: &str, is_push: bool) -> String {
    let other = match origin {
        None if is_push => return format!("log in with `baler login {host}`"),
        None => {
            return format!(
                "`baler login {host}`; a registry that hides what it has says the same of what is not there"
            );
        }
        Some(Origin::Given) => return "is the password right? Some registries want a token in its place".to_owned(),
        Some(Origin::Variable) => "CNB_REGISTRY_AUTH goes before all other credentials: correct or unset it".to_owned(),
        Some(Origin::File(_) | Origin::Helper(_)) => format!("log in again with `baler login {host}`"),
    };
    match (is_push, status) {
        // 401 is also what registries with tokens say to one who may not push (Docker's token specification).
        (true, 403) => format!("whoever these credentials are of may not push there: ask for the right, or {other}"),
        (true, _) => format!("they are not accepted, or may not push there: ask for the right, or {other}"),
        (false, _) => format!("they are not accepted, have ended, or may not read this: {other}"),
    }
}

fn tls(fault: &TlsFault, host: &str) -> String {
    match fault {
        TlsFault::UnknownAuthority => format!(
            "name its authority's certificate with SSL_CERT_FILE, or put it into /etc/docker/certs.d/{host}/ca.crt"
        ),
        TlsFault::WrongHost { .. } => "use a name that stands in the certificate".to_owned(),
        TlsFault::OutOfDate => "is the clock right here? Else the certificate must be renewed".to_owned(),
        TlsFault::OwnCertificate => format!(
            "put a certificate for you and its key as NAME.cert and NAME.key into ~/.docker/certs.d/{host}/, or /etc/docker/certs.d/{host}/"
        ),
        TlsFault::NotTls => format!("`--insecure-registry {host}` allows plain HTTP"),
        TlsFault::Other => format!("`--insecure-registry {host}` does without verification, where that is acceptable"),
    }
}

fn credentials(error: &KeychainError) -> Vec<String> {
    let KeychainError::Helper { source } = error else { return Vec::new() };
    match source {
        HelperError::NotFound { program } => {
            vec![format!("install {program}, or remove it from credsStore and credHelpers of Docker's config.json")]
        }
        HelperError::TimedOut { program, .. } => {
            vec![format!(
                "does {program} wait for somebody? Try `echo HOST | {program} get`; where it only needs longer, set BALER_HELPER_TIMEOUT=SECONDS"
            )]
        }
        _ => Vec::new(),
    }
}
