-- Source agent: what a folder of the store said of itself when all its changes had been published. Equal again: nothing to look at.
CREATE TABLE source_stamp (
    mailbox BLOB NOT NULL,
    folder INTEGER NOT NULL,
    stamp BLOB NOT NULL,
    PRIMARY KEY (mailbox, folder)
) STRICT;
