//! The rules, by the headings of the Platform specification's "launcher" and what the reference does where it says nothing.

/// How the image is started.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// As it says itself.
    Default,
    /// By the name of a process type.
    Process(&'static str),
    Program(&'static str),
}

/// What is seen of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen {
    Output(&'static str),
    /// Nothing on standard output, and this on the other one.
    Complaint(&'static str),
    OutputAndWarning(&'static str, &'static str),
}

use Seen::{Complaint, Output, OutputAndWarning};
use Start::{Default, Process, Program};

/// A rule, and a start that shows it.
pub(super) struct Row {
    pub(super) rule: &'static str,
    pub(super) start: Start,
    pub(super) environment: &'static [&'static str],
    pub(super) arguments: &'static [&'static str],
    pub(super) code: i32,
    pub(super) seen: Seen,
}

const fn row(
    rule: &'static str,
    start: Start,
    environment: &'static [&'static str],
    arguments: &'static [&'static str],
    code: i32,
    seen: Seen,
) -> Row {
    Row { rule, start, environment, arguments, code, seen }
}

const LAUNCHER: Start = Program("/cnb/lifecycle/launcher");

/// The same for every engine.
#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    row("9.1 an unsupported Platform API: 11", Default, &["CNB_PLATFORM_API=0.6"], &[], 11, Complaint("ERROR: ")),
    row("9.1 an empty Platform API: 11", Default, &["CNB_PLATFORM_API="], &[], 11, Complaint("please set 'CNB_PLATFORM_API'")),
    row("9.1 no metadata.toml: 1", Default, &["CNB_LAYERS_DIR=/nowhere"], &[], 1, Complaint("failed to read metadata")),
    row("9.1 a buildpack's API: 12", Default, &["CNB_LAYERS_DIR=/layers/test_new/bad"], &[], 12, Complaint("set API for buildpack 'test/new@1'")),
    row("9.1 all else: 82", LAUNCHER, &[], &[], 82, Complaint("ERROR: failed to launch: ")),
    row("9.1 CNB_APP_DIR", LAUNCHER, &["CNB_APP_DIR=/tmp"], &["--", "sh", "-c", "pwd"], 0, Output("/tmp\n")),
    row("9.1 CNB_PROCESS_TYPE only warns", Default, &["CNB_PROCESS_TYPE=status"], &[], 0,
        OutputAndWarning("in /workspace\n<fixed>\n<default>\n", "Run with ENTRYPOINT 'status' to invoke the 'status' process type")),

    row("9.2 the default process", Default, &[], &[], 0, Output("in /workspace\n<fixed>\n<default>\n")),
    row("9.2 the type by the name", Process("single"), &[], &[], 0, Output("in /workspace\n<default>\n")),
    row("9.2 the type by a path", Program("/cnb/process/single"), &[], &[], 0, Output("in /workspace\n<default>\n")),
    row("9.2 names with dots, words as they are", Process("with.dot_and-dash"), &[], &[], 0, Output("in /workspace\n<$HOME>\n<*>\n<`id`>\n")),
    row("9.2 another execution environment", Process("for-tests"), &[], &[], 82, Complaint("for-tests was not found for execution environment 'production'")),
    row("9.2 its execution environment", Process("for-tests"), &["CNB_EXEC_ENV=test"], &[], 0, Output("in /workspace\n<for tests>\n")),
    row("9.2 every execution environment", Process("for-all"), &["CNB_EXEC_ENV=any"], &[], 0, Output("in /workspace\n<for all>\n")),
    row("9.2 execution environments begin with 0.15", Process("for-tests"), &["CNB_PLATFORM_API=0.14"], &[], 0, Output("in /workspace\n<for tests>\n")),
    row("9.2 no type and no command", LAUNCHER, &[], &[], 82, Complaint("when there is no default process a command is required")),
    row("9.2 a command behind --", LAUNCHER, &[], &["--", "echo", "$ORDER", "*"], 0, Output("$ORDER *\n")),
    row("9.2 a command for the shell", LAUNCHER, &[], &["echo $ORDER"], 0, Output(":10:20:app\n")),
    row("9.2 a command and words for the shell", LAUNCHER, &[], &["echo", "$ORDER", "'$FIRST'"], 0, Output(":10:20:app 'a b'\n")),
    row("9.2 a lone -- is a command", LAUNCHER, &[], &["--"], 2, Complaint("-c: option requires an argument")),
    row("9.2 several entries: args are replaced", Default, &[], &["user", "two words"], 0, Output("in /workspace\n<fixed>\n<user>\n<two words>\n")),
    row("9.2 one entry, API 0.9 and later: args are replaced", Process("single"), &[], &["user"], 0, Output("in /workspace\n<user>\n")),
    row("9.2 one entry, API before 0.9: args are followed", Process("old-direct"), &[], &["user"], 0, Output("in /workspace\n<own>\n<user>\n")),
    row("9.2 a platform before 0.10: args are followed", Default, &["CNB_PLATFORM_API=0.9", "CNB_LAYERS_DIR=/layers/test_new/legacy"], &["user"], 0,
        Output("in /workspace\n<own>\n<user>\n")),
    row("9.2 the same without a user's", Default, &["CNB_PLATFORM_API=0.9", "CNB_LAYERS_DIR=/layers/test_new/legacy"], &[], 0, Output("in /workspace\n<own>\n")),

    row("9.3.1 the launcher's variables go", Process("launcher-variables"), &["CNB_DEPRECATION_MODE=quiet", "CNB_PROCESS_TYPE=x", "CNB_EXEC_ENV=test"], &[], 0,
        OutputAndWarning("CNB_EXEC_ENV=test\nend\n", "")),
    row("9.3.1 its directories go from PATH", Process("paths"), &["PATH=/mine:/cnb/process:/bin:/cnb/lifecycle:/usr/bin"], &[], 0,
        Output("/layers/test_new/b/bin:/layers/test_new/a/bin:/mine:/bin:/usr/bin /layers/test_new/a/lib \n")),
    row("9.3.3 bin and lib of layers", Process("paths"), &[], &[], 0,
        Output("/layers/test_new/b/bin:/layers/test_new/a/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /layers/test_new/a/lib \n")),
    row("9.3.3 env, env.launch; 9.3.4 exec.d", Process("variables"), &[], &[], 0,
        Output("launch plain|of the layer|of the layer|a,b||| first in /workspace, b\n")),
    row("9.3.5 a user's variables", Process("variables"), &["DEFAULTED=user", "OVERRIDDEN=user", "JOINED=user"], &[], 0,
        Output("launch plain|user|of the layer|user:a,b||| first in /workspace, b\n")),
    row("9.3.3 env.launch/TYPE, 9.3.4 exec.d/TYPE", Default, &[], &["$ONLY"], 0, Output("in /workspace\n<fixed>\n<$ONLY>\n")),
    row("9.3.4 exec.d that fails: 82", Process("failing"), &[], &[], 82, Complaint("/layers/test_new/a/exec.d/failing/x")),

    row("9.4 the command is looked for in the new PATH", Process("tool"), &[], &[], 0, Output("tool of b\n")),
    row("9.4 a command with / is relative to the app", Process("relative"), &[], &[], 0, Output("in /workspace/sub\n")),
    row("9.4 working-dir", Process("elsewhere"), &[], &[], 0, Output("in /etc\n")),
    row("9.4 no such working-dir: 82", Process("nowhere"), &[], &[], 82, Complaint("change to working directory /nowhere")),
    row("9.4 no such command: 82", Process("absent"), &[], &[], 82, Complaint("executable file 'no-such-program' not found in PATH")),
    row("9.4 argv[0] is the command as it is given", Process("names"), &[], &[], 0, Output("sh -c cat /proc/$$/cmdline | busybox tr '\\0' ' ' ")),
    row("9.4 the process's code is the launcher's", Process("status"), &[], &[], 42, Output("")),

    row("9.5 profiles in order, then a script", Process("script"), &[], &[], 0, Output(":10:20:script:app|a b|profile in /workspace $HOME * show\n")),
    row("9.5 a script has bash's names", Program("/cnb/process/name"), &[], &[], 0, Output("bash /cnb/process/name\n")),
    row("9.5 words are expanded once", Process("words"), &[], &[], 0, Output("a b 'a b' sho* 1 two spaces  semi;colon\n")),
    row("9.5 and a user's", Process("words"), &[], &["$FIRST", "user"], 0, Output("a b 'a b' sho* 1 two spaces  semi;colon a b user\n")),
    row("9.5 working-dir comes after the profiles", Process("shell-elsewhere"), &[], &[], 0, Output("in /etc :10:20:app\n")),
    row("9.5 the shell's code", Process("shell-status"), &[], &[], 9, Output("")),
    row("9.5 no such command", Process("shell-absent"), &[], &[], 127, Complaint("no-such-program: command not found")),
    row("9.5 direct processes know no profiles", LAUNCHER, &[], &["--", "sh", "-c", "echo $ORDER"], 0, Output("\n")),
];

/// What `baler run` has beside: processes that are not process 1, which no signal of its own ends.
#[rustfmt::skip]
pub(super) const ROWS_OF_BALER: &[Row] = &[
    row("9.4 the same of a signal", Process("killed"), &[], &[], 137, Output("")),
];

/// What containers have beside: the process is process 1, and its name may be found in PATH.
#[rustfmt::skip]
pub(super) const ROWS_OF_CONTAINERS: &[Row] = &[
    row("9.2 the type by the name in PATH", Program("single"), &[], &[], 0, Output("in /workspace\n<default>\n")),
    row("9.4 the launcher becomes the process", LAUNCHER, &[], &["--", "sh", "-c", "echo $$"], 0, Output("1\n")),
    row("9.5 and the shell", LAUNCHER, &[], &["echo $$"], 0, Output("1\n")),
    row("9.2 -- of the engine", Default, &[], &["--", "user"], 0, Output("in /workspace\n<fixed>\n<-->\n<user>\n")),
];
