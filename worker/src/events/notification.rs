//! Notifications of stores, in all their shapes, as hints where to look.
//!
//! The shapes, and the sources of what is said here of them:
//!
//! - AWS S3 ("Event message structure", S3 User Guide): `Records`, `eventName` without `s3:`, the key as in a form: a space
//!   is `+`, everything else percent-encoded.
//! - MinIO (`cmd/event-notification.go`): the same with `eventSource` `minio:s3` and `s3:` before the event's name.
//! - Ceph's object gateway (`rgw_pubsub.cc`): `eventSource` `ceph:s3`, and the key as it is. Decoding it would make another
//!   key of `a+b.pdf` and `50%.pdf`.
//! - Amazon SNS: an object of `Type` `Notification` whose `Message` is one of the others, as text.
//! - Amazon EventBridge ("EventBridge event message structure"): `detail-type`, `detail.bucket.name` and `detail.object.key`,
//!   which is not encoded.
//! - CloudEvents 1.0, structured (`specversion` and `data`) or binary (`ce-type` among the headers and the data as body),
//!   around one of the others.
//!
//! What says of an object that it is gone, or is of a store that Recto does not read, is counted and left.

use serde_json::Value;

use crate::{
    ledger::record::milliseconds,
    store::{StoreUri, percent_decoded},
};

/// Longest notification that is read, in bytes. One record has some 1,000.
const MAX_BODY_BYTES: usize = 1 << 20;
/// Maximum records of a notification. Stores send one; AWS does not promise that.
const MAX_RECORDS: usize = 1_000;
/// Envelopes around a notification: an event of CloudEvents around one of SNS around S3's own, and one more.
const MAX_ENVELOPES: u32 = 4;
/// Longest key, in bytes (Amazon S3 User Guide, "Naming Amazon S3 objects").
const MAX_KEY_BYTES: usize = 1024;

/// A place where a document may have arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectHint {
    pub(super) at: StoreUri,
    /// When it happened, in milliseconds since 1970; 0 where not known.
    pub(super) since_ms: i64,
}

/// The reason why a record gives no hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ignored {
    /// The object was removed.
    Removed,
    /// A store or a service says hello.
    Test,
    /// Something else happened to an object.
    OtherEvent,
    /// The object is in a store that is not read: Google Cloud Storage or Azure.
    OtherStore,
}

/// The content of a notification.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Notification {
    pub(super) hints: Vec<ObjectHint>,
    pub(super) ignored: Vec<Ignored>,
}

/// A notification cannot be read, for this reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UnreadableEvent(pub(crate) String);

type Result<T> = std::result::Result<T, UnreadableEvent>;

