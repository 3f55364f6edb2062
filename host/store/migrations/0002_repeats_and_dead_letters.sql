-- What is kept for repeats of a request, with every kind of answer and in the order it was kept. No
-- host has written the table that this one replaces.
DROP TABLE idempotency;

-- An answer is content_type and body, or message_id, or source, code and detail of an error. Its
-- rows may be large, so that the key is not clustered.
CREATE TABLE idempotency (
    actor_type     TEXT    NOT NULL,
    actor_id       TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    number         INTEGER NOT NULL, -- counts up with the records of one actor
    request_digest BLOB    NOT NULL,
    at             INTEGER NOT NULL,
    message_id     BLOB,
    content_type   TEXT,
    body           BLOB,
    error_source   TEXT,
    error_code     TEXT,
    error_detail   TEXT,
    error_data     BLOB,
    PRIMARY KEY (actor_type, actor_id, key)
) STRICT;

CREATE INDEX idempotency_number ON idempotency (actor_type, actor_id, number);

CREATE INDEX idempotency_at ON idempotency (at);

-- Dead letters of one type are listed by id.
CREATE INDEX dead_letter_type ON dead_letter (actor_type, message_id);
