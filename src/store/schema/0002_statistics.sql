-- What a database of a thousand members looks like, for SQLite's planner. Without it, it takes a member for ten rows
-- and reads all of them; measured on a small database it would be no wiser. (PostgreSQL measures by itself.)
ANALYZE;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('item', 'item', '3000000 3000 1500 750 1'),
    ('item', 'item_unread', '10000 100 50 25 1'),
    ('item', 'item_unpaired', '10000 100 50 25 1'),
    ('item', 'item_of_dirty_pair', '10000 100 50 2'),
    ('match_key', 'match_key', '30000 300 150 75 25 2 1'),
    ('match_key', 'match_key_item', '30000 300 150 75 3'),
    ('pair', 'pair', '1500000 1500 1'),
    ('pair', 'pair_by_mail', '1500000 1500 1'),
    ('pair', 'pair_by_crm', '1500000 1500 1'),
    ('pair', 'pair_by_state', '1500000 1500 750 250 1'),
    ('pair', 'pair_retry', '1000 10 5 1'),
    ('intent', 'intent', '1000 1'),
    ('intent', 'intent_member', '1000 50'),
    ('claim_key', 'claim_key', '100000 100000 50000 1'),
    ('claim_key', 'claim_key_pair', '100000 1'),
    ('activity', 'activity_member', '1000000 1000 1'),
    ('activity', 'activity_at', '1000000 2'),
    ('journal', 'journal_pair', '1000000 3');
