-- Appointments are known by their UID, too; and copies of a meeting that another member's copy stands for wait for it. One
-- index leads to the pairs of a state, and of a UID. (What is there of DAV calendars is read once more, to learn the UIDs, as
-- cards and tasks were before.)
DROP INDEX pair_by_state;
DROP INDEX pair_by_uid;
CREATE INDEX pair_by_state ON pair (member, module, state, uid);
DELETE FROM sqlite_stat1 WHERE idx IN ('pair_by_state', 'pair_by_uid');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('pair', 'pair_by_state', '1500000 1500 750 250 2');
UPDATE item SET dirty = 1
    WHERE side = 1 AND module = 2 AND presence = 1 AND pair IS NOT NULL AND substr(id, 1, 2) = X'3D2F';
