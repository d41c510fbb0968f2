-- Schema 2: what each session asks must not cost more in a large ledger. Indices only: replicated tables keep their shape, so
-- change sets of schema 1 can still be replayed.

-- Containers on their way: their number is that of the answers still to come.
CREATE INDEX published_unanswered ON published (mailbox, seq, epoch) WHERE outcome IS NULL;
-- Containers that were damaged or given up: few, and listed in every report.
CREATE INDEX taken_bad ON taken (mailbox, seq, epoch, outcome) WHERE outcome > 1;
-- Deletions by the container that reported them.
CREATE INDEX source_gone_seq ON source_gone (mailbox, seq, token);
