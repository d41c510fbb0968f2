-- What a mailbox has come to, kept up with each container, so that nobody has to count rows.

-- Of the outgoing chain: items and bytes of all containers, and when the last one was published.
ALTER TABLE outbound ADD COLUMN items INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbound ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbound ADD COLUMN published_ms INTEGER NOT NULL DEFAULT 0;
UPDATE outbound SET items = sums.items, bytes = sums.bytes, published_ms = sums.published_ms
    FROM (SELECT mailbox, sum(items) AS items, sum(bytes) AS bytes, max(published_ms) AS published_ms FROM published GROUP BY mailbox) AS sums
    WHERE sums.mailbox = outbound.mailbox;

-- Of the incoming chain: what the receipts say, and when the last container was taken.
ALTER TABLE inbound ADD COLUMN applied INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbound ADD COLUMN already INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbound ADD COLUMN found INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbound ADD COLUMN taken_ms INTEGER NOT NULL DEFAULT 0;
UPDATE inbound SET applied = sums.applied, already = sums.already, found = sums.found, taken_ms = sums.taken_ms
    FROM (SELECT mailbox, sum(applied) AS applied, sum(already) AS already, sum(found) AS found, max(taken_ms) AS taken_ms
        FROM taken GROUP BY mailbox) AS sums
    WHERE sums.mailbox = inbound.mailbox;
