//! Processes: what an app image can start, by type, as `metadata.toml` and the build-metadata label hold them
//! (Platform interface specification, "metadata.toml"; Buildpack interface specification, "launch.toml").

/// The execution environment where nobody names one (`CNB_EXEC_ENV`).
pub const DEFAULT_EXEC_ENV: &str = "production";

/// One `[[processes]]` of `metadata.toml`.
///
/// The command is kept as a list. Platform API < 0.10 writes it as one string: see
/// [`Metadata::to_toml`](crate::metadata::Metadata::to_toml).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// The process type; the basename under which the launcher is called.
    pub process_type: String,
    /// The program and the arguments that a user cannot replace.
    pub command: Vec<String>,
    /// Default arguments. Whether user arguments replace or extend them depends on the API: lifecycle "launcher".
    pub args: Vec<String>,
    /// Started as it is, without a shell. Always so from Buildpack API 0.9 on.
    pub direct: bool,
    /// The buildpack that defined it.
    pub buildpack_id: String,
    /// Where it starts; the app directory if empty.
    pub working_dir: String,
    /// Platform API ≥ 0.15: the execution environments it is meant for; none or `*` means all.
    pub exec_env: Vec<String>,
}

impl Process {
    /// Whether it may run in `exec_env`.
    pub fn is_eligible(&self, exec_env: &str) -> bool {
        is_eligible(&self.exec_env, exec_env)
    }
}

/// Whether something declared for the execution environments `declared` may be used in `exec_env`: no declaration and
/// `*` stand for all. The rule is the same for buildpacks, order entries, layers and processes.
pub fn is_eligible(declared: &[String], exec_env: &str) -> bool {
    declared.is_empty() || declared.iter().any(|name| name == "*" || name == exec_env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eligibility_table() {
        let table: [(&[&str], &str, bool); 6] = [
            (&[], "production", true),
            (&["*"], "test", true),
            (&["production", "staging"], "staging", true),
            (&["production"], "test", false),
            (&["test", "*"], "production", true),
            (&["Production"], "production", false),
        ];
        for (declared, exec_env, expected) in table {
            let process =
                Process { exec_env: declared.iter().map(ToString::to_string).collect(), ..Process::default() };
            assert_eq!(process.is_eligible(exec_env), expected, "{declared:?} in {exec_env}");
        }
    }
}
