//! API keys: who sees what.

use std::fs;

use serde_json::json;

use super::{PDF, get, key, local, page, post, problem};
use crate::support::{recto, seen};

#[test]
fn a_key_sees_its_own_batches_and_nothing_tells_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let (letters, letters_table) = key(
        "letters",
        "[\"read\", \"submit\"]",
        "[\"letters\", \"letters-*\"]",
    );
    let (maps, maps_table) = key("maps", "[\"read\", \"submit\", \"manage\"]", "[\"maps\"]");
    let (reader, reader_table) = key("reader", "[\"read\"]", "[\"*\"]");
    let (few, few_table) = key("few", "[\"read\"]", "[\"*\"]");
    let file = folder.path().join("service.toml");
    let few_table = format!("{few_table}requests-per-minute = 3\n");
    fs::write(
        &file,
        [letters_table, maps_table, reader_table, few_table].concat(),
    )
    .unwrap();
    let service = local(folder.path(), |command| {
        command.arg("--service-config").arg(&file);
    });
    let url = service.url();
    let bearer = |key: &str| format!("Bearer {key}");
    let (letters, maps, reader) = (bearer(&letters), bearer(&maps), bearer(&reader));
    let documents = format!("{url}/v1/documents");

    for wrong in [None, Some("Bearer recto_x"), Some("Basic eDp5")] {
        let headers: Vec<_> = wrong
            .iter()
            .map(|value| ("authorization", *value))
            .collect();
        for path in [
            "/v1/batches",
            "/v1/jobs?batch=letters",
            "/v1/jobs/x",
            "/v1/webhooks",
        ] {
            problem(&get(&format!("{url}{path}"), &headers), 401);
        }
        problem(
            &post(&documents, &[&headers[..], &[PDF]].concat(), &page("No.")),
            401,
        );
    }
    let of_letters = [
        PDF,
        ("authorization", letters.as_str()),
        ("accept", "application/json"),
    ];
    let read = post(&documents, &of_letters, &page("Dear friend.")).json();
    assert_eq!(read["batch"], "letters");
    let at = format!("{url}/v1/jobs/{}", read["id"].as_str().unwrap());
    for path in ["", "/result", "/files"] {
        assert_eq!(
            get(&format!("{at}{path}"), &[("authorization", &letters)]).status,
            200
        );
        problem(
            &get(&format!("{at}{path}"), &[("authorization", &maps)]),
            404,
        );
    }
    problem(
        &get(
            &format!("{url}/v1/batches/letters"),
            &[("authorization", &maps)],
        ),
        404,
    );
    problem(
        &get(
            &format!("{url}/v1/jobs?batch=letters"),
            &[("authorization", &maps)],
        ),
        404,
    );
    let seen = get(&format!("{url}/v1/batches"), &[("authorization", &maps)]).json();
    assert_eq!(seen, json!({"batches": []}));
    problem(
        &post(
            &format!("{documents}?batch=letters"),
            &[PDF, ("authorization", &maps)],
            b"x",
        ),
        403,
    );
    let all = get(&format!("{url}/v1/batches"), &[("authorization", &reader)]).json();
    assert_eq!(all["batches"][0]["batch"], "letters");

    // Scopes.
    problem(
        &post(&documents, &[PDF, ("authorization", &reader)], &page("No.")),
        403,
    );
    problem(
        &post(&format!("{at}/retry"), &[("authorization", &letters)], b""),
        403,
    );
    problem(
        &post(&format!("{at}/cancel"), &[("authorization", &maps)], b""),
        404,
    );

    let few = bearer(&few);
    let asked: Vec<_> = (0..4)
        .map(|_| get(&format!("{url}/v1/batches"), &[("authorization", &few)]))
        .collect();
    assert_eq!(
        asked.iter().map(|answer| answer.status).collect::<Vec<_>>(),
        [200, 200, 200, 429]
    );
    assert!(asked[3].header("retry-after").parse::<u64>().unwrap() >= 1);
}

#[test]
fn without_keys_only_this_machine_may_ask() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = recto();
    command
        .args(["serve", "--listen", "0.0.0.0:0", "--local"])
        .arg(folder.path());
    let refused = command.output().unwrap();
    assert!(!refused.status.success());
    assert!(
        seen(&refused).contains("recto api-key NAME"),
        "{}",
        seen(&refused)
    );
}

#[test]
fn a_store_sends_its_events_with_a_key_for_that() {
    let folder = tempfile::tempdir().unwrap();
    let (store, table) = key("store", "[\"events\"]", "[\"inbox\"]");
    let file = folder.path().join("service.toml");
    fs::write(&file, table).unwrap();
    let service = local(folder.path(), |command| {
        command.arg("--service-config").arg(&file);
    });
    let events = format!("{}/v1/events", service.url());
    let bearer = ("authorization", &*format!("Bearer {store}"));
    let of_nobody = json!({"Records": [{
        "eventSource": "minio:s3", "eventName": "s3:ObjectCreated:Put",
        "s3": {"bucket": {"name": "elsewhere"}, "object": {"key": "a.pdf"}},
    }]});
    let counts = |submitted: u64, ignored: u64, unreadable: u64| json!({"submitted": submitted, "known": 0, "ignored": ignored, "pending": 0, "unreadable": unreadable});
    let taken = post(&events, &[bearer], of_nobody.to_string().as_bytes());
    assert_eq!(taken.status, 202, "{}", taken.text());
    assert_eq!(taken.json(), counts(0, 1, 0));
    // A store would send it again and again.
    let unknown = post(&events, &[bearer], br#"{"hello": "world"}"#);
    assert_eq!((unknown.status, unknown.json()), (202, counts(0, 0, 1)));
    problem(&post(&events, &[bearer], b"no JSON"), 400);
    problem(&post(&events, &[], b"{}"), 401);
    let documents = events.replace("events", "documents");
    problem(&post(&documents, &[bearer, PDF], &page("No.")), 403);
}

#[test]
fn a_document_that_is_put_into_the_inbox_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let service = local(folder.path(), |_| {});
    let url = service.url();
    fs::write(folder.path().join("recto/inbox/letter.pdf"), page("Found.")).unwrap();
    let of_inbox = || get(&format!("{url}/v1/jobs?batch=inbox"), &[]).json();
    crate::support::eventually("the document is read", || {
        of_inbox()["jobs"][0]["state"] == "done"
    });
    let id = of_inbox()["jobs"][0]["id"].as_str().unwrap().to_owned();
    assert!(
        get(&format!("{url}/v1/jobs/{id}/result"), &[])
            .text()
            .contains("Found.")
    );
}
