//! What the command has and has not.

use std::io::{Read as _, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use baler_sandbox::{Command, Executor as _, Exit, Gate, IdMapMode, Mount, Network, Signal};

use crate::fixture::{BUILD_USER, each, each_with_both_calls, eventually, probe, shell};

#[test]
fn the_environment_is_exactly_what_is_given() {
    each(|fixture| {
        let mut command = shell("env");
        command.argv = vec!["env".into()];
        command.environment = vec![("PATH".into(), "/nowhere:/bin".into()), ("ODD".into(), "a=b\nc".into())];
        let outcome = fixture.run(command).unwrap();
        assert_eq!(outcome.stdout, "PATH=/nowhere:/bin\nODD=a=b\nc\n");
    });
}

#[test]
fn only_the_three_streams_are_open() {
    // One that the caller failed to mark.
    let leak = std::fs::File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    each(|fixture| {
        let outcome = fixture.sh("ls /proc/self/fd; ls /proc/$$/fd; readlink /proc/$$/fd/* | grep -v -e null -e pipe");
        // `ls` itself opens the directory as 3; so the shell's own list shows what there is.
        assert_eq!(outcome.stdout, "0\n1\n2\n3\n0\n1\n2\n");
    });
}

#[test]
fn no_capability_is_left() {
    each(|fixture| {
        let mut command = shell("");
        command.argv = vec!["cat".into(), "/proc/self/status".into()];
        let outcome = fixture.run(command).unwrap();
        let zero = "0000000000000000";
        for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "SigBlk", "SigIgn"] {
            assert!(outcome.stdout.contains(&format!("{name}:\t{zero}\n")), "{}", outcome.stdout);
        }
        assert!(outcome.stdout.contains("NoNewPrivs:\t1\n"));
        if fixture.executor.id_map.mode() != IdMapMode::Single {
            assert!(outcome.stdout.contains("Groups:\t \n"), "{}", outcome.stdout);
        }
    });
}

#[test]
fn root_inside_has_no_capability_either() {
    each(|fixture| {
        if fixture.executor.id_map.maps_root() {
            let mut command = shell("id -u; grep CapEff /proc/self/status");
            command.user = (0, 0);
            let outcome = fixture.run(command).unwrap();
            assert_eq!(outcome.stdout, "0\nCapEff:\t0000000000000000\n");
        }
    });
}

#[test]
fn it_has_its_user_host_name_and_directory() {
    each(|fixture| {
        let mut command = shell("id -u; id -g; hostname; pwd; echo $$; umask");
        command.hostname = "some-name".to_owned();
        command.working_directory = "/home/cnb".into();
        let outcome = fixture.run(command).unwrap();
        let (user, group) = BUILD_USER;
        assert_eq!(outcome.stdout, format!("{user}\n{group}\nsome-name\n/home/cnb\n2\n0022\n"));
    });
}

#[test]
fn the_host_is_not_reachable() {
    each(|fixture| {
        let outcome = fixture.sh(
            "ls /; cat /proc/mounts; ls /proc/1/root/ /proc/1/fd /proc/1/cwd/ && echo reached; ps | grep -c -v PID; true",
        );
        assert!(!outcome.stdout.contains("reached"), "{}", outcome.stdout);
        let home = fixture.home.path().display().to_string();
        assert!(!outcome.stdout.contains(&home), "a path of the host: {}", outcome.stdout);
        let entries: Vec<_> = outcome.stdout.lines().take_while(|line| !line.contains(' ')).collect();
        assert_eq!(entries, ["bin", "dev", "escape", "etc", "home", "opt", "proc", "sys", "tmp", "usr"]);
    });
}

#[test]
fn without_a_network_there_is_only_loopback() {
    each(|fixture| {
        let mut command = shell("ip -o link | grep -c . ; ip -o link show up");
        command.network = Network::None;
        let outcome = fixture.run(command).unwrap();
        assert!(outcome.stdout.starts_with("1\n1: lo:"), "{outcome:?}");
        let host = fixture.sh("ip -o link | grep -c .");
        assert_eq!(host.exit, Exit::Code(0));
    });
}

#[test]
fn devices_are_there() {
    each(|fixture| {
        let outcome = fixture
            .sh("ls /dev; echo x >/dev/null && echo y >/dev/stdout && echo z >/dev/shm/file && cat </dev/zero | true \
             && ls -l /dev/pts/ptmx | grep -c rw-rw-rw- ; touch /dev/new || echo denied");
        let devices = "fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n";
        assert_eq!(outcome.stdout, format!("{devices}y\n1\ndenied\n"), "{}", outcome.stderr);
    });
}

