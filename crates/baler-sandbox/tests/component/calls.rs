//! The filter of system calls, from inside.

use baler_sandbox::{Command, Exit, Mount};

use crate::fixture::{BUILD_USER, Fixture, Outcome, each};

/// Runs a program of the host, which is mounted for it.
fn host_program(fixture: &mut Fixture, argv: &[&str]) -> Option<Outcome> {
    if !std::path::Path::new(argv[0]).exists() {
        println!("SKIP: needs {}", argv[0]);
        return None;
    }
    fixture.root.mounts.clear();
    for directory in ["/usr", "/lib", "/lib64"].into_iter().filter(|path| std::path::Path::new(path).exists()) {
        fixture.root.mounts.push(Mount::read_only(directory, directory));
    }
    let mut command = Command::new(argv, BUILD_USER);
    command.environment = vec![("PATH".into(), "/usr/bin:/bin".into())];
    Some(fixture.run(command).unwrap())
}

/// Makes a system call with the arguments of a Perl list; returns its error number, or 0.
fn call(fixture: &mut Fixture, number: libc::c_long, arguments: &str) -> Option<i32> {
    let script = format!("my $r = syscall({number}, {arguments}); print $r == -1 ? $! + 0 : 0");
    let outcome = host_program(fixture, &["/usr/bin/perl", "-e", &script])?;
    Some(outcome.stdout.parse().unwrap_or_else(|_| panic!("{outcome:?}")))
}

#[test]
fn forbidden_calls_fail_as_in_docker() {
    each(|mut fixture| {
        let zero = "0, 0, 0, 0, 0";
        let cases = [
            ("unshare(CLONE_NEWUSER)", libc::SYS_unshare, "0x10000000", libc::EPERM),
            ("clone(CLONE_NEWUSER)", libc::SYS_clone, "0x10000000, 0, 0, 0, 0", libc::EPERM),
            ("clone3", libc::SYS_clone3, "0, 0", libc::ENOSYS),
            ("setns", libc::SYS_setns, "0, 0", libc::EPERM),
            ("mount", libc::SYS_mount, zero, libc::EPERM),
            ("fsopen", libc::SYS_fsopen, "0, 0", libc::EPERM),
            ("pivot_root", libc::SYS_pivot_root, "0, 0", libc::EPERM),
            ("chroot", libc::SYS_chroot, "0", libc::EPERM),
            ("keyctl", libc::SYS_keyctl, zero, libc::EPERM),
            ("add_key", libc::SYS_add_key, zero, libc::EPERM),
            ("bpf", libc::SYS_bpf, "0, 0, 0", libc::EPERM),
            ("perf_event_open", libc::SYS_perf_event_open, zero, libc::EPERM),
            ("io_uring_setup", libc::SYS_io_uring_setup, "0, 0", libc::EPERM),
            ("userfaultfd", libc::SYS_userfaultfd, "0", libc::EPERM),
            ("open_by_handle_at", libc::SYS_open_by_handle_at, "0, 0, 0", libc::EPERM),
            ("a call of the future", 4000, zero, libc::ENOSYS),
            ("socket(AF_VSOCK)", libc::SYS_socket, "40, 1, 0", libc::EPERM),
            ("personality(ADDR_COMPAT_LAYOUT)", libc::SYS_personality, "0x200000", libc::EPERM),
            ("personality(0xffffffff)", libc::SYS_personality, "0xffffffff", 0),
            // PTRACE_TRACEME: the profile allows it on every kernel that Baler runs on.
            ("ptrace", libc::SYS_ptrace, "0, 0, 0, 0", 0),
            ("getpid", libc::SYS_getpid, "0", 0),
        ];
        for (name, number, arguments, expected) in cases {
            let Some(error) = call(&mut fixture, number, arguments) else { return };
            assert_eq!(error, expected, "{name}");
        }
    });
}

#[test]
fn namespaces_cannot_be_nested() {
    each(|mut fixture| {
        let Some(outcome) = host_program(&mut fixture, &["/usr/bin/unshare", "--user", "true"]) else { return };
        assert_eq!(outcome.exit, Exit::Code(1));
        assert!(outcome.stderr.contains("Operation not permitted"), "{outcome:?}");
    });
}

#[test]
fn the_filter_is_there_whoever_runs() {
    each(|fixture| {
        let outcome = fixture.sh("grep -e ^Seccomp: -e ^Seccomp_filters: /proc/self/status");
        // A filter of the machine that the tests run on is counted too.
        assert!(outcome.stdout.contains("Seccomp:\t2\n"), "{outcome:?}");
    });
}

#[test]
fn threads_and_processes_are_made() {
    each(|mut fixture| {
        let script = "my $p = fork() // die; if (!$p) { exit 3 } waitpid($p, 0); print $? >> 8; \
                      print qx(echo shell); system('true') == 0 or die";
        let Some(outcome) = host_program(&mut fixture, &["/usr/bin/perl", "-e", script]) else { return };
        assert_eq!(outcome.stdout, "3shell\n", "{outcome:?}");
    });
}
