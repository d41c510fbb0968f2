-- What is known again after an undo (R83), and who has locked a source (R82).

-- Source agent: 1: the content of an item is to be sent again (R40). Its digest stays: by it is known what is brought back.
ALTER TABLE source_item ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
UPDATE source_item SET again = 1 WHERE digest IS NULL;

-- Source agent: the epoch under which the source of a switch was locked.
ALTER TABLE move_switch ADD COLUMN locked_under INTEGER NOT NULL DEFAULT 0;
