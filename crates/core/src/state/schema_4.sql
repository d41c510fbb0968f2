-- A target store that fails over (R78).

-- Target agent: the copy of the target store that served when the containers of a mailbox were applied.
CREATE TABLE serving (
    mailbox BLOB PRIMARY KEY,
    copy TEXT NOT NULL
) STRICT;

-- Target agent: applied containers that are kept until copies have flushed what they committed.
ALTER TABLE taken ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
CREATE INDEX taken_kept ON taken (mailbox) WHERE kept = 1;

-- Target agent: items that a container has taken away, deleted or replaced by other bytes, while it is kept.
CREATE TABLE taken_away (
    mailbox BLOB NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    token BLOB NOT NULL,
    folder INTEGER NOT NULL,
    target_id BLOB NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (mailbox, seq, epoch, token, target_id)
) STRICT;
