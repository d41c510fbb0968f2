-- Tables of this node alone: never recorded, never shipped, untouched by a snapshot.

-- Where the log of this database stands. One row.
CREATE TABLE local_log (
    only         INTEGER PRIMARY KEY CHECK (only = 1),
    epoch        INTEGER NOT NULL,               -- epoch of the last change set, or begun since
    lsn          INTEGER NOT NULL,               -- number of the last change set
    digest       BLOB    NOT NULL,               -- chain digest up to lsn
    writer       INTEGER NOT NULL,               -- 1: this node may append to the epoch
    outbox_bytes INTEGER NOT NULL,
    wants        TEXT                            -- why a snapshot is needed; NULL: it is not
) STRICT;
INSERT INTO local_log VALUES (1, 0, 0, zeroblob(32), 1, 0, NULL);

-- Change sets that some standby may not hold yet, without a hole up to local_log.lsn.
CREATE TABLE local_outbox (
    lsn     INTEGER PRIMARY KEY,
    digest  BLOB NOT NULL,                       -- chain digest up to lsn
    changes BLOB NOT NULL
) STRICT;

-- Which epoch began after which change set.
CREATE TABLE local_lineage (
    epoch INTEGER PRIMARY KEY,
    base  INTEGER NOT NULL
) STRICT;

-- What each standby was seen to hold. For people and for pruning: the truth is the standby's folder.
CREATE TABLE local_replica (
    node  TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    lsn   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
