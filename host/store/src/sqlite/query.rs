//! Texts of every read, and of changes that are not part of a turn. Each is one statement, and each
//! finds its rows through an index, and reads no more of a large row than it answers; the unit tests beside this ask
//! SQLite whether that is so (`plan_tests`) and count (`read_tests`).

use super::rows::{mail_columns, reminder_columns};

/// What an activation starts from: part 0 is one row that says whether the size of its state is kept, how many keys
/// and bytes that is; part 1 the state if that is at most `?3` bytes, part 2 the reminders. Only a size that is not
/// kept is counted, and the keys only where they don't come. Each column of each row is copied on its way, so the many rows of state must not be as wide as a
/// reminder's.
pub(super) const LOAD: &str = concat!(
    "WITH size (is_kept, keys, bytes) AS MATERIALIZED (SELECT kept.keys IS NOT NULL, kept.keys, \
     coalesce(kept.bytes, (SELECT coalesce(sum(octet_length(key) + octet_length(value)), 0) \
       FROM state WHERE actor_type = ?1 AND actor_id = ?2)) \
     FROM (SELECT 1) LEFT JOIN state_size AS kept ON kept.actor_type = ?1 AND kept.actor_id = ?2) \
     SELECT 0, is_kept, coalesce(keys, iif(bytes > ?3, \
       (SELECT count(*) FROM state WHERE actor_type = ?1 AND actor_id = ?2), 0)), bytes, NULL, NULL FROM size \
     UNION ALL \
     SELECT 1, key, value, checksum, NULL, NULL FROM size CROSS JOIN state \
     WHERE size.bytes <= ?3 AND actor_type = ?1 AND actor_id = ?2 \
     UNION ALL \
     SELECT 2, ",
    reminder_columns!(),
    " FROM reminder WHERE actor_type = ?1 AND actor_id = ?2"
);

/// Sizes and reminders: part 0 is one row of sizes, part 2 the reminders.
pub(super) const SUMMARY: &str = concat!(
    "SELECT 0, coalesce(kept.keys, (SELECT count(*) FROM state WHERE actor_type = ?1 AND actor_id = ?2)), \
     coalesce(kept.bytes, (SELECT coalesce(sum(octet_length(key) + octet_length(value)), 0) \
       FROM state WHERE actor_type = ?1 AND actor_id = ?2)), \
     (SELECT count(*) FROM mailbox WHERE actor_type = ?1 AND actor_id = ?2), \
     (SELECT count(*) FROM idempotency WHERE actor_type = ?1 AND actor_id = ?2), \
     (SELECT coalesce(sum(octet_length(key) + coalesce(octet_length(content_type) + octet_length(body), 0) + \
       coalesce(octet_length(error_detail), 0) + coalesce(octet_length(error_data), 0)), 0) \
       FROM idempotency WHERE actor_type = ?1 AND actor_id = ?2) \
     FROM (SELECT 1) LEFT JOIN state_size AS kept ON kept.actor_type = ?1 AND kept.actor_id = ?2 \
     UNION ALL \
     SELECT 2, ",
    reminder_columns!(),
    " FROM reminder WHERE actor_type = ?1 AND actor_id = ?2"
);

pub(super) const STATE_VALUE: &str =
    "SELECT value, checksum FROM state WHERE actor_type = ?1 AND actor_id = ?2 AND key = ?3";

/// Keys from `?3` on and before `?4`.
pub(super) const STATE_KEYS: &str = "SELECT key FROM state WHERE actor_type = ?1 AND actor_id = ?2 \
     AND key >= ?3 AND key < ?4 ORDER BY key LIMIT ?5";

/// Keys from `?3` on, and how long their values are. Those are not read.
pub(super) const STATE_VALUE_SIZES: &str = "SELECT key, octet_length(value) FROM state \
     WHERE actor_type = ?1 AND actor_id = ?2 AND key >= ?3 ORDER BY key LIMIT ?4";

