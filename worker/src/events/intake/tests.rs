use std::{fs, path::PathBuf, sync::Mutex};

use async_trait::async_trait;
use serde_json::json;
use tempfile::TempDir;

use super::{super::rules::tests::rules, *};
use crate::{
    commands::job_queue::QueueError,
    ledger::config::LedgerUrl,
    store::{StoreUri, local_stores},
};

/// Keeps what it gets; the first of it only if there is no failure left.
#[derive(Default)]
struct KeptJobs {
    jobs: Mutex<Vec<Job>>,
    failures: Mutex<usize>,
}

#[async_trait]
impl JobSink for KeptJobs {
    async fn send(&self, job: &Job) -> Result<(), QueueError> {
        let mut failures = self.failures.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            return Err(QueueError::NotQueued("away".to_owned()));
        }
        self.jobs.lock().unwrap().push(job.clone());
        Ok(())
    }
}

struct Inbox {
    _root: TempDir,
    folder: PathBuf,
    intake: Arc<EventIntake>,
    sent: Arc<KeptJobs>,
    registry: prometheus::Registry,
}

async fn inbox() -> Inbox {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().canonicalize().unwrap().join("in");
    fs::create_dir(&folder).unwrap();
    let text = format!(
        "[[rule]]\nname = \"in\"\nfolder = {folder:?}\noutput = \"file://{}\"\nmax-size = \"1kB\"",
        folder.join("out").display()
    );
    let url = LedgerUrl::File(root.path().join("ledger.db"));
    let sent = Arc::new(KeptJobs::default());
    let registry = prometheus::Registry::new();
    let intake = EventIntake::new(
        rules(&text, Some(root.path())).unwrap(),
        Arc::new(local_stores(root.path())),
        Ledger::open(&url).await.unwrap(),
        Arc::clone(&sent) as _,
        &registry,
    );
    Inbox {
        folder,
        intake: Arc::new(intake.unwrap()),
        sent,
        registry,
        _root: root,
    }
}

impl Inbox {
    fn hint(&self, name: &str) -> ObjectHint {
        ObjectHint {
            at: StoreUri::File {
                path: self.folder.join(name).display().to_string(),
            },
            since_ms: 0,
        }
    }

    async fn settle(&self, name: &str, redelivered: bool) -> EventOutcome {
        let (origin, hint) = (EventOrigin::Folder, self.hint(name));
        let settled = self
            .intake
            .settle(origin, &hint, redelivered, RetryMode::Long);
        settled.await.unwrap().outcome
    }

    async fn settle_once(&self, name: &str) -> Result<EventOutcome, String> {
        let (origin, hint) = (EventOrigin::Sweep, self.hint(name));
        let settled = self.intake.settle(origin, &hint, false, RetryMode::None);
        let settled = settled.await.map_err(|error| error.reason);
        Ok(settled?.outcome)
    }

