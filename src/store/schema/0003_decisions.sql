-- What waits for an administrator, what the engine is told to do, and what stood there before a write.

CREATE TABLE hold (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    id      BLOB NOT NULL UNIQUE,           -- the pair's, or one of its own
    member  BIGINT NOT NULL,
    module  SMALLINT NOT NULL,
    kind    TEXT NOT NULL,                  -- HoldKind
    since   BIGINT NOT NULL,
    reason  TEXT NOT NULL,
    items   TEXT NOT NULL,                  -- [HeldItem] as JSON
    decided TEXT,                           -- Decided as JSON
    closed  BIGINT
);
CREATE INDEX hold_open ON hold (member) WHERE closed IS NULL;

CREATE TABLE engine_order (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    member   BIGINT NOT NULL,
    what     TEXT NOT NULL,                 -- Order as JSON
    given_by TEXT NOT NULL,
    at       BIGINT NOT NULL,
    done     BIGINT,
    outcome  TEXT NOT NULL                  -- [line] as JSON
);
CREATE INDEX engine_order_open ON engine_order (member) WHERE done IS NULL;

CREATE TABLE image (
    id     BLOB NOT NULL PRIMARY KEY,
    member BIGINT NOT NULL,
    module SMALLINT NOT NULL,
    pair   BLOB NOT NULL,
    side   SMALLINT NOT NULL,
    cycle  BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    kind   SMALLINT NOT NULL,
    undone SMALLINT NOT NULL,
    sealed BLOB NOT NULL                    -- title, content, hashes: encrypted (images.rs)
) WITHOUT ROWID;
CREATE INDEX image_of_member ON image (member, at) WHERE undone = 0;
CREATE INDEX image_at ON image (at);

ALTER TABLE journal ADD COLUMN seen TEXT NOT NULL DEFAULT '';

-- Items that were held before there were holds are looked at once more: each gets its hold by that.
UPDATE pair SET next_try = 0, reason = NULL WHERE state = 2;