/// Messages after `(?4, ?5)` that are due at `?3` or tried before, at most `?6`. Bodies of more than `?7` bytes are
/// left out, and not read.
pub(super) const MAIL: &str = concat!(
    "SELECT ",
    mail_columns!("iif(octet_length(body) > ?7, NULL, body)"),
    " FROM mailbox WHERE actor_type = ?1 AND actor_id = ?2 AND (due_at, message_id) > (?4, ?5) \
     AND (due_at <= ?3 OR attempt > 1) ORDER BY due_at, message_id LIMIT ?6"
);

pub(super) const ONE_MESSAGE: &str = concat!(
    "SELECT ",
    mail_columns!("body"),
    " FROM mailbox WHERE actor_type = ?1 AND actor_id = ?2 AND due_at = ?3 AND message_id = ?4"
);

/// Ids of actors with anything stored, from `?2` on and before `?3`: from one id it jumps to the
/// next in each table, so it never reads all the state of an actor with a million keys.
pub(super) const ACTORS: &str = "WITH RECURSIVE actor (id) AS ( \
     SELECT min(id) FROM ( \
       SELECT min(actor_id) AS id FROM state WHERE actor_type = ?1 AND actor_id >= ?2 AND actor_id < ?3 \
       UNION ALL \
       SELECT min(actor_id) FROM mailbox WHERE actor_type = ?1 AND actor_id >= ?2 AND actor_id < ?3 \
       UNION ALL \
       SELECT min(actor_id) FROM reminder WHERE actor_type = ?1 AND actor_id >= ?2 AND actor_id < ?3 \
       UNION ALL \
       SELECT min(actor_id) FROM idempotency WHERE actor_type = ?1 AND actor_id >= ?2 AND actor_id < ?3) \
     UNION ALL \
     SELECT (SELECT min(id) FROM ( \
       SELECT min(actor_id) AS id FROM state \
       WHERE actor_type = ?1 AND actor_id > actor.id AND actor_id < ?3 \
       UNION ALL \
       SELECT min(actor_id) FROM mailbox \
       WHERE actor_type = ?1 AND actor_id > actor.id AND actor_id < ?3 \
       UNION ALL \
       SELECT min(actor_id) FROM reminder \
       WHERE actor_type = ?1 AND actor_id > actor.id AND actor_id < ?3 \
       UNION ALL \
       SELECT min(actor_id) FROM idempotency \
       WHERE actor_type = ?1 AND actor_id > actor.id AND actor_id < ?3)) \
     FROM actor WHERE actor.id IS NOT NULL) \
     SELECT id FROM actor WHERE id IS NOT NULL LIMIT ?4";

/// Moments at which something wakes, after `(?2, ?3, ?4)` and until `?1`, each with its actor, and
/// whether that actor has no earlier one. At most `?5` are looked at, so the statement is short
/// however much is due. That a message wakes no earlier than it is due keeps the search for an
/// earlier one short too.
pub(super) const DUE: &str = "WITH moment (at, actor_type, actor_id) AS MATERIALIZED ( \
     SELECT wake_at, actor_type, actor_id FROM mailbox \
     WHERE (wake_at, actor_type, actor_id) > (?2, ?3, ?4) AND wake_at <= ?1 \
     UNION \
     SELECT wake_at, actor_type, actor_id FROM reminder \
     WHERE (wake_at, actor_type, actor_id) > (?2, ?3, ?4) AND wake_at <= ?1 \
     ORDER BY 1, 2, 3 LIMIT ?5) \
     SELECT at, actor_type, actor_id, \
     NOT EXISTS (SELECT 1 FROM mailbox WHERE mailbox.actor_type = moment.actor_type \
       AND mailbox.actor_id = moment.actor_id AND mailbox.due_at < moment.at \
       AND mailbox.wake_at < moment.at) \
     AND NOT EXISTS (SELECT 1 FROM reminder WHERE reminder.actor_type = moment.actor_type \
       AND reminder.actor_id = moment.actor_id AND reminder.wake_at < moment.at) \
     FROM moment ORDER BY 1, 2, 3";

