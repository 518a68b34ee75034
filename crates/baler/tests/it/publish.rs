//! `baler run -p`: a network of the application's own, and ports of this machine that lead into it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Place, User, application, buildpack, spawn, users};

/// Two web servers, and the end when it is told to.
const SERVERS: &str = "mkdir /tmp/one /tmp/two; echo first >/tmp/one/index.html; echo second >/tmp/two/index.html; \
    /bin/busybox httpd -p 8080 -h /tmp/one; exec /bin/busybox httpd -f -p 8081 -h /tmp/two";

fn place(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["web"])?;
    buildpack(&place, "web", "exit 0", "exit 0");
    application(&place, &[("x", "x")]);
    place.create_builder();
    place.build(&[]).success();
    Some(place)
}

/// A running application; it is killed if a test ends before it does.
struct Application {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Application {
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let mut command = place.command(&[&["run", "app"], arguments].concat());
        let mut child = spawn(command.stdout(Stdio::piped()));
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// The address that is forwarded to `port`, from the line that says so. A warning before it says that there is no pasta.
    fn address(&mut self, port: u16) -> SocketAddr {
        let mut line = String::new();
        while line.is_empty() || line.starts_with("Warning: ") {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "no address is said");
        }
        let end = format!(" to port {port} of the application\n");
        let address = line.strip_prefix("Forwarding ").and_then(|line| line.strip_suffix(&end));
        address.unwrap_or_else(|| panic!("{line:?}")).parse().unwrap()
    }

    fn end(mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks until there is an answer: the application may still be starting.
fn get(address: SocketAddr) -> String {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let mut answer = String::new();
        let asked = TcpStream::connect(address).and_then(|mut stream| {
            stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n")?;
            stream.read_to_string(&mut answer)
        });
        if asked.is_ok() && !answer.is_empty() {
            return answer;
        }
        assert!(Instant::now() < deadline, "no answer from {address}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn ports_lead_to_the_application() {
    for user in users() {
        let Some(place) = place(user) else { return };
        let arguments = ["-p", "0:8080", "-p", "127.0.0.1:0:8081", "--entrypoint", "sh", "--", "-c", SERVERS];
        let mut application = Application::start(&place, &arguments);
        let (first, second) = (application.address(8080), application.address(8081));
        assert!(get(second).ends_with("second\n"), "{user:?}");
        assert!(get(first).ends_with("first\n"), "{user:?}");
        // Many at once, each with a connection of its own.
        let answers: Vec<_> = (0..20).map(|_| std::thread::spawn(move || get(first))).collect();
        assert!(answers.into_iter().all(|answer| answer.join().unwrap().ends_with("first\n")), "{user:?}");
        assert_eq!(application.end(Signal::TERM), Some(128 + 15), "{user:?}");
        TcpStream::connect(first).unwrap_err();
    }
}

#[test]
fn a_port_in_use_is_named_before_anything_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let Some(place) = Place::with_builder(User::Caller, &[]) else { return };
    let refused = place.run(&["run", "app", "-p", &address.port().to_string()]).failure(1);
    assert!(refused.stderr.contains(&format!("could not listen on {address}")), "{}", refused.stderr);
    assert!(refused.stderr.contains("another program listens there"), "{}", refused.stderr);
    let wrong = place.run(&["run", "app", "-p", "53/udp"]).failure(1);
    assert!(wrong.stderr.contains("only TCP is forwarded"), "{}", wrong.stderr);
}

/// How many addresses there are, twice over, as the kernel lists them.
const ADDRESSES: &str = "exec grep -c 'host LOCAL' /proc/net/fib_trie";

#[test]
fn the_network_is_its_own_and_pasta_is_the_way_out_of_it() {
    for user in users() {
        let Some(place) = place(user) else { return };
        let arguments = ["run", "app", "-p", "0:8080", "--entrypoint", "/bin/busybox", "--", "sh", "-c", ADDRESSES];
        let mut command = place.command(&arguments);
        // There is no pasta; the user is changed by a program that stands there too.
        let tools = place.path().join("tools");
        std::fs::create_dir_all(&tools).unwrap();
        for tool in ["setpriv", "newuidmap", "newgidmap"] {
            let _ = std::os::unix::fs::symlink(format!("/usr/bin/{tool}"), tools.join(tool));
        }
        let closed = crate::support::outcome(command.env("PATH", &tools)).success();
        assert!(closed.stdout.contains("pasta is not installed"), "{user:?}: {}", closed.stdout);
        let addresses =
            |outcome: &crate::support::Outcome| -> u32 { outcome.stdout.lines().last().unwrap().parse().unwrap() };
        if !std::path::Path::new("/usr/bin/pasta").exists() {
            eprintln!("SKIP: needs pasta");
            continue;
        }
        let open = place.run(&arguments).success();
        if open.stdout.contains("pasta failed") {
            eprintln!("SKIP: needs a pasta that may be used: {}", open.stdout);
            continue;
        }
        assert!(addresses(&open) > addresses(&closed), "{user:?}: {} {}", open.stdout, closed.stdout);
    }
}
