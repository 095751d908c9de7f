//! Real object stores for one test: SeaweedFS or moto on loopback, in a folder that goes away with them.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    ops::Deref,
    path::PathBuf,
    process::{self, Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use aws_sdk_s3::{
    Client,
    config::{
        BehaviorVersion, Credentials, Region, RequestChecksumCalculation,
        ResponseChecksumValidation,
    },
    primitives::ByteStream,
    types::{Event, NotificationConfiguration, QueueConfiguration},
};
use aws_sdk_sqs::types::QueueAttributeName;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

pub const KEY: &str = "recto-key";
pub const SECRET: &str = "recto-secret";

/// S3, master, volume, filer and admin, each with its gRPC port. The last listens even if its pages
/// are off.
const PORTS: usize = 10;

/// A start takes about a second; a busy machine is given this long.
const START_WITHIN: Duration = Duration::from_secs(60);

/// Ports that another test takes first are tried again this often.
const STARTS: usize = 5;

/// SeaweedFS of a test's own, and a client of it.
pub struct SeaweedServer {
    child: Child,
    ports: [u16; PORTS],
    folder: TempDir,
    store: StoreClient,
}

/// Moto's server, which plays AWS, of a test's own, and a client of it.
pub struct MotoServer {
    child: Child,
    folder: TempDir,
    store: StoreClient,
}

/// A client of a store on loopback.
pub struct StoreClient {
    port: u16,
    runtime: Runtime,
    client: Client,
}

/// An object as the store has it.
#[derive(Debug)]
pub struct StoredObject {
    pub bytes: Vec<u8>,
    pub content_type: String,
    pub etag: String,
    pub modified: aws_sdk_s3::primitives::DateTime,
}

impl SeaweedServer {
    /// Starts an empty store and waits until it answers.
    pub fn start() -> Self {
        for _ in 0..STARTS {
            if let Some(weed) = Self::try_start() {
                return weed;
            }
        }
        panic!("weed ended early {STARTS} times; see its words above");
    }

    /// `None` if the process ended by itself: another test had taken one of the ports.
    fn try_start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let ports = free_ports();
        let child = spawn(&folder, ports);
        let mut weed = Self {
            child,
            ports,
            folder,
            store: StoreClient::new(ports[0]),
        };
        let begun = Instant::now();
        while !answers(weed.address()) {
            if weed.child.try_wait().unwrap().is_some() {
                eprintln!("{}", weed.log());
                return None;
            }
            assert!(
                begun.elapsed() < START_WITHIN,
                "weed does not answer:\n{}",
                weed.log()
            );
            thread::sleep(Duration::from_millis(50));
        }
        Some(weed)
    }

    /// Address of its filer, which answers HTTP and is no S3.
    pub fn filer_address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports[6]).into()
    }

    fn log(&self) -> String {
        log_in(&self.folder)
    }
}

impl MotoServer {
    /// Starts an empty store and waits until it answers.
    pub fn start() -> Self {
        for _ in 0..STARTS {
            let folder = tempfile::tempdir().unwrap();
            let [port] = free_ports();
            let log = fs::File::create(folder.path().join("log")).unwrap();
            let program = super::part("RECTO_TEST_MOTO", "parts/moto/moto-server");
            let child = Command::new(&program)
                .args(["-H", "127.0.0.1", "-p", &port.to_string()])
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap_or_else(|error| {
                    panic!("{}: {error}: run `make test-parts`", program.display())
                });
            let mut moto = Self {
                child,
                folder,
                store: StoreClient::new(port),
            };
            let begun = Instant::now();
            while !answers(moto.address()) && moto.child.try_wait().unwrap().is_none() {
                assert!(
                    begun.elapsed() < START_WITHIN,
                    "moto does not answer:\n{}",
                    log_in(&moto.folder)
                );
                thread::sleep(Duration::from_millis(50));
            }
            if moto.child.try_wait().unwrap().is_none() {
                return moto;
            }
            eprintln!("{}", log_in(&moto.folder));
        }
        panic!("moto ended early {STARTS} times; see its words above");
    }
}

impl StoreClient {
    fn new(port: u16) -> Self {
        Self {
            port,
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
            client: client(port),
        }
    }

    /// Address at which it listens for S3.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Tells `recto` how to reach it, and nothing of the user's own settings.
    pub fn env(&self, command: &mut Command) {
        self.env_at(command, self.address());
    }

    /// The same by way of another address: a proxy's.
    pub fn env_at(&self, command: &mut Command, address: SocketAddr) {
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("RECTO_S3_ENDPOINT", format!("http://{address}"))
            .env("RECTO_S3_REGION", "us-east-1")
            .env("RECTO_S3_PATH_STYLE", "on");
    }

    pub fn create_bucket(&self, bucket: &str) {
        let create = self.client.create_bucket().bucket(bucket);
        self.runtime.block_on(create.send()).unwrap();
    }

    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let put = self.client.put_object().bucket(bucket).key(key);
        let put = put.body(ByteStream::from(bytes.to_vec()));
        self.runtime.block_on(put.send()).unwrap();
    }

    /// `None` if there is none.
    pub fn get(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        let get = self.client.get_object().bucket(bucket).key(key);
        self.runtime.block_on(async {
            let answer = match get.send().await {
                Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => {
                    return None;
                }
                answer => answer.unwrap(),
            };
            Some(StoredObject {
                content_type: answer.content_type.unwrap_or_default(),
                etag: answer.e_tag.unwrap_or_default(),
                modified: answer.last_modified.unwrap(),
                bytes: answer.body.collect().await.unwrap().to_vec(),
            })
        })
    }

    /// Every key that begins with `prefix`, in order.
    pub fn list(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let list = self.client.list_objects_v2().bucket(bucket).prefix(prefix);
        let mut pages = list.into_paginator().send();
        self.runtime.block_on(async {
            let mut keys = Vec::new();
            while let Some(page) = pages.next().await {
                let objects = page.unwrap().contents.unwrap_or_default();
                keys.extend(objects.into_iter().filter_map(|object| object.key));
            }
            keys
        })
    }

    pub fn delete(&self, bucket: &str, key: &str) {
        let delete = self.client.delete_object().bucket(bucket).key(key);
        self.runtime.block_on(delete.send()).unwrap();
    }
}

