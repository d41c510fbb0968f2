-- What stands beside items (T27), and what stores call them.

-- Source agent: by what the store knows an item again wherever it stands. NULL: it does not say.
ALTER TABLE source_item ADD COLUMN identity BLOB;

-- Source agent: 1 where whoever is not named has no rights.
ALTER TABLE source_beside ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;

-- Target agent: what a folder was given last: a store that fails over, and a folder that is made anew, get it again (R78).
CREATE TABLE target_beside (
    mailbox BLOB NOT NULL,
    folder INTEGER NOT NULL,
    rights TEXT NOT NULL,
    annotations TEXT NOT NULL,
    closed INTEGER NOT NULL,
    PRIMARY KEY (mailbox, folder)
) STRICT;
