use baler_image::Digest;

use super::*;

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.strip_suffix('.').unwrap().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn kind_of(flag: &str) -> Kind {
    let kinds = [
        Kind::File,
        Kind::HardLink,
        Kind::Symlink,
        Kind::CharacterDevice,
        Kind::BlockDevice,
        Kind::Directory,
        Kind::Fifo,
    ];
    kinds.into_iter().find(|kind| kind.type_flag() == flag.as_bytes()[0]).unwrap()
}

/// `go_headers.txt` is what `go_headers.go` prints.
#[test]
fn headers_are_those_of_go() {
    for line in include_str!("go_headers.txt").lines() {
        let fields: Vec<_> = line.split(' ').collect();
        let (path, link) = (from_hex(fields[1]), from_hex(fields[2]));
        let header = Header {
            kind: kind_of(fields[0]),
            path: &path,
            link: &link,
            mode: u32::from_str_radix(fields[3], 8).unwrap(),
            uid: fields[4].parse().unwrap(),
            gid: fields[5].parse().unwrap(),
            size: fields[6].parse().unwrap(),
            mtime: fields[7].parse().unwrap(),
            device: (fields[8].parse().unwrap(), fields[9].parse().unwrap()),
        };
        let bytes = header.encode();
        let found = format!("{} {}", bytes.len(), Digest::of(&bytes).hex());
        assert_eq!(found, format!("{} {}", fields[10], fields[11]), "{}", String::from_utf8_lossy(&path));
    }
}
