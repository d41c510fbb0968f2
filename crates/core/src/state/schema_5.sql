-- Source agent: move requests (R80, R81).

-- One mailbox, one request. Names and numbers are those of rules::moves.
CREATE TABLE move_request (
    mailbox BLOB PRIMARY KEY,
    id TEXT NOT NULL,
    batch TEXT NOT NULL,
    comment TEXT NOT NULL,
    state TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    spent TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    ready_ms INTEGER NOT NULL,
    packed_ms INTEGER NOT NULL,
    synced_ms INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    again_ms INTEGER NOT NULL,
    failure TEXT,
    message TEXT NOT NULL,
    priority TEXT NOT NULL,
    suspend_when_ready INTEGER NOT NULL,
    prevent_completion INTEGER NOT NULL,
    start_after_ms INTEGER NOT NULL,
    complete_after_ms INTEGER NOT NULL,
    interval_ms INTEGER NOT NULL,
    bad_items_max INTEGER NOT NULL,
    large_items_max INTEGER NOT NULL,
    accept_large_data_loss INTEGER NOT NULL
) STRICT;

-- What happened to the requests of a mailbox, removed ones too.
CREATE TABLE move_history (
    mailbox BLOB NOT NULL,
    number INTEGER NOT NULL,
    request TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    what TEXT NOT NULL,
    PRIMARY KEY (mailbox, number)
) STRICT;

-- Orders that were done or refused, so that none is done twice.
CREATE TABLE move_order (
    id TEXT PRIMARY KEY,
    mailbox BLOB NOT NULL,
    what TEXT NOT NULL,
    issued_ms INTEGER NOT NULL,
    done_ms INTEGER NOT NULL,
    refused TEXT
) STRICT;
CREATE INDEX move_order_done ON move_order (done_ms);

-- Items that are not at the target, with or without a request. kind: 0 corrupt or missing, 1 too large, 2 cannot be read at the source.
CREATE TABLE skipped (
    mailbox BLOB NOT NULL,
    token BLOB NOT NULL,
    kind INTEGER NOT NULL,
    reason TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (mailbox, token)
) STRICT;

-- Containers that the target has given up (R44): few.
CREATE INDEX published_archived ON published (mailbox, seq, epoch) WHERE outcome = 3;
