-- Target agent: the internal date that came with an item, in seconds since 1970. Where a store knows items by their bytes alone it tells
-- two with the same bytes apart. NULL: not known, as of items of before.
ALTER TABLE tracking ADD COLUMN date INTEGER;
ALTER TABLE taken_away ADD COLUMN date INTEGER;