/// The first moment after `?1` at which something wakes.
pub(super) const NEXT_DUE: &str = "SELECT min(at) FROM ( \
     SELECT min(wake_at) AS at FROM mailbox WHERE wake_at > ?1 \
     UNION ALL \
     SELECT min(wake_at) FROM reminder WHERE wake_at > ?1)";

pub(super) const LATEST_MESSAGE_ID: &str = "SELECT max(id) FROM ( \
     SELECT max(message_id) AS id FROM mailbox \
     UNION ALL \
     SELECT max(firing_id) FROM reminder \
     UNION ALL \
     SELECT max(message_id) FROM dead_letter)";

/// Lets messages to actors of the type `?1` whose next delivery waits until later than `?2`, and than they are due,
/// wait no longer; `?3` at most. What else a row says stays where it is, however large.
pub(super) const BOUND_MAIL_RETRIES: &str = "UPDATE mailbox SET wake_at = max(due_at, ?2) \
     WHERE rowid IN (SELECT rowid FROM mailbox \
     WHERE actor_type = ?1 AND attempt > 1 AND wake_at > ?2 AND wake_at > due_at LIMIT ?3)";

/// The same for reminders of such actors.
pub(super) const BOUND_REMINDER_RETRIES: &str = "UPDATE reminder SET wake_at = max(due_at, ?2) \
     WHERE rowid IN (SELECT rowid FROM reminder \
     WHERE actor_type = ?1 AND attempt > 1 AND wake_at > ?2 AND wake_at > due_at LIMIT ?3)";

pub(super) const END_PURGE: &str = "DELETE FROM purge WHERE actor_type = ?1 AND actor_id = ?2";

/// How a table is emptied of what was purged.
pub(super) struct Emptied {
    /// Removes rows of the actor `?2` of the type `?1`, or of all actors of that type: `?3` at most, and no more after
    /// those that have `?4` bytes together. Bodies are not read to be counted.
    pub(super) remove: &'static str,
    /// Whether such rows are left.
    pub(super) is_left: &'static str,
}

macro_rules! emptied {
    ($table:literal, $bytes:literal, $whose:literal) => {
        Emptied {
            remove: concat!(
                "DELETE FROM ",
                $table,
                " WHERE rowid IN (SELECT place FROM (SELECT place, bytes, sum(bytes) OVER (ROWS UNBOUNDED PRECEDING) \
                 AS total FROM (SELECT rowid AS place, coalesce(octet_length(",
                $bytes,
                "), 0) AS bytes FROM ",
                $table,
                " WHERE ",
                $whose,
                " LIMIT ?3)) WHERE total - bytes < ?4)"
            ),
            is_left: concat!("SELECT EXISTS (SELECT 1 FROM ", $table, " WHERE ", $whose, ")"),
        }
    };
}

macro_rules! all_emptied {
    ($whose:literal) => {
        [
            emptied!("dead_letter", "body", $whose),
            emptied!("mailbox", "body", $whose),
            emptied!("reminder", "body", $whose),
            emptied!("idempotency", "body", $whose),
            emptied!("state", "value", $whose),
            emptied!("state_size", "NULL", $whose),
        ]
    };
}

/// Every table of what actors have, for one actor.
pub(super) const PURGE_ACTOR: [Emptied; 6] = all_emptied!("actor_type = ?1 AND actor_id = ?2");

/// The same for all actors of a type.
pub(super) const PURGE_TYPE: [Emptied; 6] = all_emptied!("actor_type = ?1 AND ?2 = ''");

/// How many rows the actor `?2` of the type `?1` has, and how many bytes in bodies and values; of each table no more
/// than `?3` rows and one are looked at.
pub(super) const EXTENT: &str = "SELECT count(*), coalesce(sum(bytes), 0) FROM ( \
     SELECT * FROM (SELECT octet_length(body) AS bytes FROM dead_letter \
       WHERE actor_type = ?1 AND actor_id = ?2 LIMIT ?3 + 1) \
     UNION ALL SELECT * FROM (SELECT octet_length(body) FROM mailbox \
       WHERE actor_type = ?1 AND actor_id = ?2 LIMIT ?3 + 1) \
     UNION ALL SELECT * FROM (SELECT octet_length(body) FROM reminder \
       WHERE actor_type = ?1 AND actor_id = ?2 LIMIT ?3 + 1) \
     UNION ALL SELECT * FROM (SELECT octet_length(body) FROM idempotency \
       WHERE actor_type = ?1 AND actor_id = ?2 LIMIT ?3 + 1) \
     UNION ALL SELECT * FROM (SELECT octet_length(value) FROM state \
       WHERE actor_type = ?1 AND actor_id = ?2 LIMIT ?3 + 1))";

