//! Programs that cannot be executed, and commands that cannot be started.

use baler_sandbox::{Command, ExecFailure, Exit, Root, SandboxError, SandboxProgram, Step};

use crate::fixture::{BUILD_USER, each, shell};

fn exec_failure(error: SandboxError) -> ExecFailure {
    match error {
        SandboxError::Execute { failure, .. } => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_executed_is_told_apart() {
    each(|fixture| {
        let failure = |program: &str| {
            let mut command = shell("");
            command.argv = vec![program.into()];
            let failure = exec_failure(fixture.run(command).unwrap_err());
            fixture.assert_clean();
            failure
        };
        assert_eq!(failure("/bin/missing"), ExecFailure::NotFound);
        assert_eq!(failure("missing"), ExecFailure::NotFound);
        assert_eq!(failure(""), ExecFailure::NotFound);
        assert_eq!(failure("/usr/lib/library"), ExecFailure::NotExecutable);
        assert_eq!(failure("/usr"), ExecFailure::NotExecutable);
        assert_eq!(failure("text"), ExecFailure::WrongFormat);
        assert_eq!(failure("orphan"), ExecFailure::InterpreterMissing);
        assert_eq!(failure("/proc/self/exe"), ExecFailure::NotExecutable);
        let mut command = shell("");
        command.argv.push("x".repeat(200_000).into());
        assert_eq!(exec_failure(fixture.run(command).unwrap_err()), ExecFailure::TooLong);
    });
}

#[test]
fn a_working_directory_that_is_absent_is_made() {
    each(|fixture| {
        let mut command = shell("pwd; ls");
        command.working_directory = "/srv/not/there".into();
        let outcome = fixture.run(command).unwrap();
        assert_eq!((outcome.exit, outcome.stdout.as_str()), (Exit::Code(0), "/srv/not/there\n"), "{outcome:?}");
    });
}

#[test]
fn what_cannot_be_set_up_names_the_step_and_the_path() {
    each(|fixture| {
        let step =
            |root: &Root, command: Command| match baler_sandbox::Executor::start(&fixture.executor, root, command) {
                Err(SandboxError::Setup { step, path, .. }) => (step, path.map(|path| path.display().to_string())),
                Err(other) => panic!("{other:?}"),
                Ok(_) => panic!("started"),
            };
        let mut command = shell("");
        command.working_directory = "/bin/busybox".into();
        assert_eq!(step(&fixture.root, command), (Step::EnterWorkingDirectory, Some("/bin/busybox".into())));
        fixture.assert_clean();

        let mut root = fixture.root.clone();
        root.lower.push("/missing/lower".into());
        assert_eq!(step(&root, shell("")), (Step::OpenDirectory, Some("/missing/lower".into())));
        let mut root = fixture.root.clone();
        root.mounts.push(baler_sandbox::Mount::read_only("/missing/source", "/x"));
        assert_eq!(step(&root, shell("")), (Step::OpenMountSource, Some("/missing/source".into())));
        fixture.assert_clean();
    });
}

#[test]
fn a_user_that_is_not_mapped_is_refused() {
    each(|fixture| {
        let mut command = shell("");
        command.user = (70_000, 70_000);
        let error = fixture.run(command).unwrap_err();
        assert!(matches!(error, SandboxError::UserNotMapped { uid: 70_000, .. }), "{error:?}");
    });
}

#[test]
fn a_program_that_is_no_helper_is_noticed() {
    each(|mut fixture| {
        let own = std::mem::replace(&mut fixture.executor.program, SandboxProgram::at("/bin/true"));
        let error = fixture.run(Command::new(["/bin/true"], BUILD_USER)).unwrap_err();
        assert!(matches!(error, SandboxError::HelperEnded { .. }), "{error:?}");
        fixture.executor.program = SandboxProgram::at("/missing/program");
        let error = fixture.run(Command::new(["/bin/true"], BUILD_USER)).unwrap_err();
        assert!(matches!(error, SandboxError::StartHelper { .. }), "{error:?}");
        fixture.executor.program = own;
    });
}

#[test]
fn arguments_and_codes_pass_unchanged() {
    each(|fixture| {
        let mut command = shell("printf '%s|' \"$0\" \"$@\"; exit 42");
        command.argv.extend(["zero", "", "a b", "c\nd"].map(Into::into));
        command.argv.push(std::os::unix::ffi::OsStringExt::from_vec(vec![0xff, 0x80]));
        let mut command_output = command;
        command_output.stdin = baler_sandbox::Stream::Null;
        command_output.stdout = baler_sandbox::Stream::Piped;
        let mut running = baler_sandbox::Executor::start(&fixture.executor, &fixture.root, command_output).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut running.streams.stdout.take().unwrap(), &mut bytes).unwrap();
        assert_eq!(bytes, b"zero||a b|c\nd|\xff\x80|");
        assert_eq!(running.wait().unwrap(), Exit::Code(42));
    });
}