impl Notification {
    /// Reads a message. `cloud_event` is the type that its headers name, if they are those of CloudEvents' binary mode.
    ///
    /// # Errors
    /// It is too large, no JSON, or of no shape that is known. Then no record of it counts.
    pub(super) fn read(cloud_event: Option<&str>, body: &[u8]) -> Result<Self> {
        if body.len() > MAX_BODY_BYTES {
            return unreadable(format!(
                "it has {} bytes, and at most {MAX_BODY_BYTES} are read",
                body.len()
            ));
        }
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| UnreadableEvent(format!("it is not JSON: {error}")))?;
        let mut read = Self::default();
        match cloud_event {
            Some(kind) => read.cloud_event(kind, &value, MAX_ENVELOPES)?,
            None => read.add(&value, MAX_ENVELOPES)?,
        }
        Ok(read)
    }

    fn add(&mut self, value: &Value, envelopes: u32) -> Result<()> {
        let Some(envelopes) = envelopes.checked_sub(1) else {
            return unreadable("it has too many envelopes around it".to_owned());
        };
        let word = |name: &str| value.get(name).and_then(Value::as_str);
        if let Some(several) = value.as_array() {
            // A batch of CloudEvents or of Azure's Event Grid.
            check_count(several)?;
            several.iter().try_for_each(|one| self.add(one, envelopes))
        } else if let Some(records) = value.get("Records").and_then(Value::as_array) {
            check_count(records)?;
            records.iter().try_for_each(|record| self.record(record))
        } else if let Some(kind) = word("Type").filter(|_| value.get("TopicArn").is_some()) {
            self.sns(kind, word("Message"), envelopes)
        } else if word("Event") == Some("s3:TestEvent") {
            self.ignored.push(Ignored::Test);
            Ok(())
        } else if let (Some(kind), Some("aws.s3")) = (word("detail-type"), word("source")) {
            self.event_bridge(kind, value)
        } else if word("specversion").is_some() {
            let kind = word("type").unwrap_or_default();
            self.cloud_event(kind, value.get("data").unwrap_or(&Value::Null), envelopes)
        } else if value.get("s3").is_some() {
            self.record(value)
        } else if is_of_other_store(value) {
            self.ignored.push(Ignored::OtherStore);
            Ok(())
        } else {
            unreadable("it is no notification of S3, SNS, EventBridge or CloudEvents".to_owned())
        }
    }

    fn sns(&mut self, kind: &str, message: Option<&str>, envelopes: u32) -> Result<()> {
        let Some(message) = message.filter(|_| kind == "Notification") else {
            // Asks to confirm a subscription, which is an operator's business.
            self.ignored.push(Ignored::Test);
            return Ok(());
        };
        let inner: Value = serde_json::from_str(message)
            .map_err(|error| UnreadableEvent(format!("its `Message` is not JSON: {error}")))?;
        self.add(&inner, envelopes)
    }

    fn cloud_event(&mut self, kind: &str, data: &Value, envelopes: u32) -> Result<()> {
        if kind.starts_with("google.cloud.storage.") || kind.starts_with("Microsoft.Storage.") {
            self.ignored.push(Ignored::OtherStore);
            return Ok(());
        }
        self.add(data, envelopes)
    }

    fn event_bridge(&mut self, kind: &str, value: &Value) -> Result<()> {
        match kind {
            "Object Created" => {}
            "Object Deleted" => {
                self.ignored.push(Ignored::Removed);
                return Ok(());
            }
            _ => {
                self.ignored.push(Ignored::OtherEvent);
                return Ok(());
            }
        }
        let bucket = text(value, "/detail/bucket/name")?;
        let key = text(value, "/detail/object/key")?;
        self.hint(bucket, key.to_owned(), value.get("time"))
    }

    /// A record of S3 and of those that speak its language.
    fn record(&mut self, record: &Value) -> Result<()> {
        let name = text(record, "/eventName")?;
        let name = name.strip_prefix("s3:").unwrap_or(name);
        // Ceph says `ObjectSynced` of what another zone has sent.
        if !name.starts_with("ObjectCreated:") && !name.starts_with("ObjectSynced:Create") {
            self.ignored.push(match name.split(':').next() {
                Some("ObjectRemoved" | "LifecycleExpiration" | "ObjectLifecycle") => {
                    Ignored::Removed
                }
                Some("TestEvent") => Ignored::Test,
                _ => Ignored::OtherEvent,
            });
            return Ok(());
        }
        let source = record.get("eventSource").and_then(Value::as_str);
        let key = text(record, "/s3/object/key")?;
        let decoded = || percent_decoded(&key.replace('+', " "));
        let key = match source {
            Some("ceph:s3") => key.to_owned(),
            Some("aws:s3" | "minio:s3") => decoded().map_err(|error| {
                UnreadableEvent(format!("its key is not encoded as in a form: {error}"))
            })?,
            // Most encode as AWS does; a key that cannot be decoded is one that was not encoded.
            _ => decoded().unwrap_or_else(|_| key.to_owned()),
        };
        let bucket = text(record, "/s3/bucket/name")?;
        self.hint(bucket, key, record.get("eventTime"))
    }

    fn hint(&mut self, bucket: &str, key: String, time: Option<&Value>) -> Result<()> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES || key.contains('\0') {
            return unreadable("its key is none that an object may have".to_owned());
        }
        self.hints.push(ObjectHint {
            at: StoreUri::S3 {
                bucket: bucket.to_owned(),
                key,
            },
            since_ms: time.and_then(Value::as_str).map_or(0, milliseconds),
        });
        Ok(())
    }
}

fn check_count(records: &[Value]) -> Result<()> {
    match records.len() > MAX_RECORDS {
        true => unreadable(format!(
            "it has {} records, and at most {MAX_RECORDS} are read",
            records.len()
        )),
        false => Ok(()),
    }
}

/// A text of a notification, by its path.
fn text<'v>(value: &'v Value, path: &str) -> Result<&'v str> {
    let found = value.pointer(path).and_then(Value::as_str);
    found.ok_or_else(|| {
        let path = path[1..].replace('/', ".");
        UnreadableEvent(format!("it has no text `{path}`"))
    })
}