/// Notes that there may be components that no version has any more.
pub(super) const PURGE_COMPONENTS: &str =
    "INSERT OR IGNORE INTO purge (actor_type, actor_id) VALUES ('', '')";

/// One of the components that no version has any more.
pub(super) const REMOVE_ONE_COMPONENT: &str = "DELETE FROM component WHERE rowid IN \
     (SELECT rowid FROM component WHERE NOT EXISTS \
     (SELECT 1 FROM component_version WHERE component_version.digest = component.digest) LIMIT 1)";

pub(super) const ACTOR_TYPES: &str = "SELECT actor_type, active_version, previous_version, settings, number, digest, size_bytes, \
     imports, deployed_at FROM component_version JOIN actor_type ON name = actor_type \
     ORDER BY actor_type, number";

pub(super) const COMPONENT: &str = "SELECT bytes FROM component WHERE digest = ?1";

pub(super) const CHECK: &str = "SELECT count(*) FROM actor_type";

pub(super) const IDEMPOTENCY: &str = "SELECT request_digest, at, message_id, content_type, body, \
     error_source, error_code, error_detail, error_data, checksum FROM idempotency \
     WHERE actor_type = ?1 AND actor_id = ?2 AND key = ?3";

/// Leaves out the letters of actors that were purged.
macro_rules! not_purged {
    () => {
        " AND NOT EXISTS (SELECT 1 FROM purge WHERE purge.actor_type = dead_letter.actor_type \
         AND purge.actor_id IN ('', dead_letter.actor_id))"
    };
}

/// Columns of a line of the list of dead letters.
macro_rules! dead_letter_line {
    () => {
        "SELECT actor_type, actor_id, message_id, method, content_type, octet_length(body), origin_kind, \
         origin_type, origin_id, origin_name, attempt, died_at, error FROM dead_letter "
    };
}

/// Letters after `?1`; any id comes after an empty blob.
pub(super) const DEAD_LETTERS: &str =
    concat!(dead_letter_line!(), "WHERE message_id > ?1", not_purged!(), " ORDER BY message_id LIMIT ?2");

/// Those to actors of the type `?3`.
pub(super) const DEAD_LETTERS_OF_TYPE: &str = concat!(
    dead_letter_line!(),
    "WHERE actor_type = ?3 AND message_id > ?1",
    not_purged!(),
    " ORDER BY message_id LIMIT ?2"
);

pub(super) const DEAD_LETTER: &str = concat!(
    "SELECT actor_type, actor_id, message_id, method, content_type, body, origin_kind, origin_type, origin_id, \
     origin_name, attempt, died_at, error, checksum FROM dead_letter WHERE message_id = ?1",
    not_purged!()
);

pub(super) const COUNT_DEAD_LETTERS: &str =
    "SELECT count(*) FROM dead_letter WHERE actor_type = ?1 AND actor_id = ?2";

pub(super) const REMOVE_DEAD_LETTER: &str =
    concat!("DELETE FROM dead_letter WHERE message_id = ?1", not_purged!());

/// The `?2` oldest records made at `?1` or before, and no more after those that have `?3` bytes together.
pub(super) const FORGET_IDEMPOTENCY: &str = "DELETE FROM idempotency WHERE rowid IN (SELECT place FROM \
     (SELECT place, bytes, sum(bytes) OVER (ROWS UNBOUNDED PRECEDING) AS total FROM \
       (SELECT rowid AS place, coalesce(octet_length(body), 0) AS bytes FROM idempotency \
        WHERE at <= ?1 ORDER BY at LIMIT ?2)) WHERE total - bytes < ?3)";
