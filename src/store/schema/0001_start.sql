-- What the agent remembers. Types and statements are those that PostgreSQL takes too, but for three words: here
-- INTEGER PRIMARY KEY numbers rows, WITHOUT ROWID keeps a table in its key's order, and BLOB is BYTEA. Text must
-- compare by bytes (there: COLLATE "C").
--
-- Numbers stand for words wherever rows are many (codes.rs has them all). Times are milliseconds since 1970, UTC.

CREATE TABLE member (
    id          INTEGER PRIMARY KEY,
    policy      TEXT NOT NULL,
    address     TEXT NOT NULL,
    mail        TEXT NOT NULL,
    crm         TEXT NOT NULL,
    crm_user    TEXT,
    enabled     SMALLINT NOT NULL,
    next_at     BIGINT NOT NULL,
    urgent      SMALLINT NOT NULL,
    owner       TEXT,                       -- who works on it now
    lease_until BIGINT,
    fence       BIGINT NOT NULL,            -- counts the claims
    state       TEXT NOT NULL,              -- MemberState as JSON
    UNIQUE (policy, address)
);
CREATE INDEX member_due ON member (policy, next_at) WHERE enabled = 1;

CREATE TABLE cursor (
    scope  TEXT NOT NULL,                   -- m:NUMBER or c:CONNECTION
    module SMALLINT NOT NULL,
    side   SMALLINT NOT NULL,
    token  TEXT NOT NULL,
    PRIMARY KEY (scope, module, side)
) WITHOUT ROWID;

CREATE TABLE item (
    member     BIGINT NOT NULL,
    module     SMALLINT NOT NULL,
    side       SMALLINT NOT NULL,
    id         TEXT NOT NULL,
    version    TEXT NOT NULL,
    presence   SMALLINT NOT NULL,
    dirty      SMALLINT NOT NULL,
    seen       BIGINT NOT NULL,
    pair       BLOB,
    match_keys BLOB,
    PRIMARY KEY (member, module, side, id)
) WITHOUT ROWID;
-- An item in step is in none of these: work that is to be done is found without looking at what is not.
CREATE INDEX item_unread ON item (member, module, side, id)
    WHERE dirty = 1 AND pair IS NULL AND match_keys IS NULL;
CREATE INDEX item_unpaired ON item (member, module, side, id)
    WHERE dirty = 1 AND pair IS NULL AND match_keys IS NOT NULL;
CREATE INDEX item_of_dirty_pair ON item (member, module, pair)
    WHERE dirty = 1 AND pair IS NOT NULL;

CREATE TABLE match_key (
    member BIGINT NOT NULL,
    module SMALLINT NOT NULL,
    side   SMALLINT NOT NULL,
    rule   SMALLINT NOT NULL,
    hash   BIGINT NOT NULL,
    id     TEXT NOT NULL,
    PRIMARY KEY (member, module, side, rule, hash, id)
) WITHOUT ROWID;
CREATE INDEX match_key_item ON match_key (member, module, side, id);

CREATE TABLE pair (
    member       BIGINT NOT NULL,
    id           BLOB NOT NULL,
    module       SMALLINT NOT NULL,
    state        SMALLINT NOT NULL,
    reason       TEXT,
    generation   BIGINT NOT NULL,
    attempts     BIGINT NOT NULL,
    next_try     BIGINT,
    mail_id      TEXT,
    mail_version TEXT,
    mail_key     BIGINT,                    -- a hash of mail_id: finds the pair of an item in 8 bytes
    crm_id       TEXT,
    crm_version  TEXT,
    crm_key      BIGINT,
    hashes       BLOB NOT NULL,             -- both sides' seen and sent (hashes.rs)
    PRIMARY KEY (member, id)
) WITHOUT ROWID;
CREATE INDEX pair_by_mail ON pair (member, mail_key) WHERE mail_key IS NOT NULL;
CREATE INDEX pair_by_crm ON pair (member, crm_key) WHERE crm_key IS NOT NULL;
CREATE INDEX pair_by_state ON pair (member, module, state, id);
CREATE INDEX pair_retry ON pair (member, module, next_try) WHERE next_try IS NOT NULL;

CREATE TABLE intent (
    pair          BLOB NOT NULL PRIMARY KEY,
    member        BIGINT NOT NULL,
    module        SMALLINT NOT NULL,
    side          SMALLINT NOT NULL,
    kind          SMALLINT NOT NULL,
    marker        TEXT NOT NULL,
    target        TEXT,
    expect        TEXT,
    sends         BLOB NOT NULL,
    in_doubt      SMALLINT NOT NULL,
    at            BIGINT NOT NULL,
    believe_after BIGINT
) WITHOUT ROWID;
CREATE INDEX intent_member ON intent (member);

CREATE TABLE claim_key (
    connection TEXT NOT NULL,
    kind       TEXT NOT NULL,
    key        BIGINT NOT NULL,
    pair       BLOB NOT NULL,
    member     BIGINT NOT NULL,
    PRIMARY KEY (connection, kind, key)
) WITHOUT ROWID;
CREATE INDEX claim_key_pair ON claim_key (pair);

CREATE TABLE fact (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE journal (
    id     INTEGER PRIMARY KEY,
    member BIGINT NOT NULL,
    module SMALLINT NOT NULL,
    pair   BLOB NOT NULL,
    at     BIGINT NOT NULL,
    deed   TEXT NOT NULL,
    rule   TEXT NOT NULL,
    text   TEXT NOT NULL
);
CREATE INDEX journal_pair ON journal (pair);

CREATE TABLE activity (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    member BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    level  SMALLINT NOT NULL,
    cycle  BIGINT NOT NULL,
    module SMALLINT,
    text   TEXT NOT NULL
);
CREATE INDEX activity_member ON activity (member, seq);
CREATE INDEX activity_at ON activity (at);
