-- The switch of mailboxes (R82). Names are those of rules::moves.

-- Source agent: the switch that a move request is at, or was: of a mailbox that is switched the row stays. asked_seq, asked_epoch: the
-- container with the question of its phase; 0: not yet asked. verdict: the target's answer to it; empty: yes; NULL: none yet.
CREATE TABLE move_switch (
    mailbox BLOB PRIMARY KEY,
    id BLOB NOT NULL,
    phase TEXT NOT NULL,
    locked_ms INTEGER NOT NULL,
    why TEXT NOT NULL,
    asked_seq INTEGER NOT NULL,
    asked_epoch INTEGER NOT NULL,
    verdict TEXT
) STRICT;

-- Target agent: what a source has asked last of a mailbox. verdict as above; receipt_seq: the container that carried it back; 0: not yet.
CREATE TABLE confirmation (
    mailbox BLOB PRIMARY KEY,
    id BLOB NOT NULL,
    last INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    asked_ms INTEGER NOT NULL,
    verdict TEXT,
    receipt_seq INTEGER NOT NULL
) STRICT;
