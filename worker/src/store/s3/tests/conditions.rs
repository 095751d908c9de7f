//! Conditional writes: what turns them off, and what does not.

use std::sync::atomic::Ordering;

use axum::response::Response;

use super::{
    fake::{ScriptedAnswer, refusal},
    *,
};

type Answer = fn() -> Response;

/// Writes `/b/k` twice if absent, the first time against answers to `/b/k` or to all writes.
async fn writes(
    contains: &'static str,
    times: u32,
    answer: Answer,
) -> (Vec<Result<PutOutcome>>, S3Store, SharedServer) {
    let (store, fake) = start(FakeServer {
        script: vec![ScriptedAnswer {
            contains,
            times,
            ..ScriptedAnswer::always("PUT", answer)
        }],
        ..FakeServer::default()
    })
    .await;
    let body = tempfile::NamedTempFile::new().unwrap();
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        outcomes.push(put(&store, body.path(), WriteCondition::IfAbsent).await);
    }
    (outcomes, store, fake)
}

#[tokio::test]
async fn one_refusal_does_not_turn_conditions_off() {
    let refusals: [Answer; 4] = [
        || refusal(StatusCode::BAD_REQUEST, "IncompleteBody"),
        || refusal(StatusCode::BAD_REQUEST, "BadDigest"),
        || refusal(StatusCode::BAD_REQUEST, "InvalidArgument"),
        || refusal(StatusCode::BAD_REQUEST, "SomethingNew"),
    ];
    for answer in refusals {
        let (outcomes, store, fake) = writes("/b/k", 1, answer).await;
        assert!(!store.unconditional.load(Ordering::Relaxed));
        assert!(
            matches!(outcomes[0], Ok(PutOutcome::Written { .. })),
            "{outcomes:?}"
        );
        assert!(
            matches!(outcomes[1], Ok(PutOutcome::AlreadyExists)),
            "{outcomes:?}"
        );
        assert_eq!(fake.lock().unwrap().objects.len(), 1, "no probe is left");
    }
}

#[tokio::test]
async fn a_write_that_is_always_refused_says_why() {
    for (answer, contains, kind) in [
        (
            (|| refusal(StatusCode::BAD_REQUEST, "IncompleteBody")) as Answer,
            "/b/k",
            "store-unavailable",
        ),
        (
            || refusal(StatusCode::BAD_REQUEST, "InvalidArgument"),
            "/b/k",
            "store-unavailable",
        ),
        // Also a probe without a condition.
        (
            || refusal(StatusCode::BAD_REQUEST, "InvalidArgument"),
            "",
            "bad-request",
        ),
        (
            || refusal(StatusCode::FORBIDDEN, "AccessDenied"),
            "",
            "access-denied",
        ),
    ] {
        let (outcomes, store, _) = writes(contains, u32::MAX, answer).await;
        for outcome in outcomes {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind().as_str(), kind, "{error}");
        }
        assert!(!store.unconditional.load(Ordering::Relaxed));
    }
}

#[tokio::test]
async fn a_store_that_does_not_implement_them_is_believed() {
    let answer: Answer = || refusal(StatusCode::NOT_IMPLEMENTED, "NotImplemented");
    let (outcomes, store, fake) = writes("/b/k", 1, answer).await;
    assert!(store.unconditional.load(Ordering::Relaxed));
    assert!(matches!(outcomes[0], Ok(PutOutcome::Written { .. })));
    assert!(matches!(outcomes[1], Ok(PutOutcome::AlreadyExists)));
    assert!(
        !fake
            .lock()
            .unwrap()
            .objects
            .keys()
            .any(|key| key.contains("probe"))
    );
}

#[tokio::test]
async fn parts_are_not_joined_over_an_object_that_is_there() {
    // Some stores pass over the condition when parts are joined.
    let (store, fake) = start(FakeServer {
        ignores_conditions: true,
        ..with_object(numbers(10))
    })
    .await;
    let file = large_file();
    let outcome = put(&store, file.path(), WriteCondition::IfAbsent).await;
    assert_eq!(outcome.unwrap(), PutOutcome::AlreadyExists);
    let fake = fake.lock().unwrap();
    assert_eq!(fake.objects["/b/k"], numbers(10));
    assert!(fake.aborted);
}
