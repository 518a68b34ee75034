//! The filter of system calls that the command runs under: seccomp, with what Docker allows by default.
//!
//! A call that is not allowed fails with `EPERM`. `clone3`, whose flags a filter cannot see, and calls that are newer
//! than the profile fail with `ENOSYS`, so that programs fall back to older ones. Programs of another architecture
//! (32-bit programs) are killed.

mod profile;

use std::collections::BTreeMap;

use rustix::io::Errno;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    sock_filter,
};

/// Instructions of the kernel's classic BPF (`linux/bpf_common.h`).
const LOAD: u16 = 0x20;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_GREATER: u16 = 0x25;
const RETURN: u16 = 0x06;
/// Where `struct seccomp_data` has the number of the call.
const NUMBER: u32 = 0;
/// Numbers with this bit are calls of the x32 ABI, which no profile lists: they get the answer of the list.
const X32: u32 = 0x4000_0000;

/// A filter, ready to be installed.
pub(super) struct Filter(BpfProgram);

impl Filter {
    /// The filter for programs of this machine's architecture.
    pub(super) fn new() -> Result<Self, Errno> {
        let mut program = absent_calls();
        program.extend(allowed_calls().map_err(|_| Errno::NOSYS)?);
        Ok(Self(program))
    }

    /// Puts this process and all that it starts under the filter. It needs `no_new_privs`.
    pub(super) fn install(&self) -> Result<(), Errno> {
        seccompiler::apply_filter(&self.0).map_err(|error| match error {
            seccompiler::Error::Prctl(source) | seccompiler::Error::Seccomp(source) => {
                Errno::from_io_error(&source).unwrap_or(Errno::IO)
            }
            _ => Errno::INVAL,
        })
    }
}

/// The beginning of the program: calls that there are not.
fn absent_calls() -> BpfProgram {
    let clone3 = u32::try_from(libc::SYS_clone3).unwrap_or(u32::MAX);
    let absent = u32::from(SeccompAction::Errno(Errno::NOSYS.raw_os_error().unsigned_abs()));
    let instruction = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    vec![
        instruction(LOAD, 0, 0, NUMBER),
        // Each jump is the number of instructions that are left out: to the end of this part, or to its answer.
        instruction(JUMP_IF_GREATER, 3, 0, X32 - 1),
        instruction(JUMP_IF_EQUAL, 1, 0, clone3),
        instruction(JUMP_IF_GREATER, 0, 1, profile::NEWEST),
        instruction(RETURN, 0, 0, absent),
    ]
}

fn allowed_calls() -> Result<BpfProgram, seccompiler::BackendError> {
    let lists = [profile::ALLOWED, profile::ALLOWED_HERE, profile::ALLOWED_NEW];
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    rules.extend(lists.into_iter().flatten().map(|number| (*number, Vec::new())));
    let personality = |value| when(SeccompCmpOp::Eq, value);
    rules.insert(libc::SYS_personality, profile::PERSONALITIES.map(personality).into_iter().collect::<Result<_, _>>()?);
    rules.insert(libc::SYS_socket, vec![when(SeccompCmpOp::Ne, profile::FORBIDDEN_FAMILY)?]);
    rules.insert(libc::SYS_clone, vec![when(SeccompCmpOp::MaskedEq(profile::NAMESPACES), 0)?]);
    let forbidden = SeccompAction::Errno(Errno::PERM.raw_os_error().unsigned_abs());
    SeccompFilter::new(rules, forbidden, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?.try_into()
}

/// Allows a call whose first argument, of which the kernel looks at 32 bits, compares so.
fn when(comparison: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(0, SeccompCmpArgLen::Dword, comparison, value)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the program answers to a call: an interpreter of the few instructions that it is made of.
    fn answer(program: &BpfProgram, number: u32, argument: u32) -> u32 {
        let architecture = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };
        let (mut accumulator, mut at) = (0, 0);
        loop {
            let instruction = &program[at];
            at += 1;
            let jump = |condition: bool| usize::from(if condition { instruction.jt } else { instruction.jf });
            match instruction.code {
                LOAD => {
                    accumulator = match instruction.k {
                        NUMBER => number,
                        4 => architecture,
                        16 => argument,
                        _ => 0,
                    }
                }
                JUMP_IF_EQUAL => at += jump(accumulator == instruction.k),
                JUMP_IF_GREATER => at += jump(accumulator > instruction.k),
                0x35 => at += jump(accumulator >= instruction.k),
                0x05 => at += instruction.k as usize,
                0x54 => accumulator &= instruction.k,
                RETURN => return instruction.k,
                other => panic!("instruction {other:#x}"),
            }
        }
    }

    #[test]
    fn calls_get_the_answers_of_the_profile() {
        const ALLOW: u32 = 0x7fff_0000;
        const EPERM: u32 = 0x0005_0001;
        const ENOSYS: u32 = 0x0005_0026;
        let Filter(program) = Filter::new().unwrap();
        assert!(program.len() < 4096, "{}", program.len());
        let cases = [
            (libc::SYS_read, 0, ALLOW),
            (libc::SYS_execve, 0, ALLOW),
            (libc::SYS_ptrace, 0, ALLOW),
            (libc::SYS_mount, 0, EPERM),
            (libc::SYS_keyctl, 0, EPERM),
            (libc::SYS_bpf, 0, EPERM),
            (libc::SYS_unshare, 0, EPERM),
            (libc::SYS_io_uring_setup, 0, EPERM),
            (libc::SYS_clone3, 0, ENOSYS),
            (462, 0, ALLOW),
            (467, 0, ENOSYS),
            (100_000, 0, ENOSYS),
            (0x4000_0000, 0, EPERM),
            (libc::SYS_socket, 1, ALLOW),
            (libc::SYS_socket, 40, EPERM),
            (libc::SYS_personality, 8, ALLOW),
            (libc::SYS_personality, 0xffff_ffff, ALLOW),
            (libc::SYS_personality, 0x004_0000, EPERM),
            (libc::SYS_clone, 0x11, ALLOW),
            (libc::SYS_clone, 0x1000_0011, EPERM),
        ];
        for (number, argument, expected) in cases {
            let answer = answer(&program, u32::try_from(number).unwrap(), argument);
            assert_eq!(answer, expected, "call {number} with {argument:#x}: {answer:#x}");
        }
    }
}