#[test]
fn limits_are_the_callers_but_there_are_no_core_files() {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    each(|fixture| {
        let outcome = fixture.sh("ulimit -c; ulimit -n");
        let files = files.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
        assert_eq!(outcome.stdout, format!("0\n{files}\n"), "{}", outcome.stderr);
    });
}

#[test]
fn what_tells_of_the_machine_is_hidden() {
    each_with_both_calls(|fixture| {
        let outcome = fixture.sh(
            "for path in /proc/acpi /proc/asound /proc/scsi /sys/firmware /sys/devices/virtual/powercap; do \
               [ ! -e $path ] || [ -z \"$(ls -A $path)\" ] || echo \"$path is not empty\"; done; \
             for path in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug /proc/interrupts; do \
               [ ! -e $path ] || [ -z \"$(cat $path)\" ] || echo \"$path says something\"; done; \
             ls -d /proc/keys /proc/sys/kernel; cat /proc/sys/kernel/ostype",
        );
        assert_eq!(outcome.stdout, "/proc/keys\n/proc/sys/kernel\nLinux\n", "{}", outcome.stderr);
    });
}

#[test]
fn what_changes_the_machine_is_read_only() {
    each_with_both_calls(|fixture| {
        let outcome = fixture.sh("grep -o ' /proc/[a-z/-]* [a-z]*' /proc/self/mountinfo");
        let lines: Vec<_> = outcome.stdout.lines().map(str::trim).collect();
        for path in ["bus", "fs", "irq", "sys", "sysrq-trigger"] {
            if std::path::Path::new("/proc").join(path).exists() {
                assert!(lines.contains(&format!("/proc/{path} ro").as_str()), "{path}: {lines:?}");
            }
        }
    });
}

#[test]
fn abstract_sockets_of_the_host_are_shut_out() {
    let name = format!("baler-sandbox-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    each(|mut fixture| {
        // The probe needs the host's libraries, unless it is static.
        for directory in ["/usr", "/lib", "/lib64"].into_iter().filter(|path| std::path::Path::new(path).exists()) {
            fixture.root.mounts.push(Mount::read_only(directory, directory));
        }
        fixture.root.mounts.push(Mount::read_only(probe(), "/probe"));
        let mut command = shell("");
        command.argv = ["/probe", "connect", &name].map(Into::into).into();
        let outcome = fixture.run(command).unwrap();
        match outcome.stdout.as_str() {
            "connected\n" => println!("SKIP: needs Landlock with scopes (Linux 6.12)"),
            refused => assert_eq!(refused, "Operation not permitted (os error 1)\n", "{}", outcome.stderr),
        }
    });
}

#[test]
fn connections_come_in_through_the_gate() {
    each(|fixture| {
        let (gate, entrance) = Gate::new(None).unwrap();
        let script = "mkdir /tmp/w; echo hello >/tmp/w/index.html; exec busybox httpd -f -p 127.0.0.1:80 -h /tmp/w";
        let command = Command { network: Network::None, gate: Some(gate), ..shell(script) };
        let running = fixture.executor.start(&fixture.root, command).unwrap();
        assert_eq!(running.no_way_out, None);
        assert_eq!(entrance.connect(81).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
        eventually("an answer", || {
            let mut answer = String::new();
            let Ok(mut stream) = entrance.connect(80) else { return false };
            let asked = stream.write_all(b"GET / HTTP/1.0\r\n\r\n").and_then(|()| stream.read_to_string(&mut answer));
            asked.is_ok() && answer.ends_with("hello\n")
        });
        running.signal(Signal::KILL);
        running.wait().unwrap();
        assert_eq!(entrance.connect(80).unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_way_out_that_does_not_open_is_no_error() {
    each(|fixture| {
        let (gate, _entrance) = Gate::new(Some("/bin/false".into())).unwrap();
        let command = Command { network: Network::None, gate: Some(gate), ..shell("exit 3") };
        let running = fixture.executor.start(&fixture.root, command).unwrap();
        assert!(running.no_way_out.as_ref().is_some_and(|reason| reason.contains("exit status")), "{running:?}");
        assert_eq!(running.wait().unwrap(), Exit::Code(3));
        fixture.assert_clean();
    });
}
