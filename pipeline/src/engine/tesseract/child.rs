//! The sandbox in which Tesseract runs: a process of this program that gives up its rights and becomes Tesseract.
//!
//! Tesseract sees pixels of documents and decodes no file of theirs. What it may do all the same is what reading needs:
//! run itself, read its libraries and its language data, and talk to its parent. It has no network, writes no file, and
//! ends with its parent.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::TesseractConfig;
use crate::sandbox::{
    self,
    limits::{self, ProcessLimits},
};

/// The first argument of a process that is to become the sandbox.
pub const MODE: &str = "tesseract-child";
/// Exit code of a sandbox that could not run the program.
const EXIT_NOT_RUN: i32 = 126;
/// Address space of Tesseract, in bytes. It takes 60 MB for a page's lines, and maps 150 MB of libraries and data.
const MAX_MEMORY_BYTES: u64 = 1 << 30;
/// Folders with the system's programs and libraries, and the linker's cache of them.
const SYSTEM: [&str; 6] = [
    "/usr",
    "/bin",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
];
/// Separates the paths below which Tesseract may read from what is run.
const END_OF_PATHS: &str = "--";

/// The arguments of the sandbox, before those of Tesseract.
pub(super) fn arguments(config: &TesseractConfig, timeout: Duration) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec![
        MODE.into(),
        std::process::id().to_string().into(),
        (timeout.as_secs() + 1).to_string().into(),
    ];
    let data = config.data.as_ref();
    arguments.push(data.map_or(OsString::new(), OsString::from));
    arguments.extend(config.libraries.iter().map(OsString::from));
    arguments.push(END_OF_PATHS.into());
    arguments.push(config.program.clone().into());
    arguments
}

/// The arguments of a sandbox, read.
struct SandboxArguments {
    parent: u32,
    cpu_s: u64,
    data: Option<PathBuf>,
    libraries: Vec<PathBuf>,
    program: PathBuf,
    arguments: Vec<OsString>,
}

/// Becomes Tesseract; gives the exit code if that fails.
pub fn main() -> i32 {
    let Some(told) = SandboxArguments::parse(env::args_os().skip(2)) else {
        return EXIT_NOT_RUN;
    };
    let error = match enter(&told) {
        Ok(()) => become_program(&told),
        Err(error) => error,
    };
    // The parent passes the last line on.
    eprintln!("{error}");
    EXIT_NOT_RUN
}

impl SandboxArguments {
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut number = || arguments.next()?.to_str()?.parse::<u64>().ok();
        let (parent, cpu_s) = (number()?, number()?);
        let data = arguments.next().filter(|data| !data.is_empty());
        let libraries = arguments
            .by_ref()
            .take_while(|path| path != OsStr::new(END_OF_PATHS));
        let libraries = libraries.map(PathBuf::from).collect();
        Some(Self {
            parent: u32::try_from(parent).ok()?,
            cpu_s,
            data: data.map(PathBuf::from),
            libraries,
            program: arguments.next()?.into(),
            arguments: arguments.collect(),
        })
    }
}

/// Gives up all rights that Tesseract does not need.
fn enter(told: &SandboxArguments) -> io::Result<()> {
    sandbox::close_inherited_descriptors();
    // Where the system allows no namespaces there are the other layers.
    let _ = sandbox::leave_network();
    limits::set_parent_death_signal(told.parent)?;
    rustix::thread::set_no_new_privs(true)?;
    limits::set_limits(&ProcessLimits {
        memory_bytes: MAX_MEMORY_BYTES,
        cpu_s: told.cpu_s,
        max_cpu_s: told.cpu_s,
        // Those of the same user count, whatever they run.
        processes: None,
    })?;
    let mut paths: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    paths.extend(told.data.iter().cloned());
    paths.extend(told.libraries.iter().cloned());
    paths.push(told.program.clone());
    // A link leads to the program.
    paths.extend(told.program.canonicalize());
    // A kernel without Landlock still has all the other limits.
    let _ = sandbox::restrict_to_programs(&paths);
    sandbox::drop_capabilities();
    Ok(())
}

/// Runs the program in place of this one; gives the reason if that fails.
fn become_program(told: &SandboxArguments) -> io::Error {
    let mut command = Command::new(&told.program);
    command
        .args(&told.arguments)
        .env_clear()
        // One thread: the engine's threads have the cores already.
        .env("OMP_THREAD_LIMIT", "1")
        .env("PATH", "/usr/bin:/bin");
    if let Some(data) = &told.data {
        command.env("TESSDATA_PREFIX", data);
    }
    if !told.libraries.is_empty() {
        let joined = env::join_paths(told.libraries.iter().map(AsRef::<Path>::as_ref));
        match joined {
            Ok(joined) => drop(command.env("LD_LIBRARY_PATH", joined)),
            Err(error) => return io::Error::other(error),
        }
    }
    command.exec()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_sandbox_is_told_what_its_parent_says() {
        let config = TesseractConfig {
            sandbox: "/proc/self/exe".into(),
            program: "/opt/t/bin/tesseract".into(),
            data: None,
            libraries: vec!["/opt/t/lib".into()],
            languages: None,
            warn: Arc::new(|_| {}),
        };
        let mut said = arguments(&config, Duration::from_secs(60));
        assert_eq!(said.remove(0), MODE);
        said.push("--version".into());
        let told = SandboxArguments::parse(said.into_iter()).unwrap();
        assert_eq!((told.parent, told.cpu_s), (std::process::id(), 61));
        assert_eq!((told.data, told.libraries), (None, config.libraries));
        assert_eq!(told.program, config.program);
        assert_eq!(told.arguments, ["--version"]);
    }
}
