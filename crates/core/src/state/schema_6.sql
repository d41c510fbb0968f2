-- Source agent: what stands beside the items of a folder, rights and annotations, as last published. sent 0: to be sent again (R40).
-- Rights that were withdrawn and annotations that were removed stay named, so that the target is told again.
CREATE TABLE source_beside (
    mailbox BLOB NOT NULL,
    folder INTEGER NOT NULL,
    rights TEXT NOT NULL,
    annotations TEXT NOT NULL,
    sent INTEGER NOT NULL,
    PRIMARY KEY (mailbox, folder)
) STRICT;
