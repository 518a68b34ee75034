//! `baler dev registry`, as its users start it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::program::Place;

/// The program; it ends with its value.
pub struct DevRegistry {
    child: Child,
    pub address: String,
    said: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl DevRegistry {
    /// Starts it at a free port, with further arguments.
    #[track_caller]
    pub fn start(place: &Place, arguments: &[&str]) -> Self {
        Self::start_at(place, "127.0.0.1:0", arguments)
    }

    /// Starts it at an address.
    #[track_caller]
    pub fn start_at(place: &Place, address: &str, arguments: &[&str]) -> Self {
        let all = [&["dev", "registry", "--listen", address], arguments].concat();
        let mut child = super::spawn(place.command(&all).stdout(Stdio::piped()));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("it says where it is").unwrap();
        let address = first.strip_prefix("Registry at ").and_then(|rest| rest.split(',').next()).unwrap().to_owned();
        let said = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&said);
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                own.lock().unwrap().push(line);
            }
        });
        Self { child, address, said, reader: Some(reader) }
    }

    /// Ends it as Ctrl-C does; what it said of requests.
    #[track_caller]
    pub fn end(mut self) -> Vec<String> {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
        assert!(self.child.wait().unwrap().success());
        self.reader.take().unwrap().join().unwrap();
        std::mem::take(&mut *self.said.lock().unwrap())
    }
}

impl Drop for DevRegistry {
    fn drop(&mut self) {
        // It has ended, unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
