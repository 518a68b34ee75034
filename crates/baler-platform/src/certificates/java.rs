//! A trust store in Java's own "JKS" format, version 2, with trusted certificates only.
//!
//! The format: magic, version, entry count, entries (tag 2, alias, time, type, bytes), and a SHA-1 over a password and
//! all of it. Java reads it without the password; the sum is written with Java's customary one all the same.

use sha1::{Digest as _, Sha1};

const MAGIC: u32 = 0xfeed_feed;
const VERSION: u32 = 2;
const TRUSTED_CERTIFICATE: u32 = 2;
const PASSWORD: &str = "changeit";
/// Mixed into the sum by Java.
const WHITENER: &[u8] = b"Mighty Aphrodite";

/// A trust store with all of `certificates` (DER).
pub(super) fn trust_store(certificates: &[Vec<u8>]) -> Vec<u8> {
    let mut store = Vec::new();
    store.extend(MAGIC.to_be_bytes());
    store.extend(VERSION.to_be_bytes());
    store.extend(length(certificates.len()));
    for (number, certificate) in certificates.iter().enumerate() {
        store.extend(TRUSTED_CERTIFICATE.to_be_bytes());
        text(&mut store, &format!("authority-{number}"));
        // The time of creation is of no use; a constant keeps the bytes the same.
        store.extend(0u64.to_be_bytes());
        text(&mut store, "X.509");
        store.extend(length(certificate.len()));
        store.extend(certificate);
    }
    let mut sum = Sha1::new();
    for unit in PASSWORD.encode_utf16() {
        sum.update(unit.to_be_bytes());
    }
    sum.update(WHITENER);
    sum.update(&store);
    store.extend(sum.finalize());
    store
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

/// Java's "modified UTF-8" with a 16-bit length; the texts here are plain ASCII.
fn text(store: &mut Vec<u8>, text: &str) {
    store.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    store.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_store_has_header_and_sum() {
        let store = trust_store(&[]);
        assert_eq!(store.len(), 12 + 20);
        assert_eq!(&store[..12], &[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 0]);
    }

    #[test]
    fn an_entry_carries_its_certificate() {
        let store = trust_store(&[b"der".to_vec()]);
        assert!(store.windows(3).any(|window| window == b"der"));
        assert!(store.windows(11).any(|window| window == b"authority-0"));
    }
}
