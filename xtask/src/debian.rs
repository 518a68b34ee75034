//! Which Debian mirrors this machine uses, as apt itself tells it.

use std::process::Command;

use anyhow::Result;

use crate::command;

/// The public mirrors, for a machine whose apt knows none.
const MAIN: &str = "http://deb.debian.org/debian/";
const SECURITY: &str = "http://deb.debian.org/debian-security/";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The mirrors of the archive and of its security updates.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mirrors {
    main: String,
    security: String,
}

impl Mirrors {
    /// Asks apt, whatever way its sources are written in.
    pub(crate) fn of_this_machine() -> Result<Self> {
        let mut apt = Command::new("apt-get");
        apt.args(["indextargets", "--format", "$(LABEL)|$(REPO_URI)", "Created-By: Packages"]);
        Ok(Self::parse(&command::read(&mut apt)?))
    }

    fn parse(targets: &str) -> Self {
        let find = |label: &str, directory: &str| {
            let lines = || targets.lines().filter_map(|line| line.split_once('|'));
            // Without `apt-get update` there are no labels yet; the last directory of the address tells as much.
            let labelled = lines().find(|(found, _)| *found == label);
            let named = || lines().find(|(_, uri)| uri.trim_end_matches('/').ends_with(directory));
            labelled.or_else(named).map(|(_, uri)| uri.to_owned())
        };
        Self {
            main: find("Debian", "/debian").unwrap_or_else(|| MAIN.to_owned()),
            security: find("Debian-Security", "/debian-security").unwrap_or_else(|| SECURITY.to_owned()),
        }
    }

    /// The lines of a sources.list for `suite` with its updates.
    pub(crate) fn sources(&self, suite: &str) -> [String; 3] {
        let line = |uri: &str, suite: &str| format!("deb [signed-by={KEYRING}] {uri} {suite} main");
        [
            line(&self.main, suite),
            line(&self.main, &format!("{suite}-updates")),
            line(&self.security, &format!("{suite}-security")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_mirrors_by_label_then_by_directory() {
        let both = Mirrors::parse("Debian-Security|http://a/sec/\nDebian|http://a/main/\n");
        assert_eq!(both, Mirrors { main: "http://a/main/".into(), security: "http://a/sec/".into() });
        let unlabelled = Mirrors::parse("|http://b/debian-security/\n|http://b/debian/\n");
        assert_eq!(
            unlabelled,
            Mirrors { main: "http://b/debian/".into(), security: "http://b/debian-security/".into() }
        );
    }

    #[test]
    fn falls_back_to_the_public_mirrors() {
        assert_eq!(Mirrors::parse(""), Mirrors { main: MAIN.into(), security: SECURITY.into() });
    }
}
