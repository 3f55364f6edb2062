-- The checksum of a reminder leaves out attempt and wake_at, which are changed in place. Those that were made with them
-- are forgotten: such a row is taken as it is until its next firing.
UPDATE reminder SET checksum = NULL;
