use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;
use crate::document::manifest::hex;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub on loopback, with the paths that the real one has.
struct StandIn {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Files by name: what the hub says their SHA-256 is, and what it sends.
type RemoteFiles = BTreeMap<&'static str, (String, Vec<u8>)>;

fn files(all: &[(&'static str, &str)]) -> RemoteFiles {
    let file = |(name, text): &(&'static str, &str)| {
        let named = hex(&Sha256::digest(text.as_bytes()));
        (*name, (named, text.as_bytes().to_vec()))
    };
    all.iter().map(file).collect()
}

fn tiny() -> RemoteFiles {
    files(&[
        ("README.md", "a model"),
        ("config.json", "{}"),
        ("generation_config.json", "{}"),
        ("model.safetensors", "weights"),
        ("preprocessor_config.json", "{}"),
        ("pytorch_model.bin", "never asked for"),
        ("tokenizer.json", "{\"tokens\": []}"),
    ])
}

impl StandIn {
    fn start(files: RemoteFiles) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (asked, ending) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (log, stop) = (Arc::clone(&asked), Arc::clone(&ending));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                answer(&mut stream.unwrap(), &files, &log);
            }
        });
        Self {
            address,
            asked,
            ending,
            thread: Some(thread),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn answer(stream: &mut TcpStream, files: &RemoteFiles, log: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(request)) = lines.next() else {
        return;
    };
    let path = request.split(' ').nth(1).unwrap().to_owned();
    let headers: Vec<String> = lines
        .map(Result::unwrap)
        .take_while(|l| !l.is_empty())
        .collect();
    let header = |name: &str| {
        headers.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    let token = header("authorization").map_or(String::new(), |token| format!(" {token}"));
    log.lock().unwrap().push(format!("{path}{token}"));
    let name = path.rsplit('/').next().unwrap();
    if path == "/api/models/org/tiny/revision/main" {
        let all: Vec<_> = files
            .keys()
            .map(|name| serde_json::json!({"rfilename": name}))
            .collect();
        let body = serde_json::json!({"sha": COMMIT, "siblings": all}).to_string();
        let length = body.len();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").unwrap();
    } else if let (Some((named, bytes)), true) = (
        files.get(name),
        path == format!("/org/tiny/resolve/{COMMIT}/{name}"),
    ) {
        let range = header("range").unwrap();
        let (from, to) = range
            .strip_prefix("bytes=")
            .unwrap()
            .split_once('-')
            .unwrap();
        let (from, last) = (from.parse::<usize>().unwrap(), bytes.len() - 1);
        let to = to.parse::<usize>().unwrap_or(last).min(last);
        let part = &bytes[from..=to];
        let (length, size) = (part.len(), bytes.len());
        write!(stream, "HTTP/1.1 206 Partial Content\r\netag: \"{named}\"\r\nx-repo-commit: {COMMIT}\r\ncontent-range: bytes {from}-{to}/{size}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n").unwrap();
        stream.write_all(part).unwrap();
    } else {
        write!(
            stream,
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
    }
}

fn hub(home: &TempDir, endpoint: &str, more: &[(&str, &str)]) -> HubClient {
    let home = home.path().to_str().unwrap().to_owned();
    let endpoint = format!("http://{endpoint}/");
    HubClient::new(|name| match name {
        "HF_HOME" => Some(home.clone()),
        "HF_ENDPOINT" => Some(endpoint.clone()),
        _ => more
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned()),
    })
    .unwrap()
}

fn id(text: &str) -> ModelId {
    text.parse().unwrap()
}

#[test]
fn names_of_the_hub_are_told_from_everything_else() {
    for (text, name, revision) in [
        ("org/tiny", "org/tiny", "main"),
        (
            "stepfun-ai/GOT-OCR-2.0-hf@v1",
            "stepfun-ai/GOT-OCR-2.0-hf",
            "v1",
        ),
        ("org/tiny@refs/pr/3", "org/tiny", "refs/pr/3"),
    ] {
        assert_eq!(
            id(text),
            ModelId {
                name: name.to_owned(),
                revision: revision.to_owned()
            }
        );
    }
    for text in [
        "tiny",
        "/org/tiny",
        "./tiny",
        "../tiny",
        "a/b/c",
        "org/tiny@",
        "org/tiny@a/../b",
        "org/t y",
        "",
    ] {
        assert_eq!(text.parse::<ModelId>(), Err(()), "{text}");
    }
}

#[test]
fn what_is_needed_is_downloaded_and_the_second_time_nothing_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let server = StandIn::start(tiny());
    let hub = hub(&home, &server.address, &[("HF_TOKEN", "hush")]);
    let folder = hub
        .folder(&id("org/tiny"), ProgressReporter::Nobody)
        .unwrap();
    assert_eq!(
        fs::read_to_string(folder.join("model.safetensors")).unwrap(),
        "weights"
    );
    assert_eq!(commit(&folder).as_deref(), Some(COMMIT), "of a branch too");
    assert_eq!(commit(home.path()), None);
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let wanted = [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "tokenizer.json",
    ];
    assert_eq!(names, wanted);
    let asked = server.asked();
    assert!(
        asked.iter().all(|line| line.ends_with(" Bearer hush")),
        "{asked:?}"
    );
    assert!(
        asked.last().unwrap().contains("model.safetensors"),
        "the weights come last: {asked:?}"
    );
    drop(server);
    assert_eq!(
        hub.folder(&id("org/tiny"), ProgressReporter::Nobody)
            .unwrap(),
        folder
    );
    let by_commit = id(&format!("org/tiny@{COMMIT}"));
    assert_eq!(
        hub.folder(&by_commit, ProgressReporter::Nobody).unwrap(),
        folder
    );
}

#[test]
fn weights_in_several_files_are_found_by_their_index() {
    let home = tempfile::tempdir().unwrap();
    let server = StandIn::start(files(&[
        ("config.json", "{}"),
        ("qwen.tiktoken", "IQ== 0"),
        (
            "model.safetensors.index.json",
            r#"{"weight_map": {"a": "one.safetensors", "b": "two.safetensors", "c": "one.safetensors"}}"#,
        ),
        ("one.safetensors", "1"),
        ("two.safetensors", "2"),
    ]));
    let hub = hub(&home, &server.address, &[]);
    let folder = hub
        .folder(&id("org/tiny"), ProgressReporter::Nobody)
        .unwrap();
    assert_eq!(
        fs::read_to_string(folder.join("two.safetensors")).unwrap(),
        "2"
    );
    fs::remove_file(folder.join("one.safetensors")).unwrap();
    assert_eq!(hub.cached(&id("org/tiny")), None);
    assert_eq!(
        hub.folder(&id("org/tiny"), ProgressReporter::Nobody)
            .unwrap(),
        folder
    );
}

#[test]
fn a_download_that_broke_off_is_gone_on_with() {
    let home = tempfile::tempdir().unwrap();
    let server = StandIn::start(tiny());
    let hub = hub(&home, &server.address, &[]);
    let named = hex(&Sha256::digest(b"weights"));
    let blobs = hub.cache.path().join("models--org--tiny/blobs");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(format!("{named}.part")), "weig").unwrap();
    let folder = hub
        .folder(&id("org/tiny"), ProgressReporter::Nobody)
        .unwrap();
    assert_eq!(
        fs::read_to_string(folder.join("model.safetensors")).unwrap(),
        "weights"
    );
}

