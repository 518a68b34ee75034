//! Who may write where: alike in every id map.

use baler_sandbox::Exit;

use crate::fixture::each;

#[test]
fn the_build_user_writes_where_the_image_lets_it() {
    each(|fixture| {
        let outcome =
            fixture.sh("for d in /tmp /home/cnb /opt/own; do echo x >$d/file && mkdir $d/new || exit 1; done");
        assert_eq!(outcome.exit, Exit::Code(0), "{}", outcome.stderr);
    });
}

#[test]
fn the_build_user_writes_nowhere_else() {
    each(|fixture| {
        let attempts = [
            "echo x >/usr/lib/library",
            "echo x >/usr/new",
            "touch /new",
            "mkdir /etc/new",
            "rm /usr/lib/library",
            "mv /usr/lib /usr/other",
            "chmod 0777 /usr",
            "touch /home/cnb/closed/new",
            "touch /bin/new",
            "touch /proc/new",
            "touch /sys/new",
        ];
        for attempt in attempts {
            let outcome = fixture.sh(attempt);
            assert!(matches!(outcome.exit, Exit::Code(code) if code != 0), "{attempt}: {outcome:?}");
            let reasons = [
                "Permission denied",
                "Read-only file system",
                "Operation not permitted",
                "nonexistent directory",
                "No such file",
                "Invalid argument",
                "Device or resource busy",
            ];
            assert!(reasons.iter().any(|reason| outcome.stderr.contains(reason)), "{attempt}: {outcome:?}");
        }
    });
}

#[test]
fn owners_inside_are_those_of_the_image() {
    each(|fixture| {
        let outcome = fixture.sh("stat -c %u:%g /home/cnb /usr / /tmp");
        let expected = if fixture.executor.id_map.maps_root() {
            "1000:1001\n0:0\n0:0\n0:0\n"
        } else {
            "1000:1001\n1000:1001\n1000:1001\n1000:1001\n"
        };
        assert_eq!(outcome.stdout, expected);
    });
}
