-- The replicated tables: the ledger of the agent. Every table here has a primary key and is STRICT.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
