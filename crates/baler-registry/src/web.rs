//! Single files of the web, reached as registries are: with the same authorities, proxies, certificates and patience.

use std::io::{self, Read};

use ureq::BodyReader;
use ureq::http::Method;

use crate::client::Client;
use crate::credentials::Credentials;
use crate::error::RegistryError;
use crate::location::{InvalidLocation, Location};
use crate::percent::{self, percent_decode};
use crate::secret::Secret;
use crate::transport::{Ask, Route, broken};

/// Where a file is: an address of `http` or `https`, in which user and password may stand.
#[derive(Clone, Debug)]
pub struct WebAddress {
    location: Location,
    authorization: Option<Secret>,
}

impl std::str::FromStr for WebAddress {
    type Err = InvalidLocation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidLocation)?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let authorization = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let text = |part| String::from_utf8_lossy(&percent_decode(part)).into_owned();
            Credentials::basic_header(&text(name), &text(password).into())
        });
        let path = percent::encode(path, |byte| byte.is_ascii_graphic());
        Ok(Self { location: Location::parse(&format!("{scheme}://{host}{path}"))?, authorization })
    }
}

/// What a server had.
pub enum WebAnswer {
    /// What the caller has already.
    Same,
    File(WebFile),
}

/// A file on its way.
pub struct WebFile {
    /// By which the file can be told from a later one.
    pub mark: Option<String>,
    /// What the server said that it has.
    length: Option<u64>,
    received: u64,
    url: String,
    reader: BodyReader<'static>,
}

impl WebFile {
    /// Reads on; 0 is the end of the file, as it was promised.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, RegistryError> {
        let count = loop {
            match self.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result.map_err(|error| broken(self.url.clone(), error))?,
            }
        };
        self.received += count as u64;
        match self.length {
            Some(expected) if count == 0 && self.received != expected => {
                Err(RegistryError::Truncated { url: self.url.clone(), received: self.received, expected })
            }
            Some(_) | None => Ok(count),
        }
    }
}

impl Client {
    /// Has `take` read the file at `address`, again where the network or the server fails in a way that may pass. `mark` is
    /// that of a file that the caller has: the same is not sent again.
    pub fn file<T>(
        &self,
        address: &WebAddress,
        mark: Option<&str>,
        mut take: impl FnMut(WebAnswer) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let ask = match mark.and_then(|mark| mark.split_once(' ')) {
            Some(("etag", tag)) => Ask::new(Method::GET).header("if-none-match", tag.trim()),
            Some(("modified", time)) => Ask::new(Method::GET).header("if-modified-since", time.trim()),
            Some(_) | None => Ask::new(Method::GET),
        };
        let route = Route { authorization: address.authorization.as_ref(), is_verified: true };
        self.retried(|| {
            let answer = self.transport.send(&address.location, &ask, route)?;
            if answer.status == 304 && mark.is_some() {
                return take(WebAnswer::Same);
            }
            if answer.status != 200 {
                return Err(answer.into_error());
            }
            let etag = answer.header("etag").map(|tag| format!("etag {tag}\n"));
            let modified = || answer.header("last-modified").map(|time| format!("modified {time}\n"));
            take(WebAnswer::File(WebFile {
                mark: etag.or_else(modified),
                length: answer.length(),
                received: 0,
                url: answer.location.to_string(),
                reader: answer.body.into_reader(),
            }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_stands_in_the_address() {
        let address: WebAddress = "https://me:p%40ss@host.example:8080/a?b".parse().unwrap();
        assert_eq!(address.location.reveal(), "https://host.example:8080/a?b");
        let pair = Credentials::basic_header("me", &"p@ss".into());
        assert_eq!(address.authorization, Some(pair));
        assert!(!format!("{address:?}").contains("bWU6cEBzcw=="));
        let plain: WebAddress = "http://host.example".parse().unwrap();
        assert_eq!((plain.location.reveal().as_str(), plain.authorization), ("http://host.example/", None));
        assert!("ftp://host/x".parse::<WebAddress>().is_err());
    }
}
