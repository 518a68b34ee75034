//! The program at a terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::program::Place;

/// A terminal in whose foreground the program runs.
pub struct Terminal {
    keyboard: File,
    child: Child,
    said: String,
}

impl Terminal {
    /// Starts the program; `None` if there is no `setsid`.
    pub fn start(place: &Place, arguments: &[&str]) -> Option<Self> {
        if !std::path::Path::new("/usr/bin/setsid").exists() {
            eprintln!("SKIP: needs setsid");
            return None;
        }
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let open = || rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let inner = place.command(arguments);
        // The program's own process becomes the leader of the terminal's session.
        let mut command = Command::new("/usr/bin/setsid");
        command.args(["--ctty", "--wait"]).arg(inner.get_program()).args(inner.get_args());
        command.current_dir(place.path()).env_clear();
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(open()).stdout(open()).stderr(open());
        Some(Self { keyboard: File::from(keyboard), child: super::spawn(&mut command), said: String::new() })
    }

    /// Types one character.
    pub fn press(&mut self, key: u8) {
        self.keyboard.write_all(&[key]).unwrap();
    }

    /// Types a line.
    pub fn enter(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\r").as_bytes()).unwrap();
    }

    /// Whether the terminal shows what is typed.
    pub fn echoes(&self) -> bool {
        rustix::termios::tcgetattr(&self.keyboard).unwrap().local_modes.contains(rustix::termios::LocalModes::ECHO)
    }

    /// Waits for the program's end; with which code it ended, and all that was said.
    pub fn end(&mut self) -> (Option<i32>, &str) {
        let code = self.child.wait().unwrap().code();
        (code, &self.said)
    }

    /// Reads until `text` was said. The test ends with the program, which says why it did not.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        while !self.said.contains(text) {
            assert!(self.read(), "waited for '{text}': {}", self.said);
        }
    }

    /// Sends a signal to the program alone.
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Closes the terminal, as closing its window does, and says with which code the program ended.
    pub fn close(mut self) -> Option<i32> {
        drop(self.keyboard);
        self.child.wait().unwrap().code()
    }

    /// All that was said, once the program has ended.
    pub fn rest(mut self) -> String {
        while self.read() {}
        self.child.wait().unwrap();
        self.said
    }

    fn read(&mut self) -> bool {
        let mut buffer = [0; 1024];
        // When the last process at the terminal has gone, reading fails.
        let Ok(length @ 1..) = self.keyboard.read(&mut buffer) else { return false };
        self.said.push_str(&String::from_utf8_lossy(&buffer[..length]));
        true
    }
}
