//! A RabbitMQ of a test's own: private folder, free loopback ports, stopped by pid with all it
//! started, also when the test fails.

use std::{
    collections::hash_map::RandomState,
    env, fs,
    hash::{BuildHasher, Hasher},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{amqp::AmqpClient, part};

const USER: &str = "recto";
const PASSWORD: &str = "hush";

/// A start takes five seconds on an idle machine.
const START_DEADLINE: Duration = Duration::from_secs(120);
const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// Ephemeral ports begin at 32768: ports below it are not taken by outgoing connections.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// RabbitMQ looks for late acknowledgements once a minute and counts a quorum queue's messages every
/// five seconds; tests do not want to wait for that.
const IMPATIENT: &str =
    "[{rabbit, [{channel_tick_interval, 300}, {quorum_tick_interval, 200}]}].\n";

/// A broker that runs, until it is dropped.
pub struct RabbitServer {
    root: PathBuf,
    folder: TempDir,
    port: u16,
    epmd: Child,
    server: Option<Child>,
}

/// Messages in a queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueueCounts {
    /// Messages that wait.
    pub ready: u64,
    /// Messages that are with consumers.
    pub unacked: u64,
}

impl RabbitServer {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with these lines in `rabbitmq.conf`, such as `consumer_timeout = 3000`.
    pub fn start_with(config: &[&str]) -> Self {
        let root = root();
        for _ in 0..10 {
            let port = free_ports();
            let folder = folder(&root, port, config);
            let epmd = epmd(&root, folder.path(), port + 2);
            let mut rabbit = Self {
                root: root.clone(),
                folder,
                port,
                epmd,
                server: None,
            };
            match rabbit.launch() {
                Ok(()) => return rabbit,
                Err(said) if said.contains("eaddrinuse") || said.contains("already_started") => {}
                Err(said) => panic!("RabbitMQ did not start:\n{said}"),
            }
        }
        panic!("RabbitMQ found no free ports in ten attempts");
    }

    /// Its address, with user and password.
    pub fn url(&self) -> String {
        self.url_of(USER, PASSWORD)
    }

    /// Its address for another user.
    pub fn url_of(&self, user: &str, password: &str) -> String {
        format!("amqp://{user}:{password}@127.0.0.1:{}/%2f", self.port)
    }

    /// Address at which it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection to it.
    pub fn client(&self) -> AmqpClient {
        AmqpClient::connect(&self.url())
    }

