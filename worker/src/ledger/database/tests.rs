//! Sums and rows agree, and errors name the ledger.

use serde_json::json;

use super::*;

fn event(number: u32, turn: u32) -> Intake {
    let id = format!("job-{}", number % 30);
    let step = match number % 3 {
        0 => json!({"event": "submitted", "job": {
            "schema": "recto.job/v1", "id": id, "source": {"uri": "s3://a/b"}, "output": "s3://a/out",
        }}),
        1 => json!({"event": "purged"}),
        _ => json!({"event": "dead-lettered", "letter": {
            "schema": "recto.dead-letter/v1", "id": id, "stage": "read", "kind": "timeout", "message": "a\0b",
            "attempts": 1, "redelivery_count": 0, "failed_at": "2026-01-01T00:00:00Z", "body": "{}",
        }}),
    };
    let mut event = json!({
        "schema": "recto.event/v1", "id": id, "batch": format!("b{}", number % 2),
        "submitted_at": format!("2026-01-01T00:00:{:02}Z", turn),
        "at": format!("2026-01-01T00:01:{:02}Z", number % 60),
    });
    event
        .as_object_mut()
        .unwrap()
        .extend(step.as_object().unwrap().clone());
    Intake::Event(Box::new(serde_json::from_value(event).unwrap()))
}

#[tokio::test]
async fn the_sums_are_those_of_the_rows_after_every_group() {
    let folder = tempfile::tempdir().unwrap();
    let url = LedgerUrl::File(folder.path().join("a folder/ledger?.db"));
    let ledger = Ledger::open(&url).await.unwrap();
    for turn in 0..3 {
        for group in 0..5 {
            let events: Vec<_> = (0..40)
                .map(|number| event(group * 17 + number, turn))
                .collect();
            ledger.take(&events).await.unwrap();
            let sql = "SELECT batch, state, kind, COUNT(*) FROM jobs GROUP BY batch, state, kind ORDER BY batch, state, kind";
            let rows = sqlx::query(sql).fetch_all(&ledger.pool).await.unwrap();
            let counted: Vec<(String, String, String, i64)> = rows
                .iter()
                .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
                .collect();
            let sums = ledger.sums(None).await.unwrap();
            let kept: Vec<_> = sums
                .into_iter()
                .map(|sum| (sum.batch, sum.state.as_str().to_owned(), sum.kind, sum.jobs))
                .collect();
            assert_eq!(kept, counted);
        }
    }
    // Another process sees the same.
    let again = Ledger::open(&url).await.unwrap();
    let all: i64 = again
        .sums(None)
        .await
        .unwrap()
        .iter()
        .map(|sum| sum.jobs)
        .sum();
    assert_eq!(all, 30);
}

#[tokio::test]
async fn a_ledger_that_cannot_be_opened_says_which_and_why() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "this is no database, whatever its name").unwrap();
    let error = Ledger::open(&LedgerUrl::File(file.path().to_owned()))
        .await
        .unwrap_err();
    let said = error.to_string();
    assert!(said.contains(&file.path().display().to_string()), "{said}");
    let server = "postgres://me:hush@127.0.0.1:1/db".parse().unwrap();
    let said = Ledger::open(&server).await.unwrap_err().to_string();
    assert!(
        said.contains("me:***@127.0.0.1:1") && !said.contains("hush"),
        "{said}"
    );
}
