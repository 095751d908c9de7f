//! Trials of a store.

use std::sync::atomic::Ordering;

use axum::response::{IntoResponse as _, Response};

use super::{
    fake::{ScriptedAnswer, refusal},
    *,
};

fn denied() -> Response {
    refusal(StatusCode::FORBIDDEN, "AccessDenied")
}

fn prefix() -> StoreUri {
    "s3://b/out".parse().unwrap()
}

#[tokio::test]
async fn a_trial_does_all_that_a_job_does_and_leaves_nothing() {
    let (store, fake) = start(FakeServer::default()).await;
    store.check_usable(&prefix()).await.unwrap();
    {
        let fake = fake.lock().unwrap();
        let wanted = ["PUT", "PUT", "HEAD", "GET", "GET", "DELETE"];
        assert_eq!(fake.requests, wanted);
        assert!(fake.objects.is_empty());
    }
    assert!(!store.unconditional.load(Ordering::Relaxed));
    assert!(!store.listing_is_denied(&prefix()));
    store.delete(&at()).await.unwrap();
}

#[tokio::test]
async fn probes_of_dead_workers_are_removed() {
    let left = "/b/out/.recto/probe-1700000000-00ff";
    let fake = FakeServer {
        objects: BTreeMap::from([(left.to_owned(), Vec::new())]),
        ..with_object(numbers(10))
    };
    let (store, fake) = start(fake).await;
    store.check_usable(&prefix()).await.unwrap();
    assert!(!fake.lock().unwrap().objects.contains_key(left));
}

#[tokio::test]
async fn a_store_that_passes_over_conditions_is_noticed() {
    let (store, fake) = start(FakeServer {
        ignores_conditions: true,
        ..with_object(numbers(10))
    })
    .await;
    store.check_usable(&prefix()).await.unwrap();
    assert!(store.unconditional.load(Ordering::Relaxed));
    let body = tempfile::NamedTempFile::new().unwrap();
    let outcome = put(&store, body.path(), WriteCondition::IfAbsent).await;
    assert_eq!(outcome.unwrap(), PutOutcome::AlreadyExists);
    assert_eq!(fake.lock().unwrap().objects.len(), 1);
    fake.lock().unwrap().ignores_conditions = false;
    store.check_usable(&prefix()).await.unwrap();
    assert!(
        !store.unconditional.load(Ordering::Relaxed),
        "it was mended"
    );
}

#[tokio::test]
async fn denied_lists_and_deletes_are_no_error_and_the_rest_names_its_step() {
    for (method, contains, step) in [
        (
            "PUT",
            "",
            Some("write if absent to s3://b/out/.recto/probe-"),
        ),
        ("HEAD", "", None),
        (
            "GET",
            "/.recto/probe-",
            Some("stat of s3://b/out/.recto/probe-"),
        ),
        ("GET", "list-type", None),
        ("DELETE", "", None),
    ] {
        let mut script = vec![ScriptedAnswer {
            contains,
            ..ScriptedAnswer::always(method, denied)
        }];
        if step.is_some() && method == "GET" {
            script.push(ScriptedAnswer::always("HEAD", || {
                StatusCode::FORBIDDEN.into_response()
            }));
        }
        let (store, _) = start(FakeServer {
            script,
            ..FakeServer::default()
        })
        .await;
        let checked = store.check_usable(&prefix()).await;
        match (step, checked) {
            (None, checked) => checked.unwrap(),
            (Some(step), checked) => {
                let error = checked.unwrap_err().to_string();
                assert!(error.starts_with(step), "{error}");
            }
        }
        assert_eq!(store.listing_is_denied(&prefix()), contains == "list-type");
    }
}
