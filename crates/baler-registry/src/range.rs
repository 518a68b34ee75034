//! `Range` and `Content-Range` as registries write them.

/// How many bytes an upload has, from its `Range: 0-N` header (distribution specification, "Pushing a blob in chunks").
/// Some registries write `bytes=` in front; `0-0` without content is what an empty upload has, so that one byte and none
/// look alike: none is said, since what comes then is only sent twice where chunks have one byte.
pub fn upload_offset(range: &str) -> Option<u64> {
    let range = range.trim();
    let (start, end) = range.strip_prefix("bytes=").unwrap_or(range).split_once('-')?;
    if start.parse::<u64>().ok()? != 0 {
        return None;
    }
    match end.parse::<u64>().ok()? {
        0 => Some(0),
        end => end.checked_add(1),
    }
}

/// Where a partial answer begins: `Content-Range: bytes START-END/SIZE`.
pub fn content_range_start(header: &str) -> Option<u64> {
    let rest = header.trim().strip_prefix("bytes")?.trim_start();
    let (range, _) = rest.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end) = (start.parse::<u64>().ok()?, end.parse::<u64>().ok()?);
    (start <= end).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads() {
        let uploads = [
            ("0-99", Some(100)),
            ("bytes=0-99", Some(100)),
            ("0-0", Some(0)),
            ("5-9", None),
            ("", None),
            ("0-", None),
            ("-", None),
            ("0-99999999999999999999", None),
            ("0-18446744073709551615", None),
        ];
        for (header, expected) in uploads {
            assert_eq!(upload_offset(header), expected, "{header}");
        }
        let contents = [
            ("bytes 10-19/20", Some(10)),
            ("bytes 10-19/*", Some(10)),
            ("bytes */20", None),
            ("10-19/20", None),
            ("bytes 9-1/20", None),
            ("", None),
        ];
        for (header, expected) in contents {
            assert_eq!(content_range_start(header), expected, "{header}");
        }
    }
}
