-- Everything durable. Names and keys are TEXT with the BINARY collation: they compare by their
-- UTF-8 bytes. Message ids and digests are their bytes, moments are milliseconds since the Unix epoch.

-- "GRNR": tells this file from other programs' databases.
PRAGMA application_id = 1196576338;

CREATE TABLE actor_type (
    name           TEXT    NOT NULL PRIMARY KEY,
    active_version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE component (
    digest BLOB NOT NULL PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE component_version (
    actor_type  TEXT    NOT NULL REFERENCES actor_type (name),
    number      INTEGER NOT NULL,
    digest      BLOB    NOT NULL REFERENCES component (digest),
    size_bytes  INTEGER NOT NULL,
    imports     TEXT    NOT NULL, -- a JSON array of strings
    deployed_at INTEGER NOT NULL,
    PRIMARY KEY (actor_type, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX component_version_digest ON component_version (digest);

-- The clustered key keeps the state of one actor together and writes one tree per key.
CREATE TABLE state (
    actor_type TEXT NOT NULL,
    actor_id   TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      BLOB NOT NULL,
    PRIMARY KEY (actor_type, actor_id, key)
) STRICT, WITHOUT ROWID;

-- A mailbox is read in the order of its primary key.
CREATE TABLE mailbox (
    actor_type   TEXT    NOT NULL,
    actor_id     TEXT    NOT NULL,
    due_at       INTEGER NOT NULL,
    message_id   BLOB    NOT NULL,
    method       TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    origin_kind  INTEGER NOT NULL, -- 0 client, 1 actor, 2 reminder, 3 timer
    origin_type  TEXT,             -- of an actor
    origin_id    TEXT,             -- of an actor
    origin_name  TEXT,             -- of a reminder or a timer
    attempt      INTEGER NOT NULL,
    sent_at      INTEGER NOT NULL,
    wake_at      INTEGER NOT NULL,
    PRIMARY KEY (actor_type, actor_id, due_at, message_id)
) STRICT, WITHOUT ROWID;

-- Also holds the rest of the primary key, so the latest message id is found without the bodies.
CREATE INDEX mailbox_wake ON mailbox (wake_at, actor_type, actor_id);

CREATE TABLE reminder (
    actor_type   TEXT    NOT NULL,
    actor_id     TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    method       TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    delay_ms     INTEGER NOT NULL,
    period_ms    INTEGER,
    repetitions  INTEGER,
    due_at       INTEGER NOT NULL,
    fired        INTEGER NOT NULL,
    firing_id    BLOB    NOT NULL,
    attempt      INTEGER NOT NULL,
    wake_at      INTEGER NOT NULL,
    PRIMARY KEY (actor_type, actor_id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX reminder_wake ON reminder (wake_at, actor_type, actor_id, firing_id);

CREATE TABLE dead_letter (
    message_id   BLOB    NOT NULL PRIMARY KEY,
    actor_type   TEXT    NOT NULL,
    actor_id     TEXT    NOT NULL,
    method       TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    origin_kind  INTEGER NOT NULL,
    origin_type  TEXT,
    origin_id    TEXT,
    origin_name  TEXT,
    attempt      INTEGER NOT NULL,
    died_at      INTEGER NOT NULL,
    error        TEXT    NOT NULL
) STRICT;

CREATE INDEX dead_letter_actor ON dead_letter (actor_type, actor_id);

-- A reply is either content_type and body, or the three of error.
CREATE TABLE idempotency (
    actor_type     TEXT    NOT NULL,
    actor_id       TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    request_digest BLOB    NOT NULL,
    content_type   TEXT,
    body           BLOB,
    error_source   TEXT,
    error_code     TEXT,
    error_detail   TEXT,
    at             INTEGER NOT NULL,
    PRIMARY KEY (actor_type, actor_id, key)
) STRICT, WITHOUT ROWID;
