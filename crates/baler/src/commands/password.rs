//! A password from the terminal, which does not show it.
//!
//! While it is typed, the terminal hands over each key as it comes, Ctrl-C among them: so the terminal is as it was before
//! whatever ends the prompt.

use std::io::{self, Read as _, Write as _};

use baler_platform::interrupt::Interrupted;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Keys as a terminal sends them.
const INTERRUPT: u8 = 3;
const END_OF_FILE: u8 = 4;
const BACKSPACE: [u8; 2] = [8, 127];
const ERASE_LINE: u8 = 21;
const QUIT: u8 = 28;
/// Nobody has a longer one.
const LONGEST: usize = 64 * 1024;

/// Asks for a password.
pub(super) fn ask(prompt: &str) -> anyhow::Result<String> {
    let hidden = Hidden::begin()?;
    io::stderr().lock().write_all(prompt.as_bytes())?;
    let typed = read();
    drop(hidden);
    // The end of the line was not shown either.
    let _ = io::stderr().lock().write_all(b"\n");
    typed
}

fn read() -> anyhow::Result<String> {
    let mut typed = Vec::new();
    for key in io::stdin().lock().bytes() {
        match key? {
            b'\n' | b'\r' | END_OF_FILE => break,
            INTERRUPT | QUIT => return Err(Interrupted.into()),
            ERASE_LINE => typed.clear(),
            key if BACKSPACE.contains(&key) => erase_last(&mut typed),
            key if typed.len() < LONGEST => typed.push(key),
            _ => {}
        }
    }
    Ok(String::from_utf8(typed)?)
}

/// The last character, whatever its length.
fn erase_last(typed: &mut Vec<u8>) {
    let is_inside = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
    while typed.pop().is_some_and(|byte| is_inside(&byte)) {}
}

/// A terminal that shows nothing of what is typed. Dropped, it is as before.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> io::Result<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(&stdin, OptionalActions::Drain, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Without a terminal there is nothing to mend.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_character_goes_as_a_whole() {
        let mut typed = "aé€".as_bytes().to_vec();
        for left in ["aé", "a", "", ""] {
            erase_last(&mut typed);
            assert_eq!(typed, left.as_bytes());
        }
    }
}
