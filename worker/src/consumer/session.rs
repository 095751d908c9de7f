//! [`ConsumerSession`]: one connection and its deliveries.

use std::sync::Arc;

use lapin::Connection;

use super::ConsumerContext;
use crate::broker::{
    connection::{close, connect},
    consume::{ConsumeOptions, Consumer, ConsumerClosed, Delivery, consumer_tag},
    error::BrokerError,
    topology,
};

/// A connection with its deliveries: those of the jobs queue, and of the queue of jobs for this worker's engine.
pub(super) struct ConsumerSession {
    consumers: [Consumer; 2],
    orders: Consumer,
    connection: Arc<Connection>,
}

impl ConsumerSession {
    /// Connects, declares or checks the queues, and starts to consume.
    pub(super) async fn open(context: &ConsumerContext) -> Result<Self, BrokerError> {
        let connection = Arc::new(connect(&context.broker, "worker").await?);
        topology::ensure(&connection, &context.topology, context.broker.declare).await?;
        // Before the first job: it may be cancelled.
        let orders = context.orders.follow(&connection, context).await?;
        let consumers = subscribe(&connection, context).await?;
        Ok(Self {
            consumers,
            orders,
            connection,
        })
    }

    /// Starts to consume again, after [`cancel`](Self::cancel).
    pub(super) async fn resume(&mut self, context: &ConsumerContext) -> Result<(), BrokerError> {
        self.consumers = subscribe(&self.connection, context).await?;
        Ok(())
    }

    /// The next delivery, or why there is none. The future can be dropped without losing one.
    pub(super) async fn next(
        &mut self,
        context: &ConsumerContext,
    ) -> Result<Delivery, ConsumerClosed> {
        let [any, engine] = &mut self.consumers;
        loop {
            tokio::select! {
                order = self.orders.next() => context.orders.take(order?).await,
                delivery = any.next() => return match delivery {
                    Err(ConsumerClosed::Cancelled) => engine.next().await,
                    delivery => delivery,
                },
                delivery = engine.next() => return match delivery {
                    Err(ConsumerClosed::Cancelled) => any.next().await,
                    delivery => delivery,
                },
            }
        }
    }

    /// Asks the broker to send no more. Deliveries that it sent before still come out of `next`.
    pub(super) async fn cancel(&mut self) -> Result<(), BrokerError> {
        for consumer in &mut self.consumers {
            consumer.cancel().await?;
        }
        Ok(())
    }

    /// Closes the connection.
    pub(super) async fn close(self) {
        close(&self.connection).await;
    }
}

async fn subscribe(
    connection: &Connection,
    context: &ConsumerContext,
) -> Result<[Consumer; 2], BrokerError> {
    let engine = context.job_context.engine.info().name.to_string();
    let jobs = &context.topology.jobs;
    let of_engine = context.topology.engine_queue(&engine).unwrap_or(jobs);
    let consume = async |queue: &str| {
        let consuming = ConsumeOptions {
            queue: queue.to_owned(),
            prefetch: context.jobs,
            tag: consumer_tag(),
            from_first: false,
            ack_timeout: context.broker.ack_timeout,
            answer_timeout: context.broker.amqp_timeout,
        };
        Consumer::start(connection, consuming).await
    };
    Ok([consume(jobs).await?, consume(of_engine).await?])
}
