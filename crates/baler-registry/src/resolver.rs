//! Names of hosts into addresses. A name that there is not, a name server that does not answer, and a connection that
//! breaks are three things; the system's functions tell the first two apart by their codes, which `std` does not hand on.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use dns_lookup::{LookupErrorKind, lookup_host};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::name_servers;

/// Names are looked up as other programs of the system do it.
#[derive(Debug, Default)]
pub(crate) struct SystemResolver;

/// Whether there is such a name is not known.
#[derive(Debug)]
pub(crate) struct NoNameServer;

impl fmt::Display for NoNameServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no name server answered")
    }
}

impl std::error::Error for NoNameServer {}

impl Resolver for SystemResolver {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        if host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok() {
            return DefaultResolver::default().resolve(uri, config, timeout);
        }
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default);
        let host = host.to_owned();
        let (done, answer) = mpsc::sync_channel(1);
        let look_up = move || {
            // Who asked may have given up.
            let _ = done.send(lookup_host(&host).map(Iterator::collect::<Vec<IpAddr>>));
        };
        std::thread::spawn(look_up);
        // Names in files are found at once, also where nobody can be asked.
        let is_given_up = cfg!(target_env = "musl") && name_servers::are_out_of_reach();
        let found = if is_given_up {
            answer.recv_timeout(FROM_FILES)
        } else if timeout.after.is_not_happening() {
            answer.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            answer.recv_timeout(*timeout.after)
        };
        let found = match found {
            Ok(found) => found.map_err(|error| fault(error.kind()))?,
            Err(RecvTimeoutError::Timeout) if is_given_up => return Err(unanswered()),
            Err(RecvTimeoutError::Timeout) => return Err(ureq::Error::Timeout(timeout.reason)),
            Err(RecvTimeoutError::Disconnected) => return Err(unanswered()),
        };
        let addresses = found.into_iter().map(|address| SocketAddr::new(address, port));
        let mut kept = self.empty();
        for address in config.ip_family().keep_wanted(addresses).take(MOST) {
            kept.push(address);
        }
        if kept.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(kept) }
    }
}

/// How long `/etc/hosts` is given where there is no name server.
const FROM_FILES: Duration = Duration::from_millis(500);
/// As many addresses as the client takes.
const MOST: usize = 16;

fn unanswered() -> ureq::Error {
    ureq::Error::Other(Box::new(NoNameServer))
}

fn fault(kind: LookupErrorKind) -> ureq::Error {
    match kind {
        LookupErrorKind::NoName | LookupErrorKind::NoData => ureq::Error::HostNotFound,
        _ => unanswered(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_there_is_not_is_told_from_one_that_is_not_known() {
        assert!(matches!(fault(LookupErrorKind::NoName), ureq::Error::HostNotFound));
        for kind in [LookupErrorKind::Again, LookupErrorKind::Fail] {
            assert!(matches!(fault(kind), ureq::Error::Other(error) if error.is::<NoNameServer>()));
        }
    }
}
