//! A broker, a store and workers between them, as in production but small and quick to give up.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use recto_schemas::{DeadLetter, Job, JobResult, JobSource, Manifest, Options, TextLayer};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    amqp::AmqpClient, objects::SeaweedServer, pdf, rabbit::RabbitServer, recto, wait_until,
};

/// The bucket of documents and the bucket of results.
pub const DOCUMENTS: &str = "documents";
pub const RESULTS: &str = "results";

/// A broker and a store with empty buckets.
pub struct TestCluster {
    pub rabbit: RabbitServer,
    pub store: SeaweedServer,
    folder: TempDir,
}

/// A running `recto worker`.
pub struct WorkerProcess {
    child: Child,
    log: PathBuf,
}

/// The end of every input: result or dead letter.
#[derive(Debug, Default)]
pub struct JobAccounts {
    pub results: BTreeMap<String, JobResult>,
    pub dead: BTreeMap<String, DeadLetter>,
    /// Messages of both kinds; results may come more than once.
    pub messages: usize,
}

impl TestCluster {
    /// Starts both.
    pub fn start() -> Self {
        Self::with(RabbitServer::start())
    }

    /// Starts a store beside a broker.
    pub fn with(rabbit: RabbitServer) -> Self {
        let store = SeaweedServer::start();
        for bucket in [DOCUMENTS, RESULTS] {
            store.create_bucket(bucket);
        }
        Self {
            rabbit,
            store,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// `recto COMMAND`, told of broker and store, impatient.
    pub fn recto(&self, command: &str) -> Command {
        let mut recto = recto();
        recto.arg(command);
        self.store.env(&mut recto);
        recto.env("RECTO_AMQP_URL", self.rabbit.url());
        recto.env("RECTO_RETRY_DELAYS", "300ms,600ms,1s");
        recto.env("RECTO_AMQP_HEARTBEAT", "5s");
        recto.env("RECTO_S3_TIMEOUT", "5s");
        recto.env("RECTO_S3_ATTEMPTS", "2");
        recto
    }

    /// `recto worker`, not started yet.
    pub fn worker_command(&self) -> Command {
        let mut worker = self.recto("worker");
        worker.env("RECTO_ADMIN_ADDRESS", "127.0.0.1:0");
        worker.env("RECTO_SCRATCH_DIR", self.folder.path());
        worker.env("RECTO_LOG", "info,recto=debug");
        worker.env("RECTO_LOG_FORMAT", "json");
        worker.env("RECTO_JOBS", "2");
        worker
    }

    /// A worker that takes jobs.
    pub fn worker(&self) -> WorkerProcess {
        self.worker_with(|_| {})
    }

    /// A worker that takes jobs, set up otherwise.
    pub fn worker_with(&self, change: impl FnOnce(&mut Command)) -> WorkerProcess {
        let worker = self.spawn_worker(change);
        worker.wait_for("consuming jobs");
        worker
    }

    /// A worker that starts.
    pub fn spawn_worker(&self, change: impl FnOnce(&mut Command)) -> WorkerProcess {
        let mut command = self.worker_command();
        change(&mut command);
        self.spawn(command)
    }

    /// `recto serve` on a ledger, with its queue declared.
    pub fn serve(&self, ledger: &str) -> WorkerProcess {
        self.serve_with(ledger, |_| {})
    }

    /// `recto serve` on a ledger, set up otherwise.
    pub fn serve_with(&self, ledger: &str, change: impl FnOnce(&mut Command)) -> WorkerProcess {
        let mut command = self.recto("serve");
        command.env("RECTO_LEDGER", ledger);
        command.env("RECTO_LISTEN", "127.0.0.1:0");
        command.env("RECTO_LOST_AFTER", "12s");
        command.env("RECTO_LOG_FORMAT", "json");
        change(&mut command);
        let serve = self.spawn(command);
        serve.wait_for("taking events");
        serve
    }

    fn spawn(&self, command: Command) -> WorkerProcess {
        WorkerProcess::spawn(command, self.folder.path())
    }

    /// Workers' scratch directory.
    pub fn work_folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes the queues.
    pub fn declare(&self) {
        let output = self.recto("queues").arg("declare").output().unwrap();
        assert!(output.status.success(), "{}", super::seen(&output));
    }

    /// Stores a document and gives the job for it.
    pub fn document(&self, id: &str, bytes: &[u8]) -> Job {
        let key = format!("in/{id}.pdf");
        self.store.put(DOCUMENTS, &key, bytes);
        job(id, &format!("s3://{DOCUMENTS}/{key}"))
    }

    /// A document that is read in no time.
    pub fn quick(&self, id: &str) -> Job {
        self.document(
            id,
            &pdf::with_pages(&[&pdf::text(&[&format!("Letter {id}.")])]),
        )
    }

    /// A document that keeps the engine busy for some seconds.
    pub fn slow(&self, id: &str, pages: usize) -> Job {
        let lines: Vec<String> = (1..=10)
            .map(|line| format!("Line {line} of the register of {id}, copied by hand in 1921"))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let page = pdf::text(&lines);
        let mut job = self.document(id, &pdf::with_pages(&vec![page.as_str(); pages]));
        job.options.text_layer = TextLayer::Never;
        job.options.dpi = Some(72.try_into().unwrap());
        job
    }

    /// A document of many pages, each of which keeps the engine busy for a moment.
    pub fn long(&self, id: &str, pages: usize) -> Job {
        let pages: Vec<String> = (1..=pages)
            .map(|page| pdf::text(&[&format!("Folio {page}, the register of the year 1921")]))
            .collect();
        let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
        let mut job = self.document(id, &pdf::with_pages(&pages));
        job.options.text_layer = TextLayer::Never;
        job.options.dpi = Some(72.try_into().unwrap());
        job
    }

    /// Puts jobs into the queue.
    pub fn submit<'a>(&self, jobs: impl IntoIterator<Item = &'a Job>) {
        let client = self.rabbit.client();
        for job in jobs {
            client.publish("recto.jobs", &serde_json::to_vec(job).unwrap());
        }
    }

    /// Waits until so many jobs have ended, and shows that nothing else is left in any queue.
    pub fn accounts(&self, inputs: usize) -> JobAccounts {
        let mut accounts = JobAccounts::default();
        let client = self.rabbit.client();
        wait_until(
            &format!("{inputs} jobs have ended"),
            || {
                accounts.take(&client);
                accounts.ended() >= inputs
            },
            || accounts_so_far(&self.rabbit),
        );
        wait_until(
            "every queue is empty",
            || {
                accounts.take(&client);
                // A stream keeps its messages.
                let left = |(name, counts): &(String, super::rabbit::QueueCounts)| {
                    !name.ends_with(".orders") && counts.ready + counts.unacked > 0
                };
                !self.rabbit.queues().iter().any(left)
            },
            || accounts_so_far(&self.rabbit),
        );
        let both: Vec<&String> = accounts
            .results
            .keys()
            .filter(|id| accounts.dead.contains_key(*id))
            .collect();
        assert!(both.is_empty(), "with result and dead letter: {both:?}");
        assert_eq!(accounts.ended(), inputs, "inputs = results + dead letters");
        accounts
    }

    /// Every stored manifest, by key.
    pub fn manifests(&self) -> BTreeMap<String, Manifest> {
        let keys = self.store.list(RESULTS, "");
        let manifests = keys
            .into_iter()
            .filter(|key| key.ends_with("/document.json"));
        manifests
            .map(|key| {
                let object = self.store.get(RESULTS, &key).unwrap();
                (key, serde_json::from_slice(&object.bytes).unwrap())
            })
            .collect()
    }
}

fn accounts_so_far(rabbit: &RabbitServer) -> String {
    format!("{:?}", rabbit.queues())
}

impl JobAccounts {
    /// Jobs that have ended.
    pub fn ended(&self) -> usize {
        self.results.len() + self.dead.len()
    }

