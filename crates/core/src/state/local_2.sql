-- Schema 2, tables of this node alone: when change sets were committed and replayed, and what a takeover had to do again.
-- 0 where a time is not known: what schema 1 left behind.

ALTER TABLE local_outbox ADD COLUMN committed_ms INTEGER NOT NULL DEFAULT 0;

-- Of change set `lsn`: when its writer committed it; when this node replayed it (0: it wrote it itself).
ALTER TABLE local_log ADD COLUMN committed_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE local_log ADD COLUMN replayed_ms INTEGER NOT NULL DEFAULT 0;

-- When the standby was last brought something.
ALTER TABLE local_replica ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0;

-- The takeover by which this node became active, until its report is told. One row, of the newest.
CREATE TABLE local_takeover (
    only   INTEGER PRIMARY KEY CHECK (only = 1),
    epoch  INTEGER NOT NULL,
    before TEXT    NOT NULL,                     -- the activation it followed, in words
    told   INTEGER NOT NULL                      -- 1: what is found from now on is told by itself
) STRICT;

-- What it had to do again or to finish, and has not been told.
CREATE TABLE local_redone (
    kind  TEXT    NOT NULL,
    what  TEXT    NOT NULL,                      -- a container or a mailbox
    count INTEGER NOT NULL,
    PRIMARY KEY (kind, what)
) STRICT, WITHOUT ROWID;
