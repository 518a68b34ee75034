//! Percent-encoding (RFC 3986, section 2.1).

/// The bytes that text with `%20` and the like stands for.
pub fn percent_decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = || std::str::from_utf8(tail.get(..2)?).ok();
        if let (b'%', Some(byte)) = (first, digits().and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}

/// Encodes the bytes of `text` that are not `plain`.
pub(crate) fn encode(text: &str, plain: impl Fn(u8) -> bool) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii() && plain(byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        assert_eq!(encode("a b/ä%", |byte| byte.is_ascii_alphanumeric()), "a%20b%2F%C3%A4%25");
        assert_eq!(percent_decode("a%20b%2F%C3%A4%25%%4"), "a b/ä%%%4".as_bytes());
    }
}