    /// Takes what waits in the queues of results and dead letters.
    pub fn take(&mut self, client: &AmqpClient) {
        for message in client.take_all("recto.results") {
            let result: JobResult = serde_json::from_slice(&message.body).unwrap();
            assert_eq!(message.id(), result.id, "the message has the job's id");
            self.messages += 1;
            self.results.insert(result.id.clone(), result);
        }
        for message in client.take_all("recto.jobs.dead") {
            let letter: DeadLetter =
                serde_json::from_slice(&message.body).unwrap_or_else(|error| {
                    panic!("{error}: {}", String::from_utf8_lossy(&message.body))
                });
            let id = letter.id.clone().unwrap_or_else(|| message.id());
            self.messages += 1;
            self.dead.insert(id, letter);
        }
    }
}

/// A job for a document, with its results in the bucket of results.
pub fn job(id: &str, uri: &str) -> Job {
    Job {
        pages: None,
        schema: Job::SCHEMA.to_owned(),
        id: id.to_owned(),
        source: JobSource {
            uri: uri.to_owned(),
            ..JobSource::default()
        },
        output: format!("s3://{RESULTS}/out"),
        options: Options::default(),
        engine: None,
        password: None,
        batch: None,
        labels: BTreeMap::new(),
        traceparent: None,
        submitted_at: None,
        priority: None,
        force: false,
    }
}

impl WorkerProcess {
    /// Starts a command with its log in a file of the folder.
    pub fn spawn(mut command: Command, folder: &Path) -> Self {
        let log = tempfile::Builder::new()
            .prefix("worker-")
            .suffix(".log")
            .tempfile_in(folder)
            .unwrap()
            .into_temp_path()
            .keep()
            .unwrap();
        let out = File::create(&log).unwrap();
        command.stdout(out.try_clone().unwrap()).stderr(out);
        Self {
            child: command.stdin(Stdio::null()).spawn().unwrap(),
            log,
        }
    }

