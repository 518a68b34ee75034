//! The hash function of a digest, while bytes pass.

use baler_image::{Algorithm, Digest};
use sha2::{Digest as _, Sha256, Sha512};

pub(super) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    /// The digest of all bytes so far.
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Sha256(hash) => Digest::from_sha256(hash.clone().finalize().into()),
            Self::Sha512(hash) => sha512(&hash.clone().finalize()),
        }
    }
}

fn sha512(hash: &[u8]) -> Digest {
    use std::fmt::Write as _;
    let mut text = String::from("sha512:");
    for byte in hash {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
    }
    text.parse().expect("64 bytes in hex are a SHA-512 digest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_functions() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(b"ab");
            hasher.update(b"c");
            assert_eq!(hasher.digest().algorithm(), algorithm);
        }
        let mut hasher = Hasher::new(Algorithm::Sha512);
        hasher.update(b"abc");
        assert!(hasher.digest().hex().starts_with("ddaf35a193617aba"));
    }
}
