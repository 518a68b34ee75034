//! A root file system of busybox, made under each id map, and shorthand for running scripts in it.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use baler_sandbox::{
    Command, Executor as _, Exit, HostIds, IdMap, IdMapMode, Identity, KernelCalls, NativeExecutor, OperationCall,
    Root, SandboxError, SandboxProgram, Stream, WritablePaths, remove_owned_tree, run_with_ids,
};
use fs_err as fs;

pub(crate) const BUILD_USER: (u32, u32) = (1000, 1001);

/// A root file system under one id map. It is removed in the end, and must not have been used up by anyone.
pub(crate) struct Fixture {
    pub(crate) home: tempfile::TempDir,
    pub(crate) executor: NativeExecutor,
    pub(crate) root: Root,
}

/// What a script wrote and how it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit: Exit,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program beside the tests. `BALER_SANDBOX_PROBE` says where it is when it had to be copied.
pub(crate) fn probe() -> PathBuf {
    std::env::var_os("BALER_SANDBOX_PROBE")
        .map_or_else(|| env!("CARGO_BIN_EXE_baler-sandbox-probe").into(), PathBuf::from)
}

pub(crate) fn program() -> SandboxProgram {
    SandboxProgram::at(probe())
}

pub(crate) fn caller() -> Identity {
    let uid = rustix::process::geteuid().as_raw();
    Identity { uid, gid: rustix::process::getegid().as_raw(), user_name: user_name(uid) }
}

fn user_name(uid: u32) -> Option<String> {
    let text = fs::read_to_string("/etc/passwd").unwrap();
    let mut lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find(|fields| fields.get(2) == Some(&uid.to_string().as_str())).map(|fields| fields[0].to_owned())
}

/// Every id map that the caller can have.
pub(crate) fn id_maps() -> Vec<IdMap> {
    let caller = caller();
    let host = HostIds::read(&caller, &["/usr/bin".into(), "/bin".into()]).unwrap();
    if caller.uid == 0 {
        return IdMap::root(BUILD_USER, &host).into_iter().collect();
    }
    let mut maps = vec![IdMap::single(&caller, BUILD_USER)];
    match IdMap::sub_ids(&caller, BUILD_USER, &host) {
        Some(map) => maps.push(map),
        None => println!("SKIP: needs 65535 sub-ids of both kinds, newuidmap and newgidmap"),
    }
    maps
}

/// Runs `test` under every id map.
pub(crate) fn each(test: impl Fn(Fixture)) {
    for id_map in id_maps() {
        println!("id map: {}", id_map.key());
        if let Some(fixture) = Fixture::new(id_map) {
            test(fixture);
        }
    }
}

/// Runs `test` under every id map, with the best calls to the kernel and with the oldest.
pub(crate) fn each_with_both_calls(test: impl Fn(Fixture)) {
    each(&test);
    each(|fixture| test(fixture.with_oldest_calls()));
}

impl Fixture {
    pub(crate) fn new(id_map: IdMap) -> Option<Self> {
        let Ok(busybox) = File::open("/bin/busybox") else {
            println!("SKIP: needs a static /bin/busybox");
            return None;
        };
        let home = tempfile::tempdir().unwrap();
        let (lower, scratch) = (home.path().join("lower"), home.path().join("scratch"));
        fs::create_dir(&lower).unwrap();
        fs::create_dir(&scratch).unwrap();
        let mut arguments = Vec::new();
        if id_map.maps_root() {
            arguments = vec![BUILD_USER.0.to_string().into(), BUILD_USER.1.to_string().into()];
        }
        if id_map.mode() == IdMapMode::Root {
            chown(&lower, id_map.host_uid(0), id_map.host_gid(0)).unwrap();
        }
        let call =
            OperationCall { name: "make-root".into(), directory: lower.clone(), arguments, input: Some(busybox) };
        match run_with_ids(&program(), &id_map, call) {
            Ok(()) => {}
            Err(error) => panic!("{error:?}"),
        }
        let writable = WritablePaths {
            writable: vec!["/tmp".into(), "/home/cnb".into(), "/opt/own".into(), "/missing".into()],
            protected: vec!["/home/cnb/closed".into()],
        };
        let root = Root { lower: vec![lower], scratch, mounts: Vec::new(), writable };
        Some(Self { home, executor: NativeExecutor::new(program(), id_map), root })
    }

    /// The same with only the calls of the oldest kernel.
    pub(crate) fn with_oldest_calls(mut self) -> Self {
        self.executor.kernel_calls = KernelCalls::Oldest;
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs a script as the build user.
    pub(crate) fn sh(&self, script: &str) -> Outcome {
        self.run(shell(script)).unwrap()
    }

    /// Runs a command with its output in pipes, and checks that nothing is left.
    pub(crate) fn run(&self, mut command: Command) -> Result<Outcome, SandboxError> {
        command.stdout = Stream::Piped;
        command.stderr = Stream::Piped;
        let mut running = self.executor.start(&self.root, command)?;
        let (mut stdout, mut stderr) = (String::new(), String::new());
        running.streams.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        running.streams.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let exit = running.wait()?;
        self.assert_clean();
        Ok(Outcome { exit, stdout, stderr })
    }

    /// Nothing is left in the scratch directory.
    pub(crate) fn assert_clean(&self) {
        let left: Vec<_> = fs::read_dir(&self.root.scratch).unwrap().collect();
        assert!(left.is_empty(), "left in the scratch directory: {left:?}");
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        for entry in ["lower", "scratch"] {
            if let Err(error) = remove_owned_tree(&self.executor.program, &self.executor.id_map, &self.path(entry))
                && !std::thread::panicking()
            {
                panic!("{error:?}");
            }
        }
    }
}

/// A script for the build user.
pub(crate) fn shell(script: &str) -> Command {
    let mut command = Command::new(["/bin/sh", "-c", script], BUILD_USER);
    command.environment = vec![("PATH".into(), "/bin".into())];
    command
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// The processes of the machine whose command line has `text` in it.
pub(crate) fn processes_with(text: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new("/proc")).unwrap().filter_map(Result::ok);
    let lines =
        entries.filter_map(|entry| std::fs::File::open(entry.path().join("cmdline")).ok()).filter_map(|mut file| {
            let mut line = Vec::new();
            file.read_to_end(&mut line).ok()?;
            Some(String::from_utf8_lossy(&line).replace('\0', " "))
        });
    lines.filter(|line| line.contains(text)).collect()
}
