//! The trust store is one that Java itself reads.

use std::path::Path;
use std::process::Command;

use baler_platform::certificates::{CertificateSource, MOUNT_POINT, prepare};

#[test]
fn keytool_lists_every_certificate_of_the_host() {
    let bundle = Path::new("/etc/ssl/certs/ca-certificates.crt");
    if !bundle.exists() {
        eprintln!("SKIP: needs {} (Debian's package ca-certificates)", bundle.display());
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    prepare(&CertificateSource::File(bundle.to_owned()), directory.path(), Path::new(MOUNT_POINT), None)
        .unwrap()
        .unwrap();
    let store = directory.path().join("java-trust-store.jks");
    let mut keytool = Command::new("keytool");
    keytool.args(["-list", "-storetype", "JKS", "-storepass", "changeit", "-keystore"]).arg(&store);
    let Ok(output) = keytool.output() else {
        eprintln!("SKIP: needs keytool (Debian's package default-jre-headless)");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let pem = fs_err::read_to_string(bundle).unwrap();
    let expected = pem.matches("BEGIN CERTIFICATE").count();
    assert_eq!(text.matches("trustedCertEntry").count(), expected, "{text}");
}