/// Returns true for notifications of Google Cloud Storage (an object, or Pub/Sub's attributes about one) and of Azure (an
/// event in Event Grid's own schema).
fn is_of_other_store(value: &Value) -> bool {
    let begins = |path: &str, with: &str| {
        let found = value.pointer(path).and_then(Value::as_str);
        found.is_some_and(|text| text.starts_with(with))
    };
    begins("/kind", "storage#object")
        || begins("/message/attributes/eventType", "OBJECT_")
        || begins("/eventType", "Microsoft.Storage.")
}

fn unreadable<T>(reason: String) -> Result<T> {
    Err(UnreadableEvent(reason))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Notification> {
        Notification::read(None, value.to_string().as_bytes())
    }

    fn keys(value: &Value) -> Vec<String> {
        let read = read(value).unwrap_or_else(|error| panic!("{error}: {value}"));
        read.hints.iter().map(|hint| hint.at.to_string()).collect()
    }

    fn record(source: &str, event: &str, key: &str) -> Value {
        json!({
            "eventVersion": "2.1", "eventSource": source, "awsRegion": "", "eventTime": "2026-11-29T17:40:00.000Z",
            "eventName": event, "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "scans"}, "object": {"key": key, "size": 9}},
        })
    }

    #[test]
    fn every_store_writes_keys_in_its_own_way() {
        let decoded = "s3://scans/1921/red flower+ü 50%.pdf";
        let encoded = "1921%2Fred+flower%2B%C3%BC+50%25.pdf";
        for (source, event, key) in [
            ("aws:s3", "ObjectCreated:Put", encoded),
            (
                "aws:s3",
                "ObjectCreated:Put",
                "1921/red+flower%2B%C3%BC+50%25.pdf",
            ),
            (
                "minio:s3",
                "s3:ObjectCreated:CompleteMultipartUpload",
                encoded,
            ),
            (
                "ceph:s3",
                "s3:ObjectCreated:Put",
                "1921/red flower+ü 50%.pdf",
            ),
            (
                "ceph:s3",
                "ObjectSynced:Create",
                "1921/red flower+ü 50%.pdf",
            ),
            ("rustfs:s3", "s3:ObjectCreated:Put", encoded),
            (
                "other:s3",
                "s3:ObjectCreated:Put",
                "1921/red flower+ü 50%.pdf",
            ),
        ] {
            let wanted = match key.contains(' ') && source == "other:s3" {
                // Undecodable, and so taken as it is.
                true => "s3://scans/1921/red flower+ü 50%.pdf",
                false => decoded,
            };
            assert_eq!(
                keys(&json!({"Records": [record(source, event, key)]})),
                [wanted],
                "{source}"
            );
        }
        // Decoding would make other keys of these.
        for raw in ["a+b.pdf", "100%25.pdf", "%41.pdf"] {
            let ceph = json!({"Records": [record("ceph:s3", "ObjectCreated:Put", raw)]});
            assert_eq!(keys(&ceph), [format!("s3://scans/{raw}")]);
        }
    }

    #[test]
    fn minio_says_it_twice_and_counts_once() {
        let body = json!({
            "EventName": "s3:ObjectCreated:Put", "Key": "scans/a b.pdf",
            "Records": [record("minio:s3", "s3:ObjectCreated:Put", "a+b.pdf")],
        });
        let notification = read(&body).unwrap();
        assert_eq!(keys(&body), ["s3://scans/a b.pdf"]);
        assert_eq!(notification.hints[0].since_ms, 1_795_974_000_000);
    }

    #[test]
    fn envelopes_are_opened() {
        let records = json!({"Records": [record("aws:s3", "ObjectCreated:Put", "a+b.pdf")]});
        let sns = json!({
            "Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:1:t", "Subject": "Amazon S3 Notification",
            "Message": records.to_string(),
        });
        let structured = json!({
            "specversion": "1.0", "type": "com.amazonaws.s3.ObjectCreated:Put", "source": "x", "id": "1",
            "data": record("aws:s3", "ObjectCreated:Put", "a+b.pdf"),
        });
        let around_sns = json!({"specversion": "1.0", "type": "sns", "source": "x", "id": "1", "data": sns.clone()});
        for body in [&sns, &structured, &around_sns, &json!([structured])] {
            assert_eq!(keys(body), ["s3://scans/a b.pdf"], "{body}");
        }
        let binary = Notification::read(
            Some("com.amazonaws.s3.ObjectCreated:Put"),
            records.to_string().as_bytes(),
        );
        assert_eq!(binary.unwrap().hints.len(), 1);
    }

    #[test]
    fn the_keys_of_eventbridge_are_as_they_are() {
        let body = |kind: &str| {
            json!({
                "version": "0", "detail-type": kind, "source": "aws.s3", "time": "2026-11-29T17:40:00Z",
                "detail": {"bucket": {"name": "scans"}, "object": {"key": "a+b %41 ü.pdf", "etag": "1", "sequencer": "00"}},
            })
        };
        assert_eq!(keys(&body("Object Created")), ["s3://scans/a+b %41 ü.pdf"]);
        assert_eq!(
            read(&body("Object Deleted")).unwrap().ignored,
            [Ignored::Removed]
        );
        assert_eq!(
            read(&body("Object Tags Added")).unwrap().ignored,
            [Ignored::OtherEvent]
        );
    }

    #[test]
    fn what_gives_no_hint_is_counted_by_its_reason() {
        let several = json!({"Records": [
            record("minio:s3", "s3:ObjectRemoved:Delete", "a.pdf"),
            record("aws:s3", "LifecycleExpiration:Delete", "a.pdf"),
            record("minio:s3", "s3:ObjectAccessed:Get", "a.pdf"),
            record("aws:s3", "ObjectCreated:Copy", "a.pdf"),
        ]});
        let read_all = read(&several).unwrap();
        assert_eq!(
            read_all.ignored,
            [Ignored::Removed, Ignored::Removed, Ignored::OtherEvent]
        );
        assert_eq!(read_all.hints.len(), 1);
        for (body, wanted) in [
            (
                json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "scans"}),
                Ignored::Test,
            ),
            (
                json!({"Type": "SubscriptionConfirmation", "TopicArn": "t", "Message": "visit"}),
                Ignored::Test,
            ),
            (
                json!({"specversion": "1.0", "type": "google.cloud.storage.object.v1.finalized", "data": {"bucket": "b", "name": "a.pdf"}}),
                Ignored::OtherStore,
            ),
            (
                json!([{"eventType": "Microsoft.Storage.BlobCreated", "data": {}}]),
                Ignored::OtherStore,
            ),
            (
                json!({"message": {"attributes": {"eventType": "OBJECT_FINALIZE"}}}),
                Ignored::OtherStore,
            ),
        ] {
            assert_eq!(read(&body).unwrap().ignored, [wanted], "{body}");
        }
        assert_eq!(read(&json!({"Records": []})), Ok(Notification::default()));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let mut nested = json!({"Records": []});
        for _ in 0..5 {
            nested =
                json!({"Type": "Notification", "TopicArn": "t", "Message": nested.to_string()});
        }
        let many = vec![record("aws:s3", "ObjectCreated:Put", "a.pdf"); 1_001];
        let without_key = json!({"Records": [{"eventName": "ObjectCreated:Put", "eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}}}]});
        for (body, wanted) in [
            (json!({"schema": "recto.job/v1"}), "no notification of"),
            (json!(7), "no notification of"),
            (
                json!({"Records": [{"eventSource": "aws:kinesis"}]}),
                "`eventName`",
            ),
            (without_key, "`s3.object.key`"),
            (
                json!({"Records": [record("aws:s3", "ObjectCreated:Put", "50%.pdf")]}),
                "not encoded",
            ),
            (
                json!({"Records": [record("aws:s3", "ObjectCreated:Put", "%00.pdf")]}),
                "key is none",
            ),
            (
                json!({"Records": [record("ceph:s3", "ObjectCreated:Put", &"x".repeat(1025))]}),
                "key is none",
            ),
            (json!({"Records": many}), "1001 records"),
            (nested, "too many envelopes"),
            (
                json!({"Type": "Notification", "TopicArn": "t", "Message": "hello"}),
                "`Message` is not JSON",
            ),
        ] {
            let error = read(&body).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
        let long = vec![b' '; MAX_BODY_BYTES + 1];
        assert!(
            Notification::read(None, &long)
                .unwrap_err()
                .to_string()
                .contains("bytes")
        );
        let deep = "[".repeat(100_000);
        assert!(Notification::read(None, deep.as_bytes()).is_err());
        assert!(Notification::read(None, b"\xFF").is_err());
    }
}
