-- Why the last delivery of a message failed; its checksum leaves it out, as attempt and wake_at.
ALTER TABLE mailbox ADD COLUMN error TEXT;
