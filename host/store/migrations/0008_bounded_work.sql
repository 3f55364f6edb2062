-- What is gone for everybody and is removed in parts: one actor; every actor of a type where the id is empty; the
-- components that no version has any more where both are.
CREATE TABLE purge (
    actor_type TEXT NOT NULL,
    actor_id   TEXT NOT NULL,
    PRIMARY KEY (actor_type, actor_id)
) STRICT, WITHOUT ROWID;

-- Bytes of an answer and of all that were kept of its actor before it, so that to bound what is kept in bytes costs one
-- search and no sum. Answers of earlier versions count as nothing before those of this one.
ALTER TABLE idempotency ADD COLUMN running_bytes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX idempotency_bytes ON idempotency (actor_type, actor_id, running_bytes, number);

-- What the state of a large actor comes to, so that it is not counted when the actor is loaded or shown. Small ones
-- have no row: theirs is counted.
CREATE TABLE state_size (
    actor_type TEXT    NOT NULL,
    actor_id   TEXT    NOT NULL,
    keys       INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    PRIMARY KEY (actor_type, actor_id)
) STRICT;
