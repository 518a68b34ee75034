//! The program that the tests start: the sandbox's helper, some operations, and a caller that can be killed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;
use std::process::ExitCode;

use baler_sandbox::{
    Command, Executor as _, HostIds, IdMap, Identity, Mappers, NativeExecutor, Operation, Root, SandboxProgram,
    dispatch,
};
use fs_err as fs;

const OPERATIONS: &[Operation] = &[
    Operation { name: "make-root", run: make_root },
    Operation { name: "complain", run: |_, _| Err("it cannot be done".to_owned()) },
    Operation { name: "end", run: |_, _| panic!("an operation that ends") },
    Operation { name: "copy-input", run: copy_input },
];

const APPLETS: [&str; 22] = [
    "sh", "ls", "cat", "id", "touch", "sleep", "mkdir", "rm", "env", "hostname", "ip", "kill", "grep", "readlink",
    "chmod", "mv", "stat", "true", "echo", "ps", "seq", "printf",
];

fn main() -> ExitCode {
    if let Some(code) = dispatch(OPERATIONS) {
        return code;
    }
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [verb, name] if verb == "connect" => connect(name),
        [verb, lower, scratch] if verb == "try" => attempt(Path::new(lower), Path::new(scratch)),
        [verb, lower, scratch, mark] if verb == "hold" => hold(&root(Path::new(lower), Path::new(scratch)), mark),
        _ => ExitCode::FAILURE,
    }
}

/// The executor that a program without any sub-ids has, and the build user.
fn executor() -> (NativeExecutor, (u32, u32)) {
    let caller = Identity {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        user_name: None,
    };
    let host = HostIds { mappers: None::<Mappers>, ..HostIds::read(&caller, &[]).unwrap_or_default() };
    let build_user = (1000, 1001);
    (NativeExecutor::new(SandboxProgram::current(), IdMap::choose(&caller, build_user, &host)), build_user)
}

fn root(lower: &Path, scratch: &Path) -> Root {
    Root { lower: vec![lower.into()], scratch: scratch.into(), ..Root::default() }
}

/// Runs `/bin/true`, and says how that went.
fn attempt(lower: &Path, scratch: &Path) -> ExitCode {
    let (executor, user) = executor();
    let outcome = executor.run(&root(lower, scratch), Command::new(["/bin/true"], user));
    let _ = writeln!(io::stdout(), "{:?} {outcome:?}", executor.id_map.mode());
    ExitCode::SUCCESS
}

/// Runs something long, says so, and waits for it: the test kills this process.
fn hold(root: &Root, mark: &OsStr) -> ExitCode {
    let (executor, user) = executor();
    let script = "sleep $0 & sleep $0 & sleep $0".into();
    let command = Command::new(["/bin/sh".into(), "-c".into(), script, mark.to_owned()], user);
    let Ok(running) = executor.start(root, command) else {
        return ExitCode::FAILURE;
    };
    let _ = io::stdout().write_all(b"started\n");
    let _ = running.wait();
    ExitCode::SUCCESS
}

/// Connects to an abstract socket, and says how that went.
fn connect(name: &OsStr) -> ExitCode {
    let outcome =
        SocketAddr::from_abstract_name(name.as_encoded_bytes()).and_then(|address| UnixStream::connect_addr(&address));
    let text = outcome.map_or_else(|error| error.to_string(), |_| "connected".to_owned());
    let _ = writeln!(io::stdout(), "{text}");
    ExitCode::SUCCESS
}

/// Makes a small root file system in the working directory. The input is a static busybox; `arguments` say who the
/// build user is, if there are other ids.
fn make_root(mut input: File, arguments: &[OsString]) -> Result<(), String> {
    let mut make = || -> io::Result<()> {
        for directory in ["bin", "usr/lib", "etc", "home/cnb", "home/cnb/closed", "tmp", "opt/own"] {
            fs::create_dir_all(directory)?;
        }
        let mut busybox = fs::File::create("bin/busybox")?;
        io::copy(&mut input, &mut busybox)?;
        fs::set_permissions("bin/busybox", std::fs::Permissions::from_mode(0o755))?;
        for applet in APPLETS {
            symlink("busybox", Path::new("bin").join(applet))?;
        }
        fs::write("usr/lib/library", "library")?;
        fs::write("home/cnb/file", "file")?;
        fs::create_dir_all("home/cnb/directory/deep")?;
        fs::write("bin/text", "no program")?;
        fs::set_permissions("bin/text", std::fs::Permissions::from_mode(0o755))?;
        fs::write("bin/orphan", "#!/missing/interpreter\n")?;
        fs::set_permissions("bin/orphan", std::fs::Permissions::from_mode(0o755))?;
        fs::write("etc/passwd", "root:x:0:0::/:/bin/sh\ncnb:x:1000:1001::/home/cnb:/bin/sh\n")?;
        symlink("/../../../../../../etc", "escape")?;
        fs::set_permissions("tmp", std::fs::Permissions::from_mode(0o1777))
    };
    make().map_err(|error| error.to_string())?;
    let [user, group] = arguments else { return Ok(()) };
    let number = |text: &OsString| text.to_str().and_then(|text| text.parse().ok());
    for path in ["home/cnb", "home/cnb/file", "home/cnb/directory", "home/cnb/directory/deep", "opt/own"] {
        chown(path, number(user), number(group)).map_err(|error| error.to_string())?;
    }
    chown(".", Some(0), Some(0)).map_err(|error| error.to_string())
}

fn copy_input(mut input: File, arguments: &[OsString]) -> Result<(), String> {
    let mut text = String::new();
    input.read_to_string(&mut text).map_err(|error| error.to_string())?;
    fs::write(&arguments[0], text).map_err(|error| error.to_string())
}
