//! `no_proxy`: which hosts are reached without the proxy, as curl and Go read it: names with all that is below them, names
//! with a port, addresses, ranges of addresses, `*`. This host itself never is behind a proxy.

use std::net::IpAddr;

use crate::plain_http::is_loopback;

/// Whether `host`, without its port, is reached without a proxy.
pub(crate) fn is_excepted(except: Option<&str>, host: &str, port: u16) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let mut entries = except.unwrap_or_default().split(',').map(str::trim).filter(|entry| !entry.is_empty());
    is_loopback(&host) || entries.any(|entry| fits(&entry.to_ascii_lowercase(), &host, port))
}

fn fits(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return match entry.split_once('/') {
            Some((network, bits)) => is_in_network(address, network, bits),
            None => entry.trim_start_matches('[').trim_end_matches(']').parse() == Ok(address),
        };
    }
    let (entry, wanted_port) = match entry.rsplit_once(':') {
        Some((name, text)) => (name, text.parse::<u16>().ok()),
        None => (entry, None),
    };
    let name = entry.trim_start_matches('*').trim_start_matches('.');
    let is_below = host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !name.is_empty() && is_below && wanted_port.is_none_or(|wanted| wanted == port)
}

fn is_in_network(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            (u32::from(address) ^ u32::from(network)) & mask == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            (u128::from(address) ^ u128::from(network)) & mask == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_excepted;

    #[test]
    fn exceptions() {
        let except = Some("a.example, .b.example,*.c.example:5000,10.0.0.0/8 ,192.168.1.7,[2001:db8::1],fd00::/8");
        for (host, port) in [
            ("a.example", 443),
            ("x.a.example", 443),
            ("B.example", 443),
            ("x.b.example", 443),
            ("x.c.example", 5000),
            ("10.200.3.4", 80),
            ("192.168.1.7", 80),
            ("[2001:db8::1]", 443),
            ("fd12::1", 443),
            ("localhost", 5000),
            ("127.0.0.1", 80),
        ] {
            assert!(is_excepted(except, host, port), "{host}");
        }
        for (host, port) in [
            ("xa.example", 443),
            ("example", 443),
            ("x.c.example", 443),
            ("11.0.0.1", 80),
            ("192.168.1.8", 80),
            ("fe80::1", 1),
        ] {
            assert!(!is_excepted(except, host, port), "{host}");
        }
        assert!(is_excepted(Some("*"), "x.example", 1) && !is_excepted(None, "x.example", 1));
        assert!(!is_excepted(Some(".,:,/8"), "x.example", 1));
    }
}
