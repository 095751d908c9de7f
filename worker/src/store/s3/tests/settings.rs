//! Settings that become headers of requests.

use clap::Parser;

use super::{fake::start_with, *};
use crate::store::s3::client::RequestHeaders;

#[derive(Parser)]
struct StoreCli {
    #[command(flatten)]
    store: StoreConfig,
}

fn arguments(arguments: &[&str]) -> Result<StoreConfig, clap::Error> {
    let all = ["recto"].iter().chain(arguments);
    StoreCli::try_parse_from(all).map(|cli| cli.store)
}

#[tokio::test]
async fn payer_and_owner_go_with_every_request_and_encryption_with_writes() {
    let arguments = arguments(&[
        "--s3-request-payer=requester",
        "--s3-expected-bucket-owner=123456789012",
        "--s3-sse=aws:kms",
        "--s3-sse-kms-key-id=alias/results",
    ])
    .unwrap();
    let headers = RequestHeaders::new(&arguments);
    let encryption = WriteEncryption::new(&arguments).unwrap();
    let (store, fake) = start_with(FakeServer::default(), headers, encryption).await;
    store
        .check_usable(&"s3://b/out".parse().unwrap())
        .await
        .unwrap();
    let file = large_file();
    put(&store, file.path(), WriteCondition::Always)
        .await
        .unwrap();
    let fake = fake.lock().unwrap();
    let mut encrypted = Vec::new();
    for (method, headers) in fake.requests.iter().zip(&fake.headers) {
        assert_eq!(headers["x-amz-request-payer"], "requester", "{method}");
        assert_eq!(headers["x-amz-expected-bucket-owner"], "123456789012");
        let signature = headers["authorization"].to_str().unwrap();
        assert!(
            signature.contains("x-amz-expected-bucket-owner;"),
            "{signature}"
        );
        if headers.contains_key("x-amz-server-side-encryption") {
            assert_eq!(headers["x-amz-server-side-encryption"], "aws:kms");
            let key = &headers["x-amz-server-side-encryption-aws-kms-key-id"];
            assert_eq!(key, "alias/results");
            encrypted.push(method.as_str());
        }
    }
    assert_eq!(
        encrypted,
        ["PUT", "PUT", "POST"],
        "two probes and the begin of an upload"
    );
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    for wrong in [
        "--s3-request-payer=owner",
        "--s3-expected-bucket-owner=me",
        "--s3-sse=aes",
    ] {
        assert!(arguments(&[wrong]).is_err(), "{wrong}");
    }
    let key_alone = arguments(&["--s3-sse-kms-key-id=k"]).unwrap();
    let error = WriteEncryption::new(&key_alone).unwrap_err();
    assert!(error.to_string().contains("--s3-sse aws:kms"), "{error}");
}
