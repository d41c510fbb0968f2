-- Source agent: primary and archive of one user, moved as one (R76). part: which of the two the mailbox is. Of mailboxes that are switched
-- the rows stay, with or without their requests: what was switched together is taken back together.
CREATE TABLE move_tie (
    mailbox BLOB PRIMARY KEY,
    partner BLOB NOT NULL,
    part TEXT NOT NULL
) STRICT;

-- Whether a newer order to a mailbox has been done.
CREATE INDEX move_order_mailbox ON move_order (mailbox, issued_ms);
