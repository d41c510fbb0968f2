-- What a manifest says of the way of each item (R84).

-- Target agent: the container that brought the bytes (0: not known), their size at the source (-1: not known), what the store changed
-- (bits of core::passage), the keywords it could not keep, and the likeness of the bytes where the server may have changed them.
ALTER TABLE tracking ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tracking ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tracking ADD COLUMN size INTEGER NOT NULL DEFAULT -1;
ALTER TABLE tracking ADD COLUMN altered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tracking ADD COLUMN keywords_lost TEXT NOT NULL DEFAULT '';
ALTER TABLE tracking ADD COLUMN likeness BLOB;

-- Target agent: path of the folder at the source. NULL: not known.
ALTER TABLE target_folder ADD COLUMN source TEXT;

-- Target agent: items that a container named and that are not at the target, by the newest refusal. path: of their folder at the source.
CREATE TABLE left_out (
    mailbox BLOB NOT NULL,
    token BLOB NOT NULL,
    path TEXT,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    size INTEGER NOT NULL,
    digest BLOB,
    reason TEXT NOT NULL,
    PRIMARY KEY (mailbox, token)
) STRICT;
INSERT OR REPLACE INTO left_out (mailbox, token, seq, epoch, size, reason)
    SELECT taken.mailbox, unhex(json_extract(skip.value, '$[0]')), seq, epoch, -1, json_extract(skip.value, '$[1]')
    FROM taken, json_each(taken.skipped) AS skip
    WHERE taken.outcome = 1 AND NOT EXISTS (
        SELECT 1 FROM tracking WHERE tracking.mailbox = taken.mailbox AND token = unhex(json_extract(skip.value, '$[0]')))
    ORDER BY taken.mailbox, epoch, seq;

-- Target agent: manifests that were made. digest: of the whole file.
CREATE TABLE manifest (
    mailbox BLOB NOT NULL,
    number INTEGER NOT NULL,
    digest BLOB NOT NULL,
    key BLOB NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    score TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    PRIMARY KEY (mailbox, number)
) STRICT;
