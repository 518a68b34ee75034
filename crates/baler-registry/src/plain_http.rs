//! Which registries are asked without TLS.

use std::net::IpAddr;

/// Whether plain HTTP is tried where a host does not speak TLS: loopback, private addresses (RFC 1918) and `*.local`, as
/// other tools have it.
pub fn is_plain_http_host(registry: &str) -> bool {
    let host = host_of(registry);
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
        Ok(IpAddr::V6(address)) => address.is_loopback(),
        Err(_) => {
            matches!(host.rsplit('.').next(), Some("localhost")) || matches!(host.rsplit_once('.'), Some((_, "local")))
        }
    }
}

/// Whether a registry is on this host, so that nobody stands between.
pub(crate) fn is_loopback(registry: &str) -> bool {
    let host = host_of(registry);
    host.parse::<IpAddr>().map_or(host == "localhost", |address| address.is_loopback())
}

fn host_of(registry: &str) -> &str {
    match registry.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => registry.split(':').next().unwrap_or(registry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http() {
        for host in
            ["localhost", "localhost:5000", "127.0.0.1:80", "[::1]:5000", "nas.local", "10.1.2.3", "192.168.0.9:5000"]
        {
            assert!(is_plain_http_host(host), "{host}");
        }
        for host in ["registry.example", "localhost.example", "8.8.8.8", "172.32.0.1", "[2001:db8::1]:5000", "local"] {
            assert!(!is_plain_http_host(host), "{host}");
        }
    }
}
