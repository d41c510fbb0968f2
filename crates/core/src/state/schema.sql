-- The ledger: every table of this file is replicated to the other nodes. docs/formats/state.md explains each column.
-- Times are milliseconds since 1970-01-01T00:00:00Z. A container is (mailbox, seq, epoch), the parts of its name.

-- Activations of this agent (R3).
CREATE TABLE epoch (
    epoch INTEGER PRIMARY KEY,
    node TEXT NOT NULL,
    claimed_ms INTEGER NOT NULL
) STRICT;

-- Outgoing chain of a mailbox: mail at the source agent, receipts at the target agent.
CREATE TABLE outbound (
    mailbox BLOB PRIMARY KEY,
    last_seq INTEGER NOT NULL,
    last_epoch INTEGER NOT NULL,
    run_epoch INTEGER NOT NULL,
    run_base INTEGER NOT NULL
) STRICT;

-- Containers whose copies are placed (R21), with the target's answer (R45).
CREATE TABLE published (
    mailbox BLOB NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    digest BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    items INTEGER NOT NULL,
    published_ms INTEGER NOT NULL,
    outcome INTEGER,
    outcome_ms INTEGER,
    PRIMARY KEY (mailbox, seq, epoch)
) STRICT;

-- Copies that the passive node does not hold yet (R13, R22).
CREATE TABLE coverage_debt (
    mailbox BLOB NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    node TEXT NOT NULL,
    lane TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    last_error TEXT NOT NULL,
    PRIMARY KEY (mailbox, seq, epoch, node, lane)
) STRICT;

-- Incoming chain of a mailbox: mail at the target agent, receipts at the source agent (R3, R41).
CREATE TABLE inbound (
    mailbox BLOB PRIMARY KEY,
    last_seq INTEGER NOT NULL,
    newest_epoch INTEGER NOT NULL,
    base INTEGER NOT NULL
) STRICT;

-- Containers taken from IN, whatever became of them (R43). receipt_seq: the container that carried the receipt back; 0: not yet.
CREATE TABLE taken (
    mailbox BLOB NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    digest BLOB NOT NULL,
    outcome INTEGER NOT NULL,
    applied INTEGER NOT NULL,
    already INTEGER NOT NULL,
    found INTEGER NOT NULL,
    skipped TEXT NOT NULL,
    taken_ms INTEGER NOT NULL,
    receipt_seq INTEGER NOT NULL,
    PRIMARY KEY (mailbox, seq, epoch)
) STRICT;
CREATE INDEX taken_without_receipt ON taken (mailbox, seq) WHERE receipt_seq = 0;

-- Containers whose import has begun (R42) or failed (R44).
CREATE TABLE attempt (
    mailbox BLOB NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    begun_ms INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    last_error TEXT NOT NULL,
    PRIMARY KEY (mailbox, seq, epoch)
) STRICT;

-- Source agent: folders and items as last published. sent 0 and digest NULL: to be sent again (R40).
-- body_seq: the container that carried the bytes; seq: the last one that said anything about the item.
CREATE TABLE source_folder (
    mailbox BLOB NOT NULL,
    id INTEGER NOT NULL,
    path TEXT NOT NULL,
    info TEXT NOT NULL,
    sent INTEGER NOT NULL,
    PRIMARY KEY (mailbox, id)
) STRICT;
CREATE UNIQUE INDEX source_folder_path ON source_folder (mailbox, path);

CREATE TABLE source_item (
    mailbox BLOB NOT NULL,
    folder INTEGER NOT NULL,
    key BLOB NOT NULL,
    token BLOB NOT NULL,
    size INTEGER NOT NULL,
    digest BLOB,
    flags INTEGER NOT NULL,
    keywords TEXT NOT NULL,
    body_seq INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (mailbox, folder, key)
) STRICT;
CREATE UNIQUE INDEX source_item_token ON source_item (mailbox, token);
CREATE INDEX source_item_body ON source_item (mailbox, body_seq);
CREATE INDEX source_item_seq ON source_item (mailbox, seq);

-- Items reported gone, until the target has confirmed it. seq 0: to be reported again (R40).
CREATE TABLE source_gone (
    mailbox BLOB NOT NULL,
    token BLOB NOT NULL,
    folder INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (mailbox, token)
) STRICT;

-- Target agent: where each item went.
CREATE TABLE target_folder (
    mailbox BLOB NOT NULL,
    id INTEGER NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (mailbox, id)
) STRICT;
CREATE UNIQUE INDEX target_folder_path ON target_folder (mailbox, path);

CREATE TABLE tracking (
    mailbox BLOB NOT NULL,
    token BLOB NOT NULL,
    folder INTEGER NOT NULL,
    target_id BLOB NOT NULL,
    digest BLOB NOT NULL,
    flags INTEGER NOT NULL,
    keywords TEXT NOT NULL,
    gone INTEGER NOT NULL,
    PRIMARY KEY (mailbox, token)
) STRICT;

-- Transmission agent: delivered containers, one row per lane (R33).
CREATE TABLE delivery (
    lane TEXT NOT NULL,
    mailbox BLOB NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    digest BLOB NOT NULL,
    delivered_ms INTEGER NOT NULL,
    PRIMARY KEY (lane, mailbox, seq, epoch)
) STRICT;

-- Deletions that failed (R50-R56). area: OUT/<lane> or IN/<origin>.
CREATE TABLE DeletedDataFiles (
    node TEXT NOT NULL,
    path TEXT NOT NULL,
    area TEXT NOT NULL,
    mailbox BLOB NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    digest BLOB NOT NULL,
    first_failure_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_ms INTEGER NOT NULL,
    last_error TEXT NOT NULL,
    PRIMARY KEY (node, path)
) STRICT;
CREATE INDEX DeletedDataFiles_container ON DeletedDataFiles (area, mailbox, seq, epoch);

-- Deletions given up: an orphan that turns up is deleted on sight (R55).
CREATE TABLE tombstone (
    area TEXT NOT NULL,
    mailbox BLOB NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    digest BLOB NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (area, mailbox, seq, epoch)
) STRICT;
