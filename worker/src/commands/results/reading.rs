//! Documents that are being read, for `recto results --reading`.

use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use super::ResultsArgs;
use crate::{
    document::parts::{DocumentProgress, PartsScan},
    os::terminal::Shown,
    store::{ObjectStores, StoreError, StoreUri},
};

/// Least time between two looks at the store.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// Least time between two looks, in times of what the last one took: a long listing costs, and tells little that is new.
const LOOK_TIMES: u32 = 10;

/// Starts to look. News come a list at a time, as long as somebody takes them; none if they were not asked for.
///
/// # Errors
/// The store cannot be used.
pub(super) fn start(
    arguments: &ResultsArgs,
) -> Result<mpsc::Receiver<Vec<DocumentProgress>>, StoreError> {
    // A look waits until the news of the last one are taken.
    let (sender, news) = mpsc::channel(1);
    if let Some(prefix) = &arguments.reading {
        let root = match prefix {
            StoreUri::File { path } => Some(Path::new(path)),
            StoreUri::S3 { .. } => None,
        };
        let stores = ObjectStores::new(&arguments.store, root)?;
        let scan = PartsScan::new(Arc::new(stores), prefix);
        tokio::spawn(look(scan, arguments.batch.clone(), sender));
    }
    Ok(news)
}

async fn look(
    mut scan: PartsScan,
    batch: Option<String>,
    news: mpsc::Sender<Vec<DocumentProgress>>,
) {
    let mut told = HashMap::new();
    let mut has_failed = false;
    loop {
        let started = Instant::now();
        match scan.look().await {
            Ok(documents) => {
                has_failed = false;
                let new = changed(&mut told, documents, batch.as_deref());
                if !new.is_empty() && news.send(new).await.is_err() {
                    return;
                }
            }
            Err(error) if !has_failed => {
                has_failed = true;
                eprintln!(
                    "recto: cannot see which documents are being read: {}",
                    Shown(error)
                );
            }
            Err(_) => {}
        }
        sleep((started.elapsed() * LOOK_TIMES).max(LOOK_INTERVAL)).await;
    }
}

/// The documents of the batch of which other pages are there than were told of.
fn changed(
    told: &mut HashMap<String, u32>,
    documents: Vec<DocumentProgress>,
    batch: Option<&str>,
) -> Vec<DocumentProgress> {
    let now = documents
        .iter()
        .map(|progress| (progress.document.job.clone(), progress.pages_read));
    let now: HashMap<String, u32> = now.collect();
    let before = std::mem::replace(told, now);
    let is_wanted = |progress: &DocumentProgress| {
        let document = &progress.document;
        let is_new = before.get(&document.job) != Some(&progress.pages_read);
        is_new && (batch.is_none() || batch == document.batch.as_deref())
    };
    documents.into_iter().filter(is_wanted).collect()
}

/// `96 of 300 pages`.
pub(super) fn pages(progress: &DocumentProgress) -> String {
    format!(
        "{} of {} pages",
        progress.pages_read, progress.document.pages
    )
}

/// The document as a line of JSON.
pub(super) fn as_json(progress: &DocumentProgress) -> String {
    let document = &progress.document;
    let progress = json!({
        "schema": "recto.progress/v1",
        "state": "reading",
        "id": document.job,
        "batch": document.batch,
        "source": {"uri": document.uri},
        "pages_read": progress.pages_read,
        "pages": document.pages,
    });
    progress.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parts::PartDocument;

    fn progress(job: &str, batch: &str, pages_read: u32) -> DocumentProgress {
        DocumentProgress {
            document: PartDocument {
                job: job.to_owned(),
                batch: Some(batch.to_owned()),
                uri: format!("s3://b/{job}.pdf"),
                pages: 300,
            },
            pages_read,
        }
    }

    #[test]
    fn a_document_is_told_of_again_when_more_of_it_is_read() {
        let mut told = HashMap::new();
        let mut look = |documents: &[DocumentProgress], batch| {
            let new = changed(&mut told, documents.to_vec(), batch);
            new.iter().map(pages).collect::<Vec<_>>()
        };
        let (first, second) = (progress("1", "b", 16), progress("2", "c", 96));
        let both = [first, second];
        assert_eq!(look(&both, None), ["16 of 300 pages", "96 of 300 pages"]);
        assert!(look(&both, None).is_empty());
        let more = [progress("1", "b", 32), both[1].clone()];
        assert_eq!(look(&more, None), ["32 of 300 pages"]);
        assert!(look(&both, Some("c")).is_empty(), "of another batch");
    }
}