    /// Its log so far, an event a line.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Events with that message.
    pub fn events(&self, message: &str) -> Vec<Value> {
        self.log()
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|event| {
                let said = event
                    .pointer("/fields/message")
                    .or_else(|| event.get("message"));
                said.and_then(Value::as_str) == Some(message)
            })
            .collect()
    }

    /// Waits for an event with that message.
    pub fn wait_for(&self, message: &str) {
        self.wait_for_times(message, 1);
    }

    /// Waits until there are so many events with that message.
    pub fn wait_for_times(&self, message: &str, times: usize) {
        wait_until(
            &format!("the worker says `{message}` {times} times"),
            || self.events(message).len() >= times,
            || self.log(),
        );
    }

    /// Documents that it has read itself, to the end.
    pub fn documents_read(&self) -> usize {
        let read = |event: &&Value| {
            event.pointer("/fields/read").or_else(|| event.get("read")) == Some(&Value::Bool(true))
        };
        self.events("job ended").iter().filter(read).count()
    }

    /// SIGKILL, as when a machine dies.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.child.wait().unwrap();
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        // It may have ended by itself; the test sees that by other means.
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        let _ = kill_process(pid.unwrap(), signal);
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let mut ended = None;
        wait_until(
            "the worker has ended",
            || {
                ended = self.child.try_wait().unwrap();
                ended.is_some()
            },
            String::new,
        );
        ended.unwrap()
    }

    /// SIGTERM; gives how it ended and after what time.
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        self.signal(Signal::TERM);
        (self.wait(), started.elapsed())
    }

    /// The answer of its admin port: status and body.
    pub fn ask(&self, path: &str) -> (u16, String) {
        let events = self.events("admin port");
        let event = events.first().expect("the admin port is open");
        let address = event
            .pointer("/fields/address")
            .or_else(|| event.get("address"))
            .and_then(Value::as_str)
            .unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: recto\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        (status, body)
    }

    /// The address of a service, `http://IP:PORT`.
    pub fn url(&self) -> String {
        self.wait_for("the service answers");
        let event = self.events("the service answers").remove(0);
        let address = event.pointer("/fields/address").or(event.get("address"));
        format!("http://{}", address.and_then(Value::as_str).unwrap())
    }

    /// A metric's value; the name is given with its labels.
    pub fn metric(&self, name: &str) -> f64 {
        let (_, body) = self.ask("/metrics");
        let line = body
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
            .unwrap_or_else(|| panic!("no metric {name} in:\n{body}"));
        line.parse().unwrap()
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- a worker's log\n{}", self.log());
        }
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}
