-- Source agent: the internal date of each item, in seconds since 1970; NULL: it was recorded before dates were kept.
ALTER TABLE source_item ADD COLUMN date INTEGER;

-- What an item was that is reported gone; NULL as there.
ALTER TABLE source_gone ADD COLUMN digest BLOB;
ALTER TABLE source_gone ADD COLUMN size INTEGER;
ALTER TABLE source_gone ADD COLUMN date INTEGER;
