//! Events from a queue of Amazon SQS: AWS S3 sends them there, itself, by SNS or by EventBridge.

use std::{sync::Arc, time::Duration};

use aws_sdk_sqs::{
    Client,
    config::{Region, timeout::TimeoutConfig},
    error::DisplayErrorContext,
    types::{Message, MessageSystemAttributeName},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{config::SqsSource, intake::EventIntake};
use crate::{
    broker::connection::ExponentialBackoff,
    observe::metrics::events::EventOrigin,
    store::{StoreError, config::StoreConfig, sdk_config},
};

/// Messages of one answer; SQS gives no more.
const MESSAGES: i32 = 10;
/// Time that a question waits for a message, in seconds; SQS waits no longer.
const POLL_S: i32 = 20;
/// Time that a message is kept from others, in seconds: longer than an object that is not there is waited for.
const HIDDEN_S: i32 = 600;
/// Maximum messages that are settled at the same time. More than there are objects that may be waited for, so that those
/// never keep others back.
const AT_ONCE: usize = 1_000;

/// Takes events until it is told to stop. A queue that is away is waited for.
///
/// # Errors
/// There are no credentials.
pub(super) async fn run(
    intake: &Arc<EventIntake>,
    source: &SqsSource,
    store: &StoreConfig,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    let client = client(source, store).await?;
    let queue = source.queue_url.as_str();
    tracing::info!(queue, "taking events of stores");
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut settling = JoinSet::new();
    let mut backoff = ExponentialBackoff::default();
    loop {
        while settling.try_join_next().is_some() {}
        let asked = async {
            // Room first: what is taken is settled.
            let permits = Arc::clone(&room).acquire_many_owned(MESSAGES as u32).await;
            (permits.ok(), receive(&client, queue).await)
        };
        let (permits, received) = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            asked = asked => asked,
        };
        match received {
            Ok(messages) => {
                backoff.reset();
                let mut permits = permits;
                for message in messages {
                    let permit = permits.as_mut().and_then(|permits| permits.split(1));
                    let (intake, client) = (Arc::clone(intake), client.clone());
                    let queue = queue.to_owned();
                    settling.spawn(async move {
                        settle(&intake, &client, &queue, message, permit).await;
                    });
                }
            }
            Err(reason) => {
                tracing::warn!(queue, reason, "the queue cannot be asked; asking again");
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = sleep(backoff.next_wait()) => {}
                }
            }
        }
    }
}

/// A client, with the credentials and certificates of the store.
async fn client(source: &SqsSource, store: &StoreConfig) -> Result<Client, StoreError> {
    let config = sdk_config(store, source.endpoint.as_deref()).await?;
    // A question is answered after [`POLL_S`] at the latest.
    let timeout = store.s3_timeout + Duration::from_secs(POLL_S as u64);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(store.s3_timeout)
        .read_timeout(timeout)
        .operation_attempt_timeout(timeout)
        .build();
    let mut builder = aws_sdk_sqs::config::Builder::from(&config).timeout_config(timeouts);
    if let Some(region) = &source.region {
        builder = builder.region(Region::new(region.clone()));
    }
    Ok(Client::from_conf(builder.build()))
}

async fn receive(client: &Client, queue: &str) -> Result<Vec<Message>, String> {
    let asked = client
        .receive_message()
        .queue_url(queue)
        .max_number_of_messages(MESSAGES)
        .wait_time_seconds(POLL_S)
        .visibility_timeout(HIDDEN_S)
        .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
    let received = asked.send().await;
    let received = received.map_err(|error| DisplayErrorContext(error).to_string())?;
    Ok(received.messages.unwrap_or_default())
}

/// Settles a message: deleted once each of its documents is a job, known or given up. One that cannot be read stays: the
/// queue's own policy moves it to a dead-letter queue.
async fn settle(
    intake: &EventIntake,
    client: &Client,
    queue: &str,
    message: Message,
    _room: Option<OwnedSemaphorePermit>,
) {
    let origin = EventOrigin::Sqs;
    let body = message.body().unwrap_or_default();
    let read = match intake.read(origin, None, body.as_bytes()) {
        Ok(read) => read,
        Err(error) => {
            let id = message.message_id().unwrap_or_default();
            tracing::warn!(queue, id, %error, "a message is no event that can be read; it is left to the queue's redrive policy");
            return;
        }
    };
    let counts = message.attributes();
    let count =
        counts.and_then(|counts| counts.get(&MessageSystemAttributeName::ApproximateReceiveCount));
    let redelivered = count.is_some_and(|count| count != "1");
    intake.settle_all(origin, &read.hints, redelivered).await;
    let delete = client
        .delete_message()
        .queue_url(queue)
        .set_receipt_handle(message.receipt_handle);
    if let Err(error) = delete.send().await {
        // It comes again, and is known then.
        tracing::warn!(queue, error = %DisplayErrorContext(error), "a settled message could not be deleted");
    }
}
