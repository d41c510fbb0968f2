-- Source agent: the internal date of each item, in seconds since 1970; NULL: it was recorded before dates were kept.
ALTER TABLE source_item ADD COLUMN date INTEGER;

-- What an item was that is reported gone; NULL as there.
ALTER TABLE source_gone ADD COLUMN digest BLOB;
ALTER TABLE source_gone ADD COLUMN size INTEGER;
ALTER TABLE source_gone ADD COLUMN date INTEGER;

-- Items that cannot be read at the source. Target agent: as it was told; path: of their folder at the source, size -1: not known.
CREATE TABLE unread (
    mailbox BLOB NOT NULL,
    token BLOB NOT NULL,
    path TEXT,
    size INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (mailbox, token)
) STRICT;

-- Source agent: the tokens it has told the target of, one behind the other, and the containers that did, from first to last; last 0: to be
-- told again.
CREATE TABLE unread_told (
    mailbox BLOB PRIMARY KEY,
    tokens BLOB NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT;

-- Source agent: 1: a census of what can be read has been sent, and the whole one is owed.
ALTER TABLE stock ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
