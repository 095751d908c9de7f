//! The service's page: what somebody with a browser sees and does.

use std::{fs, path::Path, process::Command};

use crate::{
    service::{get, key, local, page, post},
    support::{eventually, http::HttpAnswer, http::form, pdf, sample},
};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Asserts that an answer is a page with this status that runs nothing and is in no other site's frame.
fn html(answer: &HttpAnswer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
    let text = answer.text();
    assert!(!text.contains("<script"), "{text}");
    text
}

/// Asserts that an answer leads to another page, and gives its address.
fn leads_to(answer: &HttpAnswer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("location").to_owned()
}

/// Uploads a document by the form, and gives the address of its job's page.
fn upload(url: &str, batch: &str, name: &str, document: &[u8], headers: &[(&str, &str)]) -> String {
    let (content_type, body) = form(
        Some((name, document)),
        &[("batch", batch), ("password", "")],
    );
    let mut all = vec![("content-type", content_type.as_str())];
    all.extend(headers);
    let answer = post(&format!("{url}/upload"), &all, &body);
    leads_to(&answer).split('?').next().unwrap().to_owned()
}

fn wait_for(url: &str, job: &str, state: &str) {
    eventually("the job has ended", || {
        get(&format!("{url}/v1{job}"), &[]).json()["state"] == state
    });
}

#[test]
fn an_archivist_finds_a_failure_retries_it_and_reads_a_document() {
    let folder = tempfile::tempdir().unwrap();
    let service = local(folder.path(), |_| {});
    let url = service.url();
    let empty = html(&get(&format!("{url}/"), &[]), 200);
    assert!(empty.contains("There are no jobs yet"), "{empty}");

    let good = upload(&url, "a/b", "letter.pdf", &page("Dear friend."), &[]);
    let bad = upload(&url, "a/b", "broken.pdf", b"%PDF-1.7", &[]);
    wait_for(&url, &good, "done");
    wait_for(&url, &bad, "dead");

    let home = html(&get(&format!("{url}/"), &[]), 200);
    assert!(home.contains("href=\"/batches/a%2Fb\""), "{home}");
    let batch = format!("{url}/batches/a%2Fb");
    let attention = html(&get(&batch, &[]), 200);
    assert!(
        attention.contains("broken.pdf") && !attention.contains("letter.pdf"),
        "{attention}"
    );
    let all = html(&get(&format!("{batch}?show=all"), &[]), 200);
    assert!(
        all.contains("broken.pdf") && all.contains("letter.pdf"),
        "{all}"
    );

    let retried = leads_to(&post(&format!("{batch}/retry"), &[FORM], b""));
    assert!(
        retried.ends_with("?queued=1&refused=0&more=false"),
        "{retried}"
    );
    let notice = html(&get(&format!("{url}{retried}"), &[]), 200);
    assert!(notice.contains("1 jobs were submitted again"), "{notice}");
    eventually("it was tried again", || {
        let job = get(&format!("{url}/v1{bad}"), &[]).json();
        job["tries"] == 2 && job["state"] == "dead"
    });

    let job = html(&get(&format!("{url}{good}"), &[]), 200);
    assert!(job.contains(&format!("href=\"{good}/pages\"")), "{job}");
    let beside = html(&get(&format!("{url}{good}/pages"), &[]), 200);
    assert!(
        beside.contains("Dear friend.") && beside.contains("<iframe src=\"/v1/jobs/"),
        "{beside}"
    );
    html(&get(&format!("{url}{good}/pages?page=2"), &[]), 404);
    html(&get(&format!("{url}{good}/pages?page=x"), &[]), 400);
    html(&get(&format!("{url}{bad}/pages"), &[]), 409);
}

#[test]
fn names_are_text_on_every_page() {
    let folder = tempfile::tempdir().unwrap();
    let service = local(folder.path(), |_| {});
    let url = service.url();
    let hostile = "<img src=x onerror=alert(1)>'";
    let job = upload(
        &url,
        hostile,
        "<b>x'.pdf",
        &page("</p><script>alert(1)</script>"),
        &[],
    );
    wait_for(&url, &job, "done");
    let home = html(&get(&format!("{url}/"), &[]), 200);
    let link = home.split("href=\"/batches/").nth(1).unwrap();
    let batch = format!("/batches/{}", link.split('"').next().unwrap());
    for path in ["/", &batch, &job, &format!("{job}/pages")] {
        let page = html(&get(&format!("{url}{path}"), &[]), 200);
        assert!(
            !page.contains("<img src=x") && !page.contains("<b>x"),
            "{page}"
        );
    }
}