#[test]
fn what_is_not_as_it_should_be_is_not_taken() {
    let refused = |files: RemoteFiles| {
        let home = tempfile::tempdir().unwrap();
        let server = StandIn::start(files);
        let hub = hub(&home, &server.address, &[]);
        let error = format!(
            "{:#}",
            hub.folder(&id("org/tiny"), ProgressReporter::Nobody)
                .unwrap_err()
        );
        assert_eq!(hub.cached(&id("org/tiny")), None);
        error
    };
    let mut changed = tiny();
    changed.get_mut("model.safetensors").unwrap().1 = b"rubbish".to_vec();
    let error = refused(changed);
    assert!(
        error.contains("model.safetensors: what came does not have the SHA-256"),
        "{error}"
    );

    let mut older = tiny();
    older.remove("model.safetensors");
    let error = refused(older);
    assert!(
        error.contains("no model.safetensors; weights in other formats"),
        "{error}"
    );

    let error = refused(files(&[
        ("config.json", "{}"),
        ("tokenizer.json", "{}"),
        (
            "model.safetensors.index.json",
            r#"{"weight_map": {"a": "../../../escape"}}"#,
        ),
    ]));
    assert!(error.contains("outside the model"), "{error}");
}

#[test]
fn a_model_that_cannot_be_had_says_what_to_put_where() {
    let home = tempfile::tempdir().unwrap();
    let server = StandIn::start(tiny());
    let address = server.address.clone();
    let missing = hub(&home, &address, &[]).folder(&id("org/other"), ProgressReporter::Nobody);
    drop(server);
    let gone = hub(&home, &address, &[]).folder(&id("org/tiny"), ProgressReporter::Nobody);
    for error in [missing, gone] {
        let error = format!("{:#}", error.unwrap_err());
        for part in [
            address.as_str(),
            "HF_TOKEN",
            "config.json",
            "model.safetensors.index.json",
            "--got-model",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}

#[test]
fn offline_nothing_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let server = StandIn::start(tiny());
    let offline = hub(&home, &server.address, &[("HF_HUB_OFFLINE", "1")]);
    let error = offline
        .folder(&id("org/tiny"), ProgressReporter::Nobody)
        .unwrap_err();
    assert!(
        format!("{error:#}").contains(": HF_HUB_OFFLINE is set; "),
        "{error:#}"
    );
    assert_eq!(server.asked(), [""; 0]);
}

#[test]
fn the_cache_is_where_the_variables_say() {
    let of = |set: &[(&str, &str)]| {
        let find = |name: &str| {
            set.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        HubClient::new(find).map(|hub| hub.cache.path().to_str().unwrap().to_owned())
    };
    let home = ("HOME", "/home/me");
    assert_eq!(of(&[home]).unwrap(), "/home/me/.cache/huggingface/hub");
    assert_eq!(
        of(&[home, ("XDG_CACHE_HOME", "/c")]).unwrap(),
        "/c/huggingface/hub"
    );
    assert_eq!(of(&[home, ("HF_HOME", "/h")]).unwrap(), "/h/hub");
    assert_eq!(
        of(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/k")]).unwrap(),
        "/k"
    );
    assert_eq!(
        of(&[("HF_HOME", "/h"), ("HUGGINGFACE_HUB_CACHE", "/k")]).unwrap(),
        "/k"
    );
    assert!(of(&[("HOME", "")]).is_err());
}

#[test]
fn a_folder_wins_over_the_hub() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let found = checkpoint(path, ProgressReporter::Nobody).unwrap();
    assert_eq!(
        found,
        Checkpoint {
            folder: folder.path().to_owned(),
            name: None,
            revision: None,
        }
    );
    let error = checkpoint("no-such-folder", ProgressReporter::Nobody).unwrap_err();
    assert!(
        error.to_string().contains("there is no such folder"),
        "{error}"
    );
}

#[test]
fn a_hub_that_names_files_outside_the_cache_writes_nothing() {
    for named in [
        "../../../../escaped",
        "/ABSOLUTE/escaped",
        "security/pwned/.bashrc",
        ".hidden",
        "W/../x",
        "",
    ] {
        let home = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let mut hostile = tiny();
        let absolute = outside.path().to_str().unwrap();
        hostile.get_mut("config.json").unwrap().0 = named.replace("/ABSOLUTE", absolute);
        let server = StandIn::start(hostile);
        let hub = hub(&home, &server.address, &[]);
        let error = hub
            .folder(&id("org/tiny"), ProgressReporter::Nobody)
            .unwrap_err();
        assert!(
            format!("{error:#}").contains("config.json: the hub names its content by something"),
            "{error:#}"
        );
        assert_eq!(all_files(home.path()), [""; 0], "{named}");
        assert_eq!(all_files(outside.path()), [""; 0], "{named}");
    }
}

/// The files below a folder.
fn all_files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(all_files(&path)),
            false => found.push(path.to_string_lossy().into_owned()),
        }
    }
    found
}

#[test]
fn a_hub_elsewhere_is_asked_through_tls_alone() {
    let home = tempfile::tempdir().unwrap();
    for address in ["hub.example", "192.0.2.1:8080", "127.0.0.1.hub.example"] {
        let error = hub(&home, address, &[])
            .folder(&id("org/tiny"), ProgressReporter::Nobody)
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("HF_ENDPOINT must begin with https://"),
            "{error}"
        );
    }
}
