//! A PostgreSQL of its own for a test: on loopback, in a folder that goes with it.

use std::{
    env,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use super::{part, wait_until};

/// A running PostgreSQL with an empty database `recto`.
pub struct PostgresServer {
    folder: TempDir,
    port: u16,
    server: Option<Child>,
}

impl PostgresServer {
    /// Makes a data folder and starts a server on it.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let made = program("initdb")
            .args(["--auth=trust", "--username=recto", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", super::seen(&made));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut server = Self {
            folder,
            port,
            server: None,
        };
        server.start_again();
        server
    }

    /// Starts it again after `kill`, with its data and on the same port.
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "it runs");
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let child = program("postgres")
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .stdout(Stdio::null())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        self.server = Some(child);
        let log = self.folder.path().join("log");
        wait_until(
            "PostgreSQL takes connections",
            || {
                std::fs::read_to_string(&log)
                    .is_ok_and(|said| said.contains("ready to accept connections"))
            },
            || std::fs::read_to_string(&log).unwrap_or_default(),
        );
    }

    /// The address of its database.
    pub fn url(&self) -> String {
        format!("postgres://recto@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends it at once, connections and all, as an operator in a hurry would (SIGQUIT).
    pub fn kill(&mut self) {
        let mut server = self.server.take().expect("it runs");
        let pid = Pid::from_raw(i32::try_from(server.id()).unwrap()).unwrap();
        let _ = kill_process(pid, Signal::QUIT);
        server.wait().unwrap();
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.kill();
        }
    }
}

/// One of PostgreSQL's programs. It refuses to run as root, so root runs it in a user namespace in which it is somebody
/// else.
fn program(name: &str) -> Command {
    let (folder, libraries) = programs();
    let mut command = match geteuid().is_root() {
        true => {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-user=65534", "--map-group=65534"]);
            command.arg(folder.join(name));
            command
        }
        false => Command::new(folder.join(name)),
    };
    if let Some(libraries) = libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command.env("LC_ALL", "C.UTF-8");
    command
}

/// The folder of the programs, and those of their libraries if they are unpacked packages.
fn programs() -> (PathBuf, Option<String>) {
    if let Some(folder) = env::var_os("RECTO_TEST_POSTGRES") {
        return (folder.into(), None);
    }
    let installed = newest(Path::new("/usr/lib/postgresql"));
    if let Some(folder) = installed {
        return (folder, None);
    }
    let root = part("RECTO_TEST_POSTGRES_ROOT", "parts/postgresql");
    let folder =
        newest(&root.join("usr/lib/postgresql")).expect("`make test-parts` has fetched PostgreSQL");
    let libraries = std::fs::read_dir(root.join("usr/lib"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with("-linux-gnu"))
        .map(|path| path.display().to_string());
    (folder, Some(libraries.collect::<Vec<_>>().join(":")))
}

/// `VERSION/bin` of the newest version in a folder.
fn newest(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("postgres").is_file())
        .collect();
    found.sort();
    found.pop()
}
