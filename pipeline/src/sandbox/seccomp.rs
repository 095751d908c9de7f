//! Seccomp: a filter that allows the system calls of reading a document, and no others (`seccomp(2)`).
//!
//! Calls that are not on the list fail as if the kernel did not have them (`ENOSYS`): nothing is killed, and a library that
//! tries a newer call first falls back to one that is allowed.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

/// Calls, each with rules of which one must hold if there are any.
type Rules = BTreeMap<libc::c_long, Vec<SeccompRule>>;

/// Calls that are allowed whatever their arguments: reading and answering through descriptors that are open, memory,
/// signal handlers of this process, its clock and its end.
const CALLS: [libc::c_long; 31] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_getdents64,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Flags of `openat` that open for reading; `O_PATH`, `O_CREAT` and the like are not among them.
const READ_FLAGS: libc::c_int = libc::O_CLOEXEC
    | libc::O_DIRECTORY
    | libc::O_NOFOLLOW
    | libc::O_NONBLOCK
    | libc::O_NOCTTY
    | libc::O_LARGEFILE
    | KERNEL_LARGEFILE;
/// `O_LARGEFILE` as the kernel of x86-64 has it; C libraries call it 0.
const KERNEL_LARGEFILE: libc::c_int = 0o100_000;

/// Allows reading, and nothing else from now on, for the calling thread and all it starts; it can start none.
///
/// # Errors
/// If the kernel has no seccomp filters, or this architecture has none here.
pub(super) fn allow_reading() -> Result<(), seccompiler::Error> {
    let stat_of_descriptor = filter(
        Rules::from([(libc::SYS_newfstatat, Vec::new())]),
        SeccompAction::Allow,
        SeccompAction::Trap,
    )?;
    let allowed = filter(
        allow_list()?,
        SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
        SeccompAction::Allow,
    )?;
    answer_stat_of_descriptors();
    // Of two filters that match, the stricter one holds. The first must allow the installation of the second.
    apply_filter(&stat_of_descriptor)?;
    apply_filter(&allowed)
}

fn filter(
    rules: Rules,
    others: SeccompAction,
    matching: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, others, matching, arch)?.try_into()
}

fn allow_list() -> Result<Rules, BackendError> {
    let mut rules: Vec<_> = CALLS.map(|call| (call, Vec::new())).into();
    // No code, and nothing that is written to a mapping reaches a file.
    let private_data = [no_bits(2, libc::PROT_EXEC)?, no_bits(3, libc::MAP_SHARED)?];
    rules.push((libc::SYS_mmap, rule(private_data)?));
    rules.push((libc::SYS_mprotect, rule([no_bits(2, libc::PROT_EXEC)?])?));
    // What opens is Landlock's and the mount namespace's matter.
    rules.push((libc::SYS_openat, rule([no_bits(2, !READ_FLAGS)?])?));
    // C libraries ask for flags after opening; none may be set on files that others share.
    for command in [libc::F_GETFD, libc::F_SETFD, libc::F_GETFL] {
        rules.push((libc::SYS_fcntl, rule([equal(1, command.unsigned_abs())?])?));
    }
    // Answers go to the parent: no address, and no connection on the way.
    rules.push((libc::SYS_sendto, rule([null(4)?])?));
    // `abort` sends a signal to its own process.
    rules.push((libc::SYS_tgkill, rule([equal(0, std::process::id())?])?));
    // Emulated: see `answer_stat_of_descriptors`.
    rules.push((libc::SYS_newfstatat, Vec::new()));
    let mut by_call = BTreeMap::<_, Vec<SeccompRule>>::new();
    for (call, rules) in rules {
        by_call.entry(call).or_default().extend(rules);
    }
    Ok(by_call)
}

/// A rule of which all conditions must hold.
fn rule<const N: usize>(
    conditions: [SeccompCondition; N],
) -> Result<Vec<SeccompRule>, BackendError> {
    Ok(vec![SeccompRule::new(conditions.into())?])
}