#[test]
fn a_browser_signs_in_and_sees_what_its_key_may() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, reader_table) = key("reader", "[\"read\"]", "[\"letters\"]");
    let (manager, manager_table) = key(
        "letters",
        "[\"read\", \"submit\", \"manage\"]",
        "[\"letters\"]",
    );
    let file = folder.path().join("service.toml");
    fs::write(&file, [reader_table, manager_table].concat()).unwrap();
    let service = local(folder.path(), |command| {
        command.arg("--service-config").arg(&file);
    });
    let url = service.url();
    let asked = html(&get(&format!("{url}/batches/letters"), &[]), 401);
    assert!(
        asked.contains("name=\"to\" value=\"/batches/letters\""),
        "{asked}"
    );

    let login = |key: &str, headers: &[(&str, &str)]| {
        let body = format!("key={key}&to=%2Fbatches%2Fletters");
        post(
            &format!("{url}/login"),
            &[&[FORM], headers].concat(),
            body.as_bytes(),
        )
    };
    let refused = html(&login("recto_x", &[]), 401);
    assert!(refused.contains("role=\"alert\"") && !refused.contains("recto_x"));
    let other_site = login(&reader, &[("sec-fetch-site", "cross-site")]);
    assert_eq!(other_site.status, 403);
    let signed_in = login(&reader, &[]);
    assert_eq!(leads_to(&signed_in), "/batches/letters");
    let cookie = signed_in.header("set-cookie");
    assert_eq!(
        cookie,
        format!("recto_key={reader}; HttpOnly; SameSite=Strict; Path=/")
    );
    let secure = login(&reader, &[("x-forwarded-proto", "https")]);
    assert!(secure.header("set-cookie").ends_with("; Secure"));

    let (reader, manager) = (
        format!("recto_key={reader}"),
        format!("recto_key={manager}"),
    );
    let (reader, manager) = (
        [("cookie", reader.as_str())],
        [("cookie", manager.as_str())],
    );
    let bad = upload(&url, "letters", "broken.pdf", b"%PDF-1.7", &manager);
    eventually("the job has ended", || {
        get(&format!("{url}/v1{bad}"), &reader).json()["state"] == "dead"
    });
    for path in [bad.as_str(), "/batches/letters"] {
        let seen = html(&get(&format!("{url}{path}"), &reader), 200);
        assert!(!seen.contains("/retry\""), "{seen}");
        let seen = html(&get(&format!("{url}{path}"), &manager), 200);
        assert!(seen.contains("/retry\""), "{seen}");
        html(
            &post(
                &format!("{url}{path}/retry"),
                &[&[FORM], &reader[..]].concat(),
                b"",
            ),
            403,
        );
    }
    let home = html(&get(&format!("{url}/"), &reader), 200);
    assert!(
        !home.contains("action=\"/upload\"") && home.contains("Sign out"),
        "{home}"
    );
    html(&get(&format!("{url}/batches/maps"), &manager), 404);
    let signed_out = post(&format!("{url}/logout"), &reader, b"");
    assert!(signed_out.header("set-cookie").contains("Max-Age=0"));
}

/// A page as Chromium has it, and its complaints; `None` if there is no Chromium.
fn browse(url: &str, folder: &Path) -> Option<(String, String)> {
    let program = std::env::var("RECTO_TEST_CHROMIUM").unwrap_or("/usr/bin/chromium".to_owned());
    if !Path::new(&program).exists() {
        eprintln!("skipped: there is no {program}; RECTO_TEST_CHROMIUM names another one");
        return None;
    }
    let mut command = Command::new(program);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-sync",
    ]);
    command.args([
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-quic",
    ]);
    command.args(["--enable-logging=stderr", "--timeout=20000", "--dump-dom"]);
    command.arg(format!(
        "--user-data-dir={}",
        folder.join("browser").display()
    ));
    let output = command.arg(url).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Some((text(output.stdout), text(output.stderr)))
}

#[test]
fn a_browser_takes_every_page_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let service = local(folder.path(), |_| {});
    let url = service.url();
    let scan = fs::read(sample("photo.jpg")).unwrap();
    let job = upload(&url, "scans", "photo.jpg", &scan, &[]);
    wait_for(&url, &job, "done");
    let long: Vec<String> = (0..51)
        .map(|page| pdf::text(&[&format!("Folio {page}")]))
        .collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let long = upload(&url, "scans", "long.pdf", &pdf::with_pages(&long), &[]);
    wait_for(&url, &long, "done");
    let beside = html(&get(&format!("{url}{long}/pages?page=51"), &[]), 200);
    assert!(
        beside.contains("0051.jpg") && beside.contains("Folio 50"),
        "{beside}"
    );
    for path in [
        "/",
        "/batches/scans",
        &job,
        &format!("{job}/pages"),
        &format!("{long}/pages"),
    ] {
        let Some((dom, log)) = browse(&format!("{url}{path}"), folder.path()) else {
            return;
        };
        assert!(dom.contains("<main id=\"main\""), "{path}: {dom} {log}");
        assert!(!log.contains("Content Security Policy"), "{path}: {log}");
    }
}
