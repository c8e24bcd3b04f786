-- A pair takes fewer bytes. Ids and versions are packed (packed.rs; '=' says "as it is": the step after this one mends
-- what it can), and the pair of an item is found through the item's row, which names it: two indexes and their keys go.
CREATE TABLE lean_item (
    member     BIGINT NOT NULL,
    module     SMALLINT NOT NULL,
    side       SMALLINT NOT NULL,
    id         BLOB NOT NULL,
    version    BLOB NOT NULL,
    presence   SMALLINT NOT NULL,
    dirty      SMALLINT NOT NULL,
    seen       BIGINT NOT NULL,
    pair       BLOB,
    match_keys BLOB,
    PRIMARY KEY (member, module, side, id)
) WITHOUT ROWID;
INSERT INTO lean_item
    SELECT member, module, side, CAST('=' || id AS BLOB), CAST('=' || version AS BLOB), presence, dirty, seen, pair,
           match_keys
    FROM item;
DROP TABLE item;
ALTER TABLE lean_item RENAME TO item;
CREATE INDEX item_unread ON item (member, module, side, id)
    WHERE dirty = 1 AND pair IS NULL AND match_keys IS NULL;
CREATE INDEX item_unpaired ON item (member, module, side, id)
    WHERE dirty = 1 AND pair IS NULL AND match_keys IS NOT NULL;
CREATE INDEX item_of_dirty_pair ON item (member, module, pair)
    WHERE dirty = 1 AND pair IS NOT NULL;

CREATE TABLE lean_match_key (
    member BIGINT NOT NULL,
    module SMALLINT NOT NULL,
    side   SMALLINT NOT NULL,
    rule   SMALLINT NOT NULL,
    hash   BIGINT NOT NULL,
    id     BLOB NOT NULL,
    PRIMARY KEY (member, module, side, rule, hash, id)
) WITHOUT ROWID;
INSERT INTO lean_match_key SELECT member, module, side, rule, hash, CAST('=' || id AS BLOB) FROM match_key;
DROP TABLE match_key;
ALTER TABLE lean_match_key RENAME TO match_key;
CREATE INDEX match_key_item ON match_key (member, module, side, id);

CREATE TABLE lean_pair (
    member       BIGINT NOT NULL,
    id           BLOB NOT NULL,
    module       SMALLINT NOT NULL,
    state        SMALLINT NOT NULL,
    reason       TEXT,
    generation   BIGINT NOT NULL,
    attempts     BIGINT NOT NULL,
    next_try     BIGINT,
    mail_id      BLOB,
    mail_version BLOB,
    crm_id       BLOB,
    crm_version  BLOB,
    hashes       BLOB NOT NULL,             -- both sides' seen and sent (hashes.rs)
    PRIMARY KEY (member, id)
) WITHOUT ROWID;
INSERT INTO lean_pair
    SELECT member, id, module, state, reason, generation, attempts, next_try,
           CAST('=' || mail_id AS BLOB), CAST('=' || mail_version AS BLOB),
           CAST('=' || crm_id AS BLOB), CAST('=' || crm_version AS BLOB), hashes
    FROM pair ORDER BY member, id;
DROP TABLE pair;
ALTER TABLE lean_pair RENAME TO pair;
CREATE INDEX pair_by_state ON pair (member, module, state, id);
CREATE INDEX pair_retry ON pair (member, module, next_try) WHERE next_try IS NOT NULL;
DELETE FROM sqlite_stat1 WHERE tbl IN ('item', 'match_key', 'pair', 'lean_item', 'lean_match_key', 'lean_pair');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('item', 'item', '3000000 3000 1500 750 1'),
    ('item', 'item_unread', '10000 100 50 25 1'),
    ('item', 'item_unpaired', '10000 100 50 25 1'),
    ('item', 'item_of_dirty_pair', '10000 100 50 2'),
    ('match_key', 'match_key', '30000 300 150 75 25 2 1'),
    ('match_key', 'match_key_item', '30000 300 150 75 3'),
    ('pair', 'pair', '1500000 1500 1'),
    ('pair', 'pair_by_state', '1500000 1500 750 250 1'),
    ('pair', 'pair_retry', '1000 10 5 1');
