//! The corpora of the fuzz targets, as ordinary tests.

use std::path::Path;

fn replay(target: &str, read: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs_err::read_dir(corpus).expect("the corpus is there") {
        let bytes = fs_err::read(entry.expect("it is readable").path()).expect("it is readable");
        read(&bytes);
        // What is near: cut off anywhere, and with any one byte changed.
        for index in 0..bytes.len() {
            read(&bytes[..index]);
            let mut changed = bytes.clone();
            for byte in [0, b'"', b'/', b':', b'9', 0xff, changed[index] ^ 1] {
                changed[index] = byte;
                read(&changed);
            }
        }
        count += 1;
    }
    assert!(count > 3, "there is little in the corpus of {target}");
}

#[test]
fn answers() {
    replay("answer", baler_registry::fuzzing::read_answer);
}

#[test]
fn docker_configs() {
    replay("docker_config", baler_registry::fuzzing::read_docker_config);
}
