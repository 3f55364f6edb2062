-- What a row says about itself, so that a byte that has changed within a value is noticed when it is
-- read. Rows that were written before have none.
ALTER TABLE state ADD COLUMN checksum INTEGER;
ALTER TABLE mailbox ADD COLUMN checksum INTEGER; -- of all but attempt and wake_at, which are changed in place
ALTER TABLE reminder ADD COLUMN checksum INTEGER;
ALTER TABLE dead_letter ADD COLUMN checksum INTEGER;
ALTER TABLE idempotency ADD COLUMN checksum INTEGER;
