-- Schema 7, tables of this node alone: what a container that is being imported brings, so that what it left behind is known even if it
-- is damaged before it is applied again. Only for stores that keep no tokens. Number of the container, then of each item its token and digest.
CREATE TABLE local_intent (
    mailbox BLOB NOT NULL,
    seq     INTEGER NOT NULL,
    epoch   INTEGER NOT NULL,
    items   BLOB NOT NULL,
    PRIMARY KEY (mailbox, seq, epoch)
) STRICT, WITHOUT ROWID;
