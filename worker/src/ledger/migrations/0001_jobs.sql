-- One row for each job. Times are milliseconds since 1970, 0 where not known; texts are empty where not known.
CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY,
    batch TEXT NOT NULL,
    state TEXT NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    source TEXT NOT NULL,
    output TEXT NOT NULL,
    body TEXT NOT NULL,
    has_password BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    worker TEXT NOT NULL,
    submitted BIGINT NOT NULL,
    started BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    pages BIGINT NOT NULL,
    pages_failed BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    manifest TEXT NOT NULL,
    manifest_sha256 TEXT NOT NULL
);
CREATE INDEX jobs_by_state ON jobs (batch, state, kind, id);
CREATE INDEX jobs_by_end ON jobs (batch, ended);
CREATE INDEX jobs_that_are_open ON jobs (id) WHERE state IN ('waiting', 'reading', 'lost');

-- The sums of `jobs`, kept in the same transactions.
CREATE TABLE sums (
    batch TEXT NOT NULL,
    state TEXT NOT NULL,
    kind TEXT NOT NULL,
    jobs BIGINT NOT NULL,
    pages BIGINT NOT NULL,
    pages_failed BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (batch, state, kind)
);

-- What each worker had in hand when it said so last: a JSON array of ids.
CREATE TABLE workers (
    worker TEXT NOT NULL PRIMARY KEY,
    seen BIGINT NOT NULL,
    jobs TEXT NOT NULL
);

-- Messages that are no event, by their SHA-256: counted, and kept to be looked at.
CREATE TABLE unreadable (
    sha256 TEXT NOT NULL PRIMARY KEY,
    seen BIGINT NOT NULL,
    reason TEXT NOT NULL,
    body TEXT NOT NULL
);