impl MotoServer {
    fn queues(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(self.endpoint())
            .region(aws_sdk_sqs::config::Region::new("us-east-1"))
            .credentials_provider(Credentials::new(KEY, SECRET, None, None, "test"))
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    }

    /// Makes a queue of SQS and has a bucket send its events there; gives the queue's address.
    pub fn queue_of(&self, bucket: &str) -> String {
        let queues = self.queues();
        let arn = "arn:aws:sqs:us-east-1:123456789012:events";
        let queue = QueueConfiguration::builder()
            .queue_arn(arn)
            .events(Event::from("s3:ObjectCreated:*"))
            .events(Event::from("s3:ObjectRemoved:*"))
            .build();
        let configuration = NotificationConfiguration::builder()
            .queue_configurations(queue.unwrap())
            .build();
        let configure = self.client.put_bucket_notification_configuration();
        let configure = configure
            .bucket(bucket)
            .notification_configuration(configuration);
        self.runtime.block_on(async {
            let made = queues.create_queue().queue_name("events").send().await;
            configure.send().await.unwrap();
            made.unwrap().queue_url.unwrap()
        })
    }

    /// Number of messages in the queue that are neither taken nor deleted, and of those that are taken.
    pub fn messages(&self, queue_url: &str) -> (u64, u64) {
        let asked = self
            .queues()
            .get_queue_attributes()
            .queue_url(queue_url)
            .attribute_names(QueueAttributeName::All);
        let answer = self.runtime.block_on(asked.send()).unwrap();
        let of = |name| answer.attributes().unwrap()[&name].parse().unwrap();
        (
            of(QueueAttributeName::ApproximateNumberOfMessages),
            of(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
        )
    }
}

impl Deref for SeaweedServer {
    type Target = StoreClient;

    fn deref(&self) -> &StoreClient {
        &self.store
    }
}

impl Deref for MotoServer {
    type Target = StoreClient;

    fn deref(&self) -> &StoreClient {
        &self.store
    }
}

impl Drop for MotoServer {
    fn drop(&mut self) {
        // Its data is in its memory. It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log_in(folder: &TempDir) -> String {
    fs::read_to_string(folder.path().join("log")).unwrap_or_default()
}

impl Drop for SeaweedServer {
    fn drop(&mut self) {
        // The data goes too, so nothing is lost by not asking first. It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for entry in fs::read_dir("/tmp").into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let own = |port: &u16| name.ends_with(&format!("-{port}.sock"));
            if name.starts_with("seaweedfs-") && self.ports.iter().any(own) {
                // Another test cannot want it: it is named after a port of this one.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn spawn(folder: &TempDir, ports: [u16; PORTS]) -> Child {
    let path = |name: &str| folder.path().join(name);
    let users = format!(
        r#"{{"identities":[{{"name":"recto","credentials":[{{"accessKey":"{KEY}","secretKey":"{SECRET}"}}],
        "actions":["Admin","Read","Write","List","Tagging"]}}]}}"#
    );
    fs::write(path("s3.json"), users).unwrap();
    fs::create_dir(path("data")).unwrap();
    let log = fs::File::create(path("log")).unwrap();
    let names = [
        "s3.port",
        "s3.port.grpc",
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
        "admin.port",
        "admin.port.grpc",
    ];
    Command::new(program())
        .args([
            "-logtostderr=true",
            "mini",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
        ])
        // It would tell its makers that it runs.
        .args([
            "-master.telemetry=false",
            "-admin.ui=false",
            "-webdav=false",
        ])
        .args(["-s3.port.iceberg=0", "-s3.port.lance=0"])
        .arg(format!("-dir={}", path("data").display()))
        .arg(format!("-s3.config={}", path("s3.json").display()))
        .args(
            names
                .iter()
                .zip(ports)
                .map(|(name, port)| format!("-{name}={port}")),
        )
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn program() -> PathBuf {
    let path = super::part("RECTO_TEST_WEED", "parts/seaweedfs/weed");
    assert!(
        path.is_file(),
        "{} is not there: run `make test-parts`",
        path.display()
    );
    path
}

/// Ports that nothing listens on, below those that the system gives to outgoing connections.
fn free_ports<const NUMBER: usize>() -> [u16; NUMBER] {
    let nanos = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    let start = u64::from(process::id()) * 7919 + u64::from(nanos / 1000);
    let mut candidates = (0..).map(|step: u64| 12_000 + ((start + step * 37) % 20_000) as u16);
    let mut held = Vec::new();
    while held.len() < NUMBER {
        let port = candidates.next().unwrap();
        held.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
    }
    std::array::from_fn(|index| held[index].local_addr().unwrap().port())
}

/// Returns true if S3 answers at all: 403, since nobody has signed.
fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let mut status = [0; 12];
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .and_then(|()| stream.read_exact(&mut status))
        .is_ok_and(|()| matches!(&status, b"HTTP/1.1 403" | b"HTTP/1.1 200"))
}

fn client(port: u16) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(KEY, SECRET, None, None, "test"))
        .force_path_style(true)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .build();
    Client::from_conf(config)
}
