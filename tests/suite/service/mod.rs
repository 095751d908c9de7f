//! The HTTP service: documents in, Markdown out.

mod fleet;
mod keys;

use std::{fs, path::Path, process::Command};

use serde_json::json;

use crate::support::{
    cluster::WorkerProcess,
    eventually,
    http::{HttpAnswer, form, request},
    pdf, recto, repository, sample, seen,
};

/// `recto serve --local`, with a folder of its own.
pub fn local(folder: &Path, change: impl FnOnce(&mut Command)) -> WorkerProcess {
    let mut command = recto();
    command.args(["serve", "--local"]);
    command.arg(folder.join("recto"));
    command.args(["--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.env("RECTO_SCRATCH_DIR", folder);
    change(&mut command);
    WorkerProcess::spawn(command, folder)
}

pub fn page(text: &str) -> Vec<u8> {
    pdf::with_pages(&[&pdf::text(&[text])])
}

pub fn post(url: &str, headers: &[(&str, &str)], body: &[u8]) -> HttpAnswer {
    request("POST", url, headers, body).unwrap()
}

pub fn get(url: &str, headers: &[(&str, &str)]) -> HttpAnswer {
    request("GET", url, headers, b"").unwrap()
}

/// Asserts that an answer is a problem with this status, and gives what it says.
fn problem(answer: &HttpAnswer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    problem["detail"].as_str().unwrap().to_owned()
}

const PDF: (&str, &str) = ("content-type", "application/pdf");

#[test]
fn a_document_that_is_sent_comes_back_as_markdown_json_or_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let service = local(folder.path(), |_| {});
    let url = service.url();
    let documents = format!("{url}/v1/documents");

    let sent = post(
        &format!("{documents}?name=a%20b.pdf"),
        &[PDF],
        &page("Dear friend."),
    );
    assert_eq!(sent.status, 200, "{}", sent.text());
    assert_eq!(sent.header("content-type"), "text/markdown; charset=utf-8");
    assert!(sent.text().contains("Dear friend."), "{}", sent.text());

    let (content_type, body) = form(
        Some(("scan.png", &fs::read(sample("two-columns.png")).unwrap())),
        &[("batch", "1911"), ("options", r#"{"page_markers": false}"#)],
    );
    let headers = [
        ("content-type", content_type.as_str()),
        ("accept", "application/json"),
    ];
    let read = post(&documents, &headers, &body).json();
    assert_eq!(
        (&read["state"], &read["batch"]),
        (&json!("done"), &json!("1911"))
    );
    assert!(read["source"].as_str().unwrap().ends_with("/scan.png"));
    let markdown = read["markdown"].as_str().unwrap();
    assert!(
        !markdown.is_empty() && !markdown.contains("<!-- page"),
        "{markdown}"
    );

    let html = post(
        &documents,
        &[PDF, ("accept", "text/html")],
        &page("On a page."),
    );
    assert_eq!(html.header("content-type"), "text/html; charset=utf-8");
    assert!(html.text().contains("On a page."));
    assert!(
        html.header("content-security-policy")
            .starts_with("sandbox;")
    );

    let later = post(
        &documents,
        &[PDF, ("prefer", "respond-async")],
        &page("Later."),
    );
    assert_eq!(later.status, 202, "{}", later.text());
    let place = format!("{url}{}", later.header("location"));
    eventually("the document is read", || {
        get(&place, &[]).json()["state"] == "done"
    });
    let job = get(&place, &[]).json();
    assert!(
        job["job"]["options"].is_object() && job["ended_at"].is_string(),
        "{job}"
    );
    assert!(
        get(&format!("{place}/result"), &[])
            .text()
            .contains("Later.")
    );
    let files = get(&format!("{place}/files"), &[]).json();
    for file in files["files"].as_array().unwrap() {
        let at = format!("{place}/files/{}", file["name"].as_str().unwrap());
        let answer = get(&at, &[]);
        assert_eq!(
            answer.body.len() as u64,
            file["bytes"].as_u64().unwrap(),
            "{file}"
        );
        let etag = answer.header("etag").to_owned();
        assert_eq!(get(&at, &[("if-none-match", &etag)]).status, 304);
    }

    let batches = get(&format!("{url}/v1/batches"), &[]).json();
    let names: Vec<_> = batches["batches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|batch| &batch["batch"])
        .collect();
    assert_eq!(names, ["1911", "local"]);
    let of_batch = get(&format!("{url}/v1/jobs?batch=local&limit=2"), &[]).json();
    assert_eq!(of_batch["jobs"].as_array().unwrap().len(), 2);
    let next = of_batch["next"].as_str().unwrap();
    let rest = get(&format!("{url}/v1/jobs?batch=local&after={next}"), &[]).json();
    assert_eq!(rest["jobs"].as_array().unwrap().len(), 1);
    assert!(rest["next"].is_null());
}

#[test]
fn a_request_that_makes_no_sense_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let service = local(folder.path(), |command| {
        command.args(["--max-document-size", "2MB"]);
    });
    let url = service.url();
    let documents = format!("{url}/v1/documents");
    let told = |headers: &[(&str, &str)], body: &[u8], status, said: &str| {
        let detail = problem(&post(&documents, headers, body), status);
        assert!(detail.contains(said), "{detail}");
    };
    told(&[], b"x", 415, "Content-Type");
    told(&[PDF], b"", 400, "empty");
    told(&[PDF], &vec![b'x'; 2_000_001], 413, "2000000");
    told(&[PDF, ("accept", "image/png")], b"x", 406, "text/markdown");
    told(
        &[PDF, ("host", "evil.example")],
        b"x",
        421,
        "--service-host",
    );
    told(
        &[PDF, ("sec-fetch-site", "cross-site")],
        b"x",
        403,
        "another site",
    );
    told(
        &[PDF, ("origin", "http://evil.example")],
        b"x",
        403,
        "another site",
    );
    told(
        &[PDF, ("idempotency-key", "")],
        b"x",
        400,
        "Idempotency-Key",
    );
    told(&[PDF, ("idempotency-key", "ä")], b"x", 400, "ASCII");
    let json = ("content-type", "application/json");
    told(&[json], b"{", 400, "EOF");
    told(
        &[json],
        br#"{"uri": "s3://a/b.pdf"}"#,
        403,
        "--allow-source",
    );
    told(
        &[json],
        br#"{"uri": "file:///etc/passwd"}"#,
        403,
        "--allow-source",
    );
    told(&[json], br#"{"url": "s3://a/b.pdf"}"#, 400, "url");
    told(&[json], br#"["s3://a/b.pdf"]"#, 400, "map");
    // Nothing but a document may be large.
    told(&[json], &vec![b' '; 1_100_000], 413, "1048576");
    let long = "x".repeat(1_100_000);
    let (content_type, body) = form(None, &[("options", &long)]);
    told(&[("content-type", &content_type)], &body, 413, "1048576");
    let sends = |fields: &[(&str, &str)], file: Option<(&str, &[u8])>, said: &str| {
        let (content_type, body) = form(file, fields);
        told(&[("content-type", &content_type)], &body, 400, said);
    };
    sends(&[], None, "file");
    sends(&[("paper", "red")], None, "paper");
    sends(
        &[("options", "{\"dpi\": 5}")],
        Some(("a.pdf", b"x")),
        "options",
    );
    for (path, status) in [
        ("/v1/jobs", 400),
        ("/v1/jobs?batch=x&limit=0", 400),
        ("/v1/jobs?batch=x&state=happy", 400),
        ("/v1/jobs/none", 404),
        ("/v1/jobs/none/result", 404),
        ("/v1/batches/none", 404),
        ("/nothing", 404),
        ("/v1/documents", 405),
    ] {
        problem(&get(&format!("{url}{path}"), &[]), status);
    }

    // A document that cannot be read is the client's to know of, with the reason and the job.
    let damaged = post(&documents, &[PDF], b"%PDF-1.7\nnothing else");
    assert!(!problem(&damaged, 409).is_empty());
    let job = &damaged.json()["job"];
    assert_eq!(
        (&job["state"], &job["kind"]),
        (&json!("dead"), &json!("damaged")),
        "{job}"
    );
    let again = post(
        &format!("{url}/v1/jobs/{}/retry", job["id"].as_str().unwrap()),
        &[],
        b"",
    );
    assert_eq!(again.status, 202, "{}", again.text());
    let at = format!("{url}/v1/jobs/{}", job["id"].as_str().unwrap());
    eventually("it has failed again", || {
        let job = get(&at, &[]).json();
        job["state"] == "dead" && job["tries"] == 2
    });
}

#[test]
fn a_request_that_is_repeated_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let service = local(folder.path(), |_| {});
    let documents = format!("{}/v1/documents", service.url());
    let send = |text: &str| {
        let headers = [
            PDF,
            ("idempotency-key", "letter 7"),
            ("accept", "application/json"),
        ];
        post(&documents, &headers, &page(text))
    };
    let first = send("Once.").json();
    assert_eq!(first["state"], "done");
    assert_eq!(send("Once.").json(), first);
    problem(&send("Twice."), 409);
    assert_eq!(service.events("job started").len(), 1);
}

/// A key and its table in the service's file.
pub fn key(name: &str, scopes: &str, batches: &str) -> (String, String) {
    let made = recto().args(["api-key", name]).output().unwrap();
    assert!(made.status.success(), "{}", seen(&made));
    let key = String::from_utf8(made.stderr).unwrap().trim().to_owned();
    let table = String::from_utf8(made.stdout).unwrap();
    let table = table
        .replace(
            "scopes = [\"read\", \"submit\"]",
            &format!("scopes = {scopes}"),
        )
        .replace(
            &format!("batches = [\"{name}\"]"),
            &format!("batches = {batches}"),
        );
    (key, table)
}

#[test]
fn the_examples_get_markdown() {
    let folder = tempfile::tempdir().unwrap();
    let service = local(folder.path(), |_| {});
    let letter = folder.path().join("a letter.pdf");
    fs::write(&letter, page("Dear friend.")).unwrap();
    let broken = folder.path().join("broken.pdf");
    fs::write(&broken, "%PDF-1.7").unwrap();
    let examples = repository().join("examples");

    let mut python = Command::new("python3");
    python.arg(examples.join("service.py")).arg(service.url());
    let output = python.args([&letter, &broken]).output().unwrap();
    assert!(output.status.success(), "{}", seen(&output));
    assert!(seen(&output).contains("broken.pdf: "), "{}", seen(&output));
    let markdown = fs::read_to_string(folder.path().join("a letter.pdf.md")).unwrap();
    assert!(markdown.contains("Dear friend."), "{markdown}");

    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("skipped: there is no curl");
        return;
    }
    let mut curl = Command::new(examples.join("service.sh"));
    let output = curl.arg(service.url()).arg(&letter).output().unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("Dear friend."),
        "{}",
        seen(&output)
    );
    let mut curl = Command::new(examples.join("service.sh"));
    assert!(
        !curl
            .arg(service.url())
            .arg(&broken)
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn the_service_describes_itself() {
    let folder = tempfile::tempdir().unwrap();
    let service = local(folder.path(), |_| {});
    let url = service.url();
    let document = get(&format!("{url}/v1/openapi.json"), &[]).json();
    assert_eq!(document["openapi"], "3.1.0");
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let asked = path
                .replace("{id}", "x")
                .replace("{batch}", "x")
                .replace("{name}", "x");
            let answer =
                request(&method.to_uppercase(), &format!("{url}{asked}"), &[], b"").unwrap();
            let statuses = operation["responses"].as_object().unwrap();
            let status = answer.status.to_string();
            assert!(statuses.contains_key(&status), "{method} {path}: {status}");
            let content_type = answer.header("content-type");
            assert!(
                statuses[&status]["content"][content_type].is_object(),
                "{method} {path}: {content_type}"
            );
        }
    }
    // Every schema that is named is there.
    let text = document.to_string();
    for name in text.split("#/components/schemas/").skip(1) {
        let name = name.split('"').next().unwrap();
        assert!(
            document["components"]["schemas"][name].is_object(),
            "{name}"
        );
    }
}
