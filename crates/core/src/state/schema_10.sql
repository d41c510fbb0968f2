-- Switches that were taken back (R83).

-- Source agent: looked_at: the source has been looked at as a whole since.
CREATE TABLE undone (
    mailbox BLOB PRIMARY KEY,
    undone_ms INTEGER NOT NULL,
    looked_at INTEGER NOT NULL
) STRICT;

-- Source agent: items that were missing then. Their users have not deleted them; when their bytes turn up, it is they.
CREATE TABLE astray (
    mailbox BLOB NOT NULL,
    token BLOB NOT NULL,
    PRIMARY KEY (mailbox, token)
) STRICT;
