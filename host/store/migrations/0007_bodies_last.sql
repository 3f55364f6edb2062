-- Rows of a table without a rowid are read whole when SQLite steps over one, or compares one with a key, megabytes
-- where what they carry is large. So what is large comes last in tables with a rowid, beside an index of the key.
ALTER TABLE state RENAME TO earlier_state;

CREATE TABLE state (
    actor_type TEXT    NOT NULL,
    actor_id   TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    checksum   INTEGER,
    value      BLOB    NOT NULL,
    PRIMARY KEY (actor_type, actor_id, key)
) STRICT;

INSERT INTO state (actor_type, actor_id, key, checksum, value)
SELECT actor_type, actor_id, key, checksum, value
FROM earlier_state ORDER BY actor_type, actor_id, key;

DROP TABLE earlier_state;

ALTER TABLE mailbox RENAME TO earlier_mailbox;

-- A mailbox is read in the order of its primary key.
CREATE TABLE mailbox (
    actor_type   TEXT    NOT NULL,
    actor_id     TEXT    NOT NULL,
    due_at       INTEGER NOT NULL,
    message_id   BLOB    NOT NULL,
    method       TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    origin_kind  INTEGER NOT NULL, -- 0 client, 1 actor, 2 reminder, 3 timer
    origin_type  TEXT,             -- of an actor
    origin_id    TEXT,             -- of an actor
    origin_name  TEXT,             -- of a reminder or a timer
    attempt      INTEGER NOT NULL,
    sent_at      INTEGER NOT NULL,
    wake_at      INTEGER NOT NULL,
    checksum     INTEGER,          -- of all but attempt and wake_at, which are changed in place
    body         BLOB    NOT NULL,
    PRIMARY KEY (actor_type, actor_id, due_at, message_id)
) STRICT;

INSERT INTO mailbox (actor_type, actor_id, due_at, message_id, method, content_type, origin_kind, origin_type,
    origin_id, origin_name, attempt, sent_at, wake_at, checksum, body)
SELECT actor_type, actor_id, due_at, message_id, method, content_type, origin_kind, origin_type,
    origin_id, origin_name, attempt, sent_at, wake_at, checksum, body
FROM earlier_mailbox ORDER BY actor_type, actor_id, due_at, message_id;

DROP TABLE earlier_mailbox;

CREATE INDEX mailbox_wake ON mailbox (wake_at, actor_type, actor_id);

-- What waits for another delivery is found without all that waits for its first.
CREATE INDEX mailbox_retry ON mailbox (actor_type, wake_at) WHERE attempt > 1;

ALTER TABLE reminder RENAME TO earlier_reminder;

CREATE TABLE reminder (
    actor_type   TEXT    NOT NULL,
    actor_id     TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    method       TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    delay_ms     INTEGER NOT NULL,
    period_ms    INTEGER,
    repetitions  INTEGER,
    due_at       INTEGER NOT NULL,
    fired        INTEGER NOT NULL,
    firing_id    BLOB    NOT NULL,
    attempt      INTEGER NOT NULL,
    wake_at      INTEGER NOT NULL,
    checksum     INTEGER,          -- of all but attempt and wake_at, which are changed in place
    body         BLOB    NOT NULL,
    PRIMARY KEY (actor_type, actor_id, name)
) STRICT;

INSERT INTO reminder (actor_type, actor_id, name, method, content_type, delay_ms, period_ms, repetitions, due_at,
    fired, firing_id, attempt, wake_at, checksum, body)
SELECT actor_type, actor_id, name, method, content_type, delay_ms, period_ms, repetitions, due_at,
    fired, firing_id, attempt, wake_at, checksum, body
FROM earlier_reminder ORDER BY actor_type, actor_id, name;

DROP TABLE earlier_reminder;

-- The latest message id is found in here, without the bodies.
CREATE INDEX reminder_wake ON reminder (wake_at, actor_type, actor_id, firing_id);

-- An actor's earliest is found without its others.
CREATE INDEX reminder_actor ON reminder (actor_type, actor_id, wake_at);

CREATE INDEX reminder_retry ON reminder (actor_type, wake_at) WHERE attempt > 1;

ALTER TABLE dead_letter RENAME TO earlier_dead_letter;

CREATE TABLE dead_letter (
    message_id   BLOB    NOT NULL PRIMARY KEY,
    actor_type   TEXT    NOT NULL,
    actor_id     TEXT    NOT NULL,
    method       TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    origin_kind  INTEGER NOT NULL,
    origin_type  TEXT,
    origin_id    TEXT,
    origin_name  TEXT,
    attempt      INTEGER NOT NULL,
    died_at      INTEGER NOT NULL,
    checksum     INTEGER,
    error        TEXT    NOT NULL,
    body         BLOB    NOT NULL
) STRICT;

INSERT INTO dead_letter (message_id, actor_type, actor_id, method, content_type, origin_kind, origin_type, origin_id,
    origin_name, attempt, died_at, checksum, error, body)
SELECT message_id, actor_type, actor_id, method, content_type, origin_kind, origin_type, origin_id,
    origin_name, attempt, died_at, checksum, error, body
FROM earlier_dead_letter ORDER BY message_id;

DROP TABLE earlier_dead_letter;

CREATE INDEX dead_letter_actor ON dead_letter (actor_type, actor_id);

-- Dead letters of one type are listed by id.
CREATE INDEX dead_letter_type ON dead_letter (actor_type, message_id);