    /// Stops it cleanly; messages stay.
    pub fn stop(&mut self) {
        self.end(Signal::TERM);
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    /// Starts it again after `stop` or `kill`, with its messages and on the same port.
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "it runs");
        if let Err(said) = self.launch() {
            panic!("RabbitMQ did not start again:\n{said}");
        }
    }

    /// Lets it hang: connections stay, and nothing is answered until `thaw`.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Ends `freeze`.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Runs `rabbitmqctl` and gives what it printed. Takes half a second.
    pub fn ctl(&self, arguments: &[&str]) -> String {
        let mut command = self.command("rabbitmqctl");
        let output = command
            .arg("--quiet")
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "rabbitmqctl {arguments:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// The counts of each queue, by name. The numbers may be a moment old.
    pub fn queues(&self) -> Vec<(String, QueueCounts)> {
        let columns = [
            "list_queues",
            "--no-table-headers",
            "name",
            "messages_ready",
            "messages_unacknowledged",
        ];
        let listed = self.ctl(&columns);
        let line = |line: &str| {
            let mut words = line.split('\t');
            let name = words.next().unwrap().to_owned();
            let mut number = || words.next().unwrap().trim().parse().unwrap_or(0);
            (
                name,
                QueueCounts {
                    ready: number(),
                    unacked: number(),
                },
            )
        };
        listed
            .lines()
            .filter(|line| !line.is_empty())
            .map(line)
            .collect()
    }

    fn launch(&mut self) -> Result<(), String> {
        let log = fs::File::create(self.folder.path().join("out.log")).unwrap();
        let mut command = self.command("rabbitmq-server");
        // Its script becomes the broker itself with this, so that the pid is the broker's.
        command.env("RABBITMQ_ALLOW_INPUT", "1").arg("-noinput");
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let mut server = command.spawn().unwrap();
        let deadline = Instant::now() + START_DEADLINE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            let exited = server.try_wait().unwrap().is_some();
            if exited || Instant::now() > deadline {
                let _ = server.kill(); // it may have exited
                server.wait().unwrap();
                return Err(self.words());
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.server = Some(server);
        Ok(())
    }

    /// Its output and log.
    fn words(&self) -> String {
        let logs = fs::read_dir(self.folder.path().join("log")).unwrap();
        let files = logs.map(|entry| entry.unwrap().path());
        let all = files.chain([self.folder.path().join("out.log")]);
        all.map(|path| fs::read_to_string(path).unwrap_or_default())
            .collect()
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        let pid = Pid::from_child(&server);
        kill_process(pid, signal).unwrap();
        let _ = kill_process(pid, Signal::CONT); // a frozen one would not hear; it may be gone by now
        let deadline = Instant::now() + STOP_DEADLINE;
        while server.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                server.kill().unwrap();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, signal: Signal) {
        let server = self.server.as_ref().expect("it runs");
        kill_process(Pid::from_child(server), signal).unwrap();
    }

    /// One of RabbitMQ's programs, made for this broker.
    fn command(&self, program: &str) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(self.root.join("usr/lib/rabbitmq/bin").join(program));
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("RABBITMQ_") || text.starts_with("ERL_") {
                command.env_remove(name);
            }
        }
        let path = format!("{}:/usr/bin:/bin", folder.join("bin").display());
        let below = |name: &str| folder.join(name);
        command
            .current_dir(folder)
            .env("PATH", path)
            .env("HOME", below("home"))
            .env("LANG", "C.UTF-8")
            .env("ERL_EPMD_PORT", (self.port + 2).to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_CRASH_DUMP_BYTES", "0")
            .env("RABBITMQ_NODENAME", format!("recto{}@localhost", self.port))
            .env("RABBITMQ_DIST_PORT", (self.port + 1).to_string())
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            )
            .env("RABBITMQ_CTL_ERL_ARGS", "-start_epmd false")
            .env("RABBITMQ_MNESIA_BASE", below("data"))
            .env("RABBITMQ_LOG_BASE", below("log"))
            .env("RABBITMQ_CONFIG_FILE", below("rabbitmq.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", below("advanced.config"))
            .env("RABBITMQ_CONF_ENV_FILE", below("none.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", below("enabled_plugins"))
            .env("RABBITMQ_PID_FILE", below("rabbit.pid"))
            .env("RABBITMQ_GENERATED_CONFIG_DIR", below("schema"));
        command
    }
}

impl Drop for RabbitServer {
    fn drop(&mut self) {
        self.kill(); // its folder goes with it
        let _ = self.epmd.kill(); // it may be gone
        let _ = self.epmd.wait();
    }
}

/// The folder that plays `/` for RabbitMQ and Erlang.
fn root() -> PathBuf {
    let installed = Path::new("/");
    let set = env::var_os("RECTO_TEST_RABBITMQ").is_some_and(|value| !value.is_empty());
    let server = "usr/lib/rabbitmq/bin/rabbitmq-server";
    let root = if !set && installed.join(server).is_file() {
        installed.to_owned()
    } else {
        part("RECTO_TEST_RABBITMQ", "parts/rabbitmq")
    };
    assert!(
        root.join(server).is_file(),
        "no RabbitMQ in {}: run `make test-parts` first",
        root.display()
    );
    root
}

/// The first of three free ports in a row: for AMQP, for nodes and tools, for epmd.
fn free_ports() -> u16 {
    let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    for _ in 0..1000 {
        let span = u64::from(PORTS.end - PORTS.start) / 3;
        let random = RandomState::new().build_hasher().finish() % span;
        let port = PORTS.start + 3 * random as u16;
        if (port..port + 3).all(free) {
            return port;
        }
    }
    panic!("no three free ports in a row");
}

fn folder(root: &Path, port: u16, config: &[&str]) -> TempDir {
    let folder = tempfile::Builder::new()
        .prefix("recto-rabbit-")
        .tempdir()
        .unwrap();
    let write = |name: &str, text: &str, mode| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let own = format!(
        "listeners.tcp.default = 127.0.0.1:{port}\nloopback_users = none\ndefault_user = {USER}\n\
         default_pass = {PASSWORD}\nvm_memory_high_watermark.absolute = 1GB\n\
         disk_free_limit.absolute = 50MB\nlog.console = false\n"
    );
    write("rabbitmq.conf", &(own + &config.join("\n") + "\n"), 0o600);
    write("advanced.config", IMPATIENT, 0o600);
    write("enabled_plugins", "[].\n", 0o600);
    write(
        "home/.erlang.cookie",
        &format!("RECTO{:X}", RandomState::new().build_hasher().finish()),
        0o400,
    );
    write("bin/erl", &erl(root), 0o700);
    for name in ["data", "log"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    folder
}

/// `erl` for an Erlang that is not where it was made for: its own script has the path in it.
fn erl(root: &Path) -> String {
    let (erlang, bin) = (root.join("usr/lib/erlang"), erts(root));
    format!(
        "#!/bin/sh\nexport ROOTDIR='{}' BINDIR='{}' EMU=beam PROGNAME=erl\nexec \"$BINDIR/erlexec\" \"$@\"\n",
        erlang.display(),
        bin.display()
    )
}

/// Erlang's folder with the emulator, `erts-VERSION/bin`.
fn erts(root: &Path) -> PathBuf {
    let entries = fs::read_dir(root.join("usr/lib/erlang")).unwrap();
    let mut names = entries.map(|entry| entry.unwrap().path());
    let found = names.find(|path| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("erts-")
    });
    found.expect("an Erlang has an erts folder").join("bin")
}

/// Erlang's port mapper, in the foreground: the broker would leave its own behind.
fn epmd(root: &Path, folder: &Path, port: u16) -> Child {
    let mut command = Command::new(erts(root).join("epmd"));
    command.args(["-port", &port.to_string(), "-address", "127.0.0.1"]);
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut epmd = command.spawn().unwrap();
    let deadline = Instant::now() + STOP_DEADLINE;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
        && epmd.try_wait().unwrap().is_none()
    {
        assert!(Instant::now() < deadline, "epmd did not start");
        thread::sleep(Duration::from_millis(5));
    }
    epmd
}