/// Holds if the argument, a number of 32 bits, has none of the bits.
fn no_bits(argument: u8, bits: libc::c_int) -> Result<SeccompCondition, BackendError> {
    let mask = u64::from(bits.cast_unsigned());
    SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(mask),
        0,
    )
}

/// Holds if the argument, a number of 32 bits, has that value.
fn equal(argument: u8, value: u32) -> Result<SeccompCondition, BackendError> {
    let value = u64::from(value);
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

/// Holds if the argument, a pointer, is null.
fn null(argument: u8) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)
}

/// Answers `newfstatat` in this process: as `fstat` if it asks for a descriptor, as GNU's C library does, and else with
/// `EACCES`. A filter sees no strings, so it cannot tell the two apart, and existence, size and times of any file would
/// be open.
#[expect(unsafe_code, reason = "a signal handler in place of a system call")]
fn answer_stat_of_descriptors() {
    extern "C" fn handler(
        _signal: libc::c_int,
        _info: *mut libc::siginfo_t,
        context: *mut libc::c_void,
    ) {
        // SAFETY: the kernel gives the context of the call that it stopped, whose arguments are those of `newfstatat`: a
        // descriptor, a path that ends with NUL, a buffer, flags. `fstat` checks the buffer; a path that cannot be read
        // ends this process, which is its caller's doing. `errno` is left as it was.
        unsafe {
            let errno = *libc::__errno_location();
            let mut call = StoppedCall(context.cast());
            let path = call.argument(1) as *const libc::c_char;
            let of_descriptor = call.argument(3) as libc::c_int & libc::AT_EMPTY_PATH != 0
                && (path.is_null() || *path == 0);
            let answer = if of_descriptor {
                match libc::syscall(libc::SYS_fstat, call.argument(0), call.argument(2)) {
                    0 => 0,
                    _ => -i64::from(*libc::__errno_location()),
                }
            } else {
                -i64::from(libc::EACCES)
            };
            call.answer(answer);
            *libc::__errno_location() = errno;
        }
    }
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = handler;
    // SAFETY: the handler keeps to what signal handlers may do; all zero is a valid `sigaction` to start from, with an
    // empty mask.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut());
    }
}

/// Registers of a system call that a filter stopped.
struct StoppedCall(*mut libc::ucontext_t);

#[expect(unsafe_code, reason = "registers are behind a pointer of the kernel's")]
#[cfg(target_arch = "x86_64")]
impl StoppedCall {
    /// # Safety
    /// The context is a signal handler's that has not returned.
    unsafe fn argument(&self, number: usize) -> i64 {
        let registers = [libc::REG_RDI, libc::REG_RSI, libc::REG_RDX, libc::REG_R10];
        // SAFETY: as the caller promises.
        unsafe { (*self.0).uc_mcontext.gregs[registers[number] as usize] }
    }

    /// # Safety
    /// The context is a signal handler's that has not returned.
    unsafe fn answer(&mut self, value: i64) {
        // SAFETY: as the caller promises.
        unsafe { (*self.0).uc_mcontext.gregs[libc::REG_RAX as usize] = value }
    }
}

#[expect(unsafe_code, reason = "registers are behind a pointer of the kernel's")]
#[cfg(target_arch = "aarch64")]
impl StoppedCall {
    /// # Safety
    /// The context is a signal handler's that has not returned.
    unsafe fn argument(&self, number: usize) -> i64 {
        // SAFETY: as the caller promises.
        unsafe { (*self.0).uc_mcontext.regs[number].cast_signed() }
    }

    /// # Safety
    /// The context is a signal handler's that has not returned.
    unsafe fn answer(&mut self, value: i64) {
        // SAFETY: as the caller promises.
        unsafe { (*self.0).uc_mcontext.regs[0] = value.cast_unsigned() }
    }
}
