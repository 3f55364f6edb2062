-- What waits for another delivery is found without all that waits for its first.
CREATE INDEX mailbox_retry ON mailbox (actor_type, wake_at) WHERE attempt > 1;
CREATE INDEX reminder_retry ON reminder (actor_type, wake_at) WHERE attempt > 1;
