-- Cards and tasks are known by their UID when they are given another id. (DAV resources alone: elsewhere an id lasts, or
-- our marker moves with the item. Theirs are paths. Those that are there are read once more, to learn it.)
ALTER TABLE pair ADD COLUMN uid BIGINT;      -- a keyed hash
CREATE INDEX pair_by_uid ON pair (member, module, uid) WHERE uid IS NOT NULL;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('pair', 'pair_by_uid', '1500000 1500 750 1');
UPDATE item SET dirty = 1
    WHERE side = 1 AND module IN (1, 3) AND presence = 1 AND pair IS NOT NULL AND substr(id, 1, 2) = X'3D2F';
