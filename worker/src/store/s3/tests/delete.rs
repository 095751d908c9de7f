//! Deletes of many objects, on stores that take them together and on such that do not.

use axum::response::IntoResponse as _;

use super::{
    super::*,
    fake::{FakeServer, ScriptedAnswer, refusal, start},
    *,
};

fn with_objects(count: usize) -> (FakeServer, Vec<StoreUri>) {
    let paths = (0..count).map(|number| format!("/b/parts/{number}"));
    let objects = paths.clone().map(|path| (path, vec![1]));
    let fake = FakeServer {
        objects: objects.chain([("/b/other".to_owned(), vec![1])]).collect(),
        ..FakeServer::default()
    };
    let uris = paths.map(|path| format!("s3:/{path}").parse().unwrap());
    (fake, uris.collect())
}

#[tokio::test]
async fn a_thousand_objects_are_one_request() {
    let (fake, objects) = with_objects(1_500);
    let (store, fake) = start(fake).await;
    store.delete_all(&objects).await.unwrap();
    let fake = fake.lock().unwrap();
    assert_eq!(fake.requests, ["POST"; 2]);
    assert_eq!(fake.objects.keys().collect::<Vec<_>>(), ["/b/other"]);
}

#[tokio::test]
async fn a_store_that_refuses_is_asked_for_each_and_not_again_for_all() {
    let refusals: [fn() -> axum::response::Response; 4] = [
        || refusal(StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
        || refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
        || StatusCode::METHOD_NOT_ALLOWED.into_response(),
        || refusal(StatusCode::BAD_REQUEST, "MissingContentMD5"),
    ];
    for answer in refusals {
        let (mut fake, objects) = with_objects(4);
        fake.script = vec![ScriptedAnswer::always("POST", answer)];
        let (store, fake) = start(fake).await;
        store.delete_all(&objects[..2]).await.unwrap();
        store.delete_all(&objects[2..]).await.unwrap();
        let fake = fake.lock().unwrap();
        assert_eq!(
            fake.requests.concat(),
            format!("POST{}", "DELETE".repeat(4))
        );
        assert_eq!(fake.objects.len(), 1);
    }
}

#[tokio::test]
async fn what_is_left_of_many_says_why() {
    let (mut fake, objects) = with_objects(3);
    let one_is_left = || {
        let left = "<Error><Key>parts/1</Key><Code>AccessDenied</Code></Error>";
        format!("<DeleteResult>{left}</DeleteResult>").into_response()
    };
    fake.script = vec![
        ScriptedAnswer::always("POST", one_is_left),
        ScriptedAnswer::always("DELETE", || refusal(StatusCode::FORBIDDEN, "AccessDenied")),
    ];
    let (store, fake) = start(fake).await;
    let error = store.delete_all(&objects).await.unwrap_err();
    assert_eq!(error.kind().as_str(), "access-denied");
    assert_eq!(fake.lock().unwrap().requests, ["POST", "DELETE"]);
}

#[tokio::test]
async fn a_store_that_is_busy_is_asked_again_later() {
    let (mut fake, objects) = with_objects(3);
    fake.script = vec![ScriptedAnswer {
        times: 1,
        ..ScriptedAnswer::always("POST", || {
            refusal(StatusCode::SERVICE_UNAVAILABLE, "SlowDown")
        })
    }];
    let (store, fake) = start(fake).await;
    let error = store.delete_all(&objects).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    store.delete_all(&objects).await.unwrap();
    assert_eq!(fake.lock().unwrap().requests, ["POST"; 2]);
}
