-- Messages to webhooks, recorded in the transaction that ends a job; kept once they are delivered. Times are milliseconds
-- since 1970, 0 where there is none.
CREATE TABLE webhook_messages (
    id TEXT NOT NULL PRIMARY KEY,
    webhook TEXT NOT NULL,
    body TEXT NOT NULL,
    created BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    error TEXT NOT NULL
);
CREATE INDEX webhook_messages_that_wait ON webhook_messages (webhook, next_attempt) WHERE next_attempt > 0;
