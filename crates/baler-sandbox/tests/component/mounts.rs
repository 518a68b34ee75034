//! Stacks and mounts.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use baler_sandbox::{Exit, Mount, SandboxError, Step};
use fs_err as fs;

use crate::fixture::{each, each_with_both_calls};

#[test]
fn seventy_directories_are_stacked() {
    each_with_both_calls(|mut fixture| {
        for index in 0..70 {
            // Names long enough that their sum is more than a page.
            let layer = fixture.path(&format!("{index:0>100}"));
            fs::create_dir_all(layer.join("opt/layers")).unwrap();
            fs::write(layer.join(format!("opt/layers/file{index}")), "").unwrap();
            fs::write(layer.join("opt/layers/top"), index.to_string()).unwrap();
            fs::set_permissions(&layer, std::fs::Permissions::from_mode(0o755)).unwrap();
            fixture.root.lower.insert(0, layer);
        }
        let outcome = fixture.sh("ls /opt/layers | grep -c file; cat /opt/layers/top; cat /usr/lib/library");
        assert_eq!(outcome.stdout, "70\n69library", "{}", outcome.stderr);
    });
}

#[test]
fn a_directory_may_be_stacked_twice() {
    each_with_both_calls(|mut fixture| {
        let lower = fixture.root.lower[0].clone();
        fixture.root.lower.push(lower);
        assert_eq!(fixture.sh("cat /usr/lib/library").stdout, "library");
    });
}

#[test]
fn changes_are_thrown_away() {
    each_with_both_calls(|fixture| {
        let outcome = fixture.sh("echo new >/opt/own/new && mkdir -p /tmp/deep/er && chmod 0 /tmp/deep && ls /opt/own");
        assert_eq!((outcome.exit, outcome.stdout.as_str()), (Exit::Code(0), "new\n"), "{}", outcome.stderr);
        assert_eq!(fixture.sh("ls /opt/own /tmp").stdout, "/opt/own:\n\n/tmp:\n");
        let outcome = fixture.sh("cd /home/cnb && rm -r file directory && mkdir directory && ls . directory");
        assert_eq!(outcome.stdout, ".:\nclosed\ndirectory\n\ndirectory:\n", "{}", outcome.stderr);
        assert_eq!(fixture.sh("cat /home/cnb/file && ls /home/cnb/directory").stdout, "filedeep\n");
    });
}

#[test]
fn mounts_are_read_only_or_writable_as_said() {
    each_with_both_calls(|mut fixture| {
        let (open, closed, file) = (fixture.path("open"), fixture.path("closed"), fixture.path("file"));
        for directory in [&open, &closed] {
            fs::create_dir(directory).unwrap();
            fs::write(directory.join("there"), "there").unwrap();
            fs::set_permissions(directory, std::fs::Permissions::from_mode(0o777)).unwrap();
        }
        fs::write(&file, "a file").unwrap();
        fixture.root.mounts = vec![
            Mount::writable(&open, "/workspace"),
            Mount::read_only(&closed, "/platform/deep"),
            Mount::read_only(&file, "/etc/resolv.conf"),
        ];
        let outcome = fixture.sh(
            "cat /workspace/there /platform/deep/there /etc/resolv.conf; echo x >/workspace/new; \
             touch /platform/deep/new && echo wrong; echo x >/etc/resolv.conf && echo wrong; rm -rf /platform && echo wrong; true",
        );
        assert_eq!(outcome.stdout, "theretherea file", "{}", outcome.stderr);
        assert_eq!(fs::read_to_string(open.join("new")).unwrap(), "x\n");
        assert!(closed.join("there").exists());
    });
}

#[test]
fn what_is_mounted_below_a_read_only_mount_is_read_only_too() {
    each_with_both_calls(|mut fixture| {
        // `/dev` has mounts below on every machine: `/dev/shm` can be written by all.
        fixture.root.mounts = vec![Mount::read_only("/dev", "/host-dev")];
        let outcome = fixture.sh("touch /host-dev/shm/baler-sandbox-test && echo wrong; ls -d /host-dev/shm");
        assert_eq!(outcome.stdout, "/host-dev/shm\n", "{}", outcome.stderr);
        assert!(outcome.stderr.contains("Read-only"), "{}", outcome.stderr);
    });
}

#[test]
fn links_of_the_image_do_not_lead_mounts_out() {
    each_with_both_calls(|mut fixture| {
        let source = fixture.path("source");
        fs::create_dir(&source).unwrap();
        fs::set_permissions(&source, std::fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(source.join("mark"), "mark").unwrap();
        // `/escape` is a link to `/../../../../../../etc`: inside, that is the image's own `/etc`.
        fixture.root.mounts = vec![Mount::read_only(&source, "/escape/baler-sandbox-test")];
        let outcome = fixture.sh("cat /etc/baler-sandbox-test/mark");
        assert_eq!(outcome.stdout, "mark", "{}", outcome.stderr);
        assert!(!std::path::Path::new("/etc/baler-sandbox-test").exists());
    });
}

#[test]
fn a_mount_point_that_cannot_be_made_is_named() {
    each(|mut fixture| {
        let layer = fixture.path("layer");
        fs::create_dir(&layer).unwrap();
        fs::set_permissions(&layer, std::fs::Permissions::from_mode(0o755)).unwrap();
        symlink("/nowhere", layer.join("dangling")).unwrap();
        fixture.root.lower.insert(0, layer.clone());
        for (target, expected) in
            [("/dangling/x", "/dangling/x"), ("/bin/busybox/x", "/bin/busybox/x"), ("/a/../b", "/a/../b")]
        {
            fixture.root.mounts = vec![Mount::read_only(&layer, target)];
            match fixture.run(crate::fixture::shell("")) {
                Err(SandboxError::Setup { step: Step::MakeMountPoint, path: Some(path), .. }) => {
                    assert_eq!(path.display().to_string(), expected);
                }
                other => panic!("{target}: {other:?}"),
            }
            fixture.assert_clean();
        }
    });
}
