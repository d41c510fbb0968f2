-- Taking stock after a takeover that may have lost something (R14).

-- Source agent: mailboxes whose census is to be sent, and why. Target agent: mailboxes of which more may have been done
-- than its ledger knows; that stays so.
CREATE TABLE stock (
    mailbox BLOB PRIMARY KEY,
    since_ms INTEGER NOT NULL,
    why TEXT NOT NULL
) STRICT;

-- Target agent: items that a census names and that are not here. seq: the container that carried the wish back; 0: not yet.
CREATE TABLE wanted (
    mailbox BLOB NOT NULL,
    token BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (mailbox, token)
) STRICT;
CREATE INDEX wanted_to_send ON wanted (mailbox, seq);