    fn jobs(&self) -> Vec<Job> {
        self.sent.jobs.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_document_becomes_one_job_and_is_sent_again_only_if_it_may_not_have_been() {
    let inbox = inbox().await;
    fs::write(inbox.folder.join("a.pdf"), "%PDF").unwrap();
    assert_eq!(inbox.settle("a.pdf", false).await, EventOutcome::Submitted);
    assert_eq!(inbox.settle("a.pdf", false).await, EventOutcome::Known);
    // The message comes again: whoever had it may have ended between the ledger and the queue.
    assert_eq!(inbox.settle("a.pdf", true).await, EventOutcome::SentAgain);
    let jobs = inbox.jobs();
    assert_eq!(jobs.len(), 2);
    assert_eq!(jobs[0], jobs[1], "the same try");

    let lose = |record: &mut crate::ledger::record::JobRecord| {
        record.state = JobState::Lost;
        true
    };
    let ids = [jobs[0].id.clone()];
    inbox.intake.ledger.change(&ids, lose).await.unwrap();
    assert_eq!(inbox.settle("a.pdf", false).await, EventOutcome::SentAgain);
    assert_eq!(inbox.settle("a.pdf", false).await, EventOutcome::Known);
    let record = inbox.intake.ledger.job(&ids[0]).await.unwrap().unwrap();
    assert_eq!(record.state, JobState::Waiting);
    assert_eq!(inbox.jobs().len(), 3);

    // Another document under the same name is another job.
    fs::write(inbox.folder.join("a.pdf"), "%PDF-1.7").unwrap();
    assert_eq!(inbox.settle("a.pdf", true).await, EventOutcome::Submitted);
    assert_ne!(inbox.jobs()[3].id, ids[0]);
}

#[tokio::test]
async fn what_is_not_there_yet_is_waited_for_and_what_is_no_document_is_not() {
    let inbox = inbox().await;
    let path = inbox.folder.join("late.pdf");
    let (settled, ()) = tokio::join!(inbox.settle("late.pdf", false), async {
        sleep(Duration::from_millis(200)).await;
        fs::write(path, "%PDF").unwrap();
    });
    assert_eq!(settled, EventOutcome::Submitted);
    let once = inbox.settle_once("gone.pdf").await;
    assert_eq!(once, Ok(EventOutcome::Gone));
    // Outside of what the store may give: a sweep names it.
    std::os::unix::fs::symlink("/dev/null", inbox.folder.join("b.pdf")).unwrap();
    let refused = inbox.settle_once("b.pdf").await.unwrap_err();
    assert!(refused.contains("--file-root"), "{refused}");
    assert_eq!(inbox.settle("b.pdf", false).await, EventOutcome::Refused);
    fs::create_dir(inbox.folder.join("out")).unwrap();
    for (name, text, wanted) in [
        ("large.pdf", "x".repeat(1_001), EventOutcome::Size),
        ("empty.pdf", String::new(), EventOutcome::Size),
        ("notes.txt", "notes".to_owned(), EventOutcome::NoRule),
        ("out/a.webp", "RIFF".to_owned(), EventOutcome::Result),
    ] {
        fs::write(inbox.folder.join(name), text).unwrap();
        assert_eq!(inbox.settle(name, false).await, wanted, "{name}");
    }
    assert_eq!(inbox.jobs().len(), 1);
    let shown = prometheus::TextEncoder::new()
        .encode_to_string(&inbox.registry.gather())
        .unwrap();
    for line in [
        "recto_events_total{outcome=\"submitted\",source=\"folder\"} 1",
        "recto_events_total{outcome=\"gone\",source=\"sweep\"} 1",
        "recto_events_total{outcome=\"refused\",source=\"folder\"} 1",
        "recto_events_total{outcome=\"size\",source=\"folder\"} 2",
        "recto_events_total{outcome=\"unreadable\",source=\"amqp\"} 0",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let series = shown
        .lines()
        .filter(|line| line.starts_with("recto_events_total"));
    assert_eq!(
        series.count(),
        EventOrigin::ALL.len() * EventOutcome::ALL.len()
    );
}

#[tokio::test]
async fn a_queue_that_is_away_is_waited_for_unless_there_is_no_patience() {
    let inbox = inbox().await;
    fs::write(inbox.folder.join("a.pdf"), "%PDF").unwrap();
    *inbox.sent.failures.lock().unwrap() = 1;
    assert_eq!(inbox.settle("a.pdf", false).await, EventOutcome::Submitted);
    assert_eq!(inbox.jobs().len(), 1);
    fs::write(inbox.folder.join("b.pdf"), "%PDF").unwrap();
    *inbox.sent.failures.lock().unwrap() = 1;
    let reason = inbox.settle_once("b.pdf").await.unwrap_err();
    assert!(reason.contains("away"), "{reason}");
}

#[tokio::test]
async fn a_request_is_told_what_became_of_its_events() {
    let inbox = inbox().await;
    let record = |event: &str| json!({"eventName": event, "eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": "a.pdf"}}});
    let body = json!({"Records": [record("ObjectCreated:Put"), record("ObjectRemoved:Delete")]});
    let taken = inbox.intake.take(None, body.to_string().as_bytes()).await;
    let wanted = TakenEvents {
        ignored: 2,
        ..TakenEvents::default()
    };
    assert_eq!(taken.unwrap(), wanted, "no rule is for the bucket");
    let unreadable = inbox.intake.take(None, b"hello").await.unwrap_err();
    assert!(
        matches!(unreadable, TakeError::Unreadable(_)),
        "{unreadable}"
    );
}
