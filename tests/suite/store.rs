//! `recto convert` from and to an object store: a real one, and one with a bad connection before it.

use std::{
    net::SocketAddr,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use recto_schemas::{DocumentState, Manifest, RunReport};

use crate::support::{objects::SeaweedServer, pdf, proxy::TcpProxy, recto, seen};

fn letter(word: &str) -> Vec<u8> {
    pdf::with_pages(&[
        &pdf::text(&["Dear Mrs. Aldous,", &format!("the {word} have come back.")]),
        &pdf::text(&["Yours, the binder"]),
    ])
}

/// `recto convert ARGUMENTS…` with the store at an address.
fn command(weed: &SeaweedServer, address: SocketAddr, arguments: &[&str]) -> Command {
    let mut command = recto();
    command.arg("convert").args(arguments);
    weed.env_at(&mut command, address);
    command
}

fn convert(weed: &SeaweedServer, arguments: &[&str]) -> Output {
    let mut command = recto();
    weed.env(&mut command);
    command.arg("convert").args(arguments).output().unwrap()
}

fn manifest(weed: &SeaweedServer, key: &str) -> Manifest {
    let object = weed.get("texts", key).unwrap();
    assert_eq!(object.content_type, "application/json");
    serde_json::from_slice(&object.bytes).unwrap()
}

fn text(weed: &SeaweedServer, key: &str) -> String {
    String::from_utf8(weed.get("texts", key).unwrap().bytes).unwrap()
}

#[test]
fn a_document_goes_from_bucket_to_bucket_with_all_its_files() {
    let weed = SeaweedServer::start();
    weed.create_bucket("scans");
    weed.create_bucket("texts");
    // So many pages that the review page has its images beside it.
    let page = pdf::text(&["Dear Mrs. Aldous,", "the registers have come back."]);
    let source = pdf::with_pages(&[page.as_str(); 51]);
    let key = "box 7/registers #2 ж.pdf";
    weed.put("scans", key, &source);
    let uri = format!("s3://scans/{key}");
    let output = convert(&weed, &[&uri, "-o", "s3://texts/run 1/", "--html"]);
    assert!(output.status.success(), "{}", seen(&output));

    let name = "run 1/registers #2 ж";
    let mut wanted: Vec<String> = ["md", "pages.jsonl", "html", "json"]
        .map(|ending| format!("{name}.{ending}"))
        .into();
    wanted.extend((1..=51).map(|page| format!("{name}.images/{page:04}.jpg")));
    wanted.sort();
    assert_eq!(weed.list("texts", ""), wanted);
    for (ending, content_type) in [
        (".md", "text/markdown; charset=utf-8"),
        (".pages.jsonl", "application/x-ndjson"),
        (".html", "text/html; charset=utf-8"),
        (".json", "application/json"),
        (".images/0001.jpg", "image/jpeg"),
    ] {
        let object = weed.get("texts", &format!("{name}{ending}")).unwrap();
        assert_eq!(object.content_type, content_type, "{ending}");
    }
    assert!(text(&weed, &format!("{name}.md")).contains("registers have come back"));

    let manifest = manifest(&weed, &format!("{name}.json"));
    assert_eq!(manifest.state, DocumentState::Done);
    assert_eq!(manifest.source.uri, uri);
    assert_eq!(manifest.source.bytes, Some(source.len() as u64));
    let at = |key: &String| weed.get("texts", key).unwrap().modified;
    let last = at(&format!("{name}.json"));
    assert!(wanted.iter().all(|key| at(key) <= last));
}

#[test]
fn a_prefix_means_the_documents_below_it() {
    let weed = SeaweedServer::start();
    weed.create_bucket("scans");
    weed.create_bucket("texts");
    for key in ["a/one.pdf", "a/deep/two.PDF", "b/three.pdf"] {
        weed.put("scans", key, &letter(key));
    }
    weed.put("scans", "a/notes.txt", b"not a document");
    let output = convert(&weed, &["s3://scans/a/", "-o", "s3://texts"]);
    assert!(output.status.success(), "{}", seen(&output));
    let keys = weed.list("texts", "");
    let manifests: Vec<_> = keys.iter().filter(|key| key.ends_with(".json")).collect();
    assert_eq!(manifests, ["deep/two.PDF.json", "one.pdf.json", "run.json"]);
    let rows = text(&weed, "run.csv");
    assert!(
        rows.contains("s3://scans/a/notes.txt,,passed-over,.txt,"),
        "{rows}"
    );

    // What is done is not read again, but what has changed is.
    weed.put("scans", "a/one.pdf", &letter("another edition"));
    let output = convert(&weed, &["s3://scans/a/", "-o", "s3://texts"]);
    assert!(output.status.success(), "{}", seen(&output));
    let run: RunReport = serde_json::from_str(&text(&weed, "run.json")).unwrap();
    assert_eq!((run.files.done, run.files.skipped), (1, 1), "{run:?}");
    assert_eq!((run.pages.read, run.pages.skipped), (2, 2), "{run:?}");
    assert!(text(&weed, "one.pdf.md").contains("another edition"));

    let output = convert(&weed, &["s3://scans/c/", "-o", "s3://texts"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        seen(&output).contains("no documents in it"),
        "{}",
        seen(&output)
    );
}

#[test]
fn keys_with_any_character_are_found_and_read() {
    let weed = SeaweedServer::start();
    weed.create_bucket("scans");
    let keys = [
        "odd/a+b c.pdf",
        "odd/100%/half%20.pdf",
        "odd/tab\there.pdf",
        "odd/new\nline\u{1}.pdf",
        "odd/ж<&>\"'.pdf",
    ];
    for key in keys {
        weed.put("scans", key, &letter("registers"));
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let output = convert(&weed, &["s3://scans/odd/", "-o", out]);
    assert!(output.status.success(), "{}", seen(&output));
    for name in [
        "a+b c",
        "100%25/half%2520",
        "tab%09here",
        "new%0Aline%01",
        "ж<&>\"'",
    ] {
        let path = folder.path().join(format!("{name}.pdf.md"));
        assert!(path.is_file(), "{name}: {}", seen(&output));
    }
}

#[test]
fn an_endpoint_that_is_no_s3_is_not_taken_at_its_word() {
    let weed = SeaweedServer::start();
    weed.create_bucket("scans");
    weed.put("scans", "letter.pdf", &letter("registers"));
    let mut command = command(&weed, weed.filer_address(), &["s3://scans/letter.pdf"]);
    let output = command.env("RECTO_S3_ATTEMPTS", "1").output().unwrap();
    let seen = seen(&output);
    assert_eq!(output.status.code(), Some(1), "{seen}");
    assert!(seen.contains("the answer is not S3's: HTTP 404"), "{seen}");
}

#[test]
fn what_cannot_be_fetched_says_why_and_the_rest_goes_on() {
    let weed = SeaweedServer::start();
    weed.create_bucket("scans");
    weed.create_bucket("texts");
    weed.put("scans", "here.pdf", &letter("books"));
    let inputs = [
        "s3://scans/gone.pdf",
        "s3://scans/here.pdf",
        "s3://nowhere/x.pdf",
    ];
    let output = convert(&weed, &[&inputs[..], &["-o", "s3://texts/p"]].concat());
    let seen = seen(&output);
    assert_eq!(output.status.code(), Some(1), "{seen}");
    assert!(
        seen.contains("s3://scans/gone.pdf: no such object"),
        "{seen}"
    );
    assert!(
        seen.contains("s3://nowhere/x.pdf: no such bucket"),
        "{seen}"
    );
    let kind = |key| {
        manifest(&weed, key)
            .failure
            .map(|failure| failure.kind.as_str())
    };
    assert_eq!(kind("p/gone.json"), Some("no-such-object"));
    assert_eq!(kind("p/here.json"), None);
    weed.delete("scans", "here.pdf");
    let output = convert(&weed, &["s3://scans/here.pdf"]);
    assert_eq!(
        output.status.code(),
        Some(1),
        "without -o it is read all the same"
    );
    weed.put("scans", "here.pdf", &letter("books"));

    let small = [
        "--max-document-size",
        "100B",
        "s3://scans/here.pdf",
        "-o",
        "s3://texts/q",
    ];
    assert_eq!(convert(&weed, &small).status.code(), Some(1));
    assert_eq!(
        kind("q/here.json"),
        Some("document-too-large"),
        "the limit holds for objects as for files"
    );
}

#[test]
fn a_store_that_cannot_be_used_is_said_before_the_work() {
    let weed = SeaweedServer::start();
    weed.create_bucket("texts");
    let arguments = ["missing.pdf", "-o", "s3://texts/"];
    let run = |change: &dyn Fn(&mut Command)| {
        let mut command = command(&weed, weed.address(), &arguments);
        change(&mut command);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", seen(&output));
        seen(&output)
    };
    let wrong_secret = run(&|command| {
        command.env("AWS_SECRET_ACCESS_KEY", "hunter2");
    });
    assert!(
        wrong_secret.contains("s3://texts/: the store does not accept the credentials")
            && wrong_secret.contains("check key, secret and clock"),
        "{wrong_secret}"
    );
    assert!(!wrong_secret.contains("hunter2"), "{wrong_secret}");
    let by_flag = run(&|command| {
        let endpoint = weed.endpoint().replace("http", "ftp");
        command.args(["--s3-endpoint", &endpoint]);
    });
    assert!(by_flag.contains("neither http nor https"), "{by_flag}");
    let none = run(&|command| {
        command.env_remove("AWS_ACCESS_KEY_ID");
    });
    assert!(
        none.contains("no credentials found") && none.contains("set AWS_ACCESS_KEY_ID"),
        "{none}"
    );
    let nobody = run(&|command| {
        command
            .env("RECTO_S3_ENDPOINT", "http://127.0.0.1:9")
            .env("RECTO_S3_ATTEMPTS", "1");
    });
    assert!(
        nobody.contains("the store cannot be used at the moment"),
        "{nobody}"
    );
    let authority = run(&|command| {
        command.env("RECTO_S3_CA_FILE", "/dev/null");
    });
    assert!(authority.contains("no certificate in it"), "{authority}");
}

#[test]
fn a_store_that_is_busy_for_a_while_costs_nothing_but_time() {
    let weed = SeaweedServer::start();
    let proxy = TcpProxy::start(weed.address());
    weed.create_bucket("scans");
    weed.create_bucket("texts");
    weed.put("scans", "letter.pdf", &letter("registers"));
    proxy.answer_503();
    let child = command(
        &weed,
        proxy.address(),
        &["s3://scans/letter.pdf", "-o", "s3://texts/"],
    )
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    wait_for(|| proxy.refused() >= 2);
    proxy.pass();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", seen(&output));
    assert!(text(&weed, "letter.md").contains("the registers have come back."));
}

#[test]
fn a_download_that_breaks_is_taken_up_again() {
    let weed = SeaweedServer::start();
    let proxy = TcpProxy::start(weed.address());
    weed.create_bucket("scans");
    weed.create_bucket("texts");
    // What follows the end of a PDF is not read, but it is fetched.
    let mut source = letter("registers");
    source.extend((0..400_000_u32).flat_map(|number| number.to_le_bytes()));
    weed.put("scans", "letter.pdf", &source);
    proxy.slow(1_000_000);
    let child = command(
        &weed,
        proxy.address(),
        &[
            "s3://scans/letter.pdf",
            "-o",
            "s3://texts/",
            "--text-layer",
            "always",
        ],
    )
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    wait_for(|| proxy.carried_down() > 500_000);
    proxy.drop_connections();
    proxy.pass();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", seen(&output));
    let manifest = manifest(&weed, "letter.json");
    assert_eq!(manifest.source.bytes, Some(source.len() as u64));
    assert!(
        proxy.carried_down() < source.len() as u64 * 3 / 2,
        "it went on where it broke"
    );
}

fn wait_for(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came");
        thread::sleep(Duration::from_millis(10));
    }
}
