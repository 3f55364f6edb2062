//! A batch of write sets as the statements of one transaction.

use std::collections::BTreeSet;

use greenroom_core::idempotency::Answer;
use greenroom_core::store::{DeadLetter, MailKey, Reminder, StoredMessage, WriteSet};
use greenroom_core::{Address, IdempotencyRecord, Message, Origin, Timestamp};

use super::changes::{Changes, Delivery, Extent, MailRow, Remembered};
use super::checksum::Checksum;
use super::statement::{ROWS_MAX, Shape, Transaction, Value};

/// Tables that hold something of an actor; a purge empties all of them.
pub(super) const PURGE: [Shape; 6] = [
    Shape { before: "DELETE FROM state WHERE (actor_type, actor_id) IN (VALUES ", columns: 2, after: ")" },
    Shape { before: "DELETE FROM mailbox WHERE (actor_type, actor_id) IN (VALUES ", columns: 2, after: ")" },
    Shape { before: "DELETE FROM reminder WHERE (actor_type, actor_id) IN (VALUES ", columns: 2, after: ")" },
    Shape {
        before: "DELETE FROM idempotency WHERE (actor_type, actor_id) IN (VALUES ",
        columns: 2,
        after: ")",
    },
    Shape {
        before: "DELETE FROM dead_letter WHERE (actor_type, actor_id) IN (VALUES ",
        columns: 2,
        after: ")",
    },
    Shape {
        before: "DELETE FROM state_size WHERE (actor_type, actor_id) IN (VALUES ",
        columns: 2,
        after: ")",
    },
];

pub(super) const PUT_STATE: Shape = Shape {
    before: "INSERT INTO state (actor_type, actor_id, key, value, checksum) SELECT * FROM (VALUES ",
    columns: 5,
    after: ") WHERE column1 IS NOT NULL ON CONFLICT DO UPDATE SET value = excluded.value, \
            checksum = excluded.checksum",
};

pub(super) const DELETE_STATE: Shape = Shape {
    before: "DELETE FROM state WHERE (actor_type, actor_id, key) IN (VALUES ",
    columns: 3,
    after: ")",
};

pub(super) const PUT_STATE_SIZE: Shape = Shape {
    before: "INSERT INTO state_size (actor_type, actor_id, keys, bytes) SELECT * FROM (VALUES ",
    columns: 4,
    after: ") WHERE column1 IS NOT NULL ON CONFLICT DO UPDATE SET keys = excluded.keys, bytes = excluded.bytes",
};

pub(super) const PUT_REMINDER: Shape = Shape {
    before: "INSERT OR REPLACE INTO reminder (actor_type, actor_id, name, method, content_type, body, \
             delay_ms, period_ms, repetitions, due_at, fired, firing_id, attempt, wake_at, checksum) \
             SELECT * FROM (VALUES ",
    columns: 15,
    after: ") WHERE column1 IS NOT NULL",
};

pub(super) const DELETE_REMINDER: Shape = Shape {
    before: "DELETE FROM reminder WHERE (actor_type, actor_id, name) IN (VALUES ",
    columns: 3,
    after: ")",
};

pub(super) const PUT_MAIL: Shape = Shape {
    before: "INSERT OR REPLACE INTO mailbox (actor_type, actor_id, due_at, message_id, method, \
             content_type, body, origin_kind, origin_type, origin_id, origin_name, attempt, sent_at, \
             wake_at, checksum, error) SELECT * FROM (VALUES ",
    columns: 16,
    after: ") WHERE column1 IS NOT NULL",
};

pub(super) const RETRY_MAIL: Shape = Shape {
    before: "UPDATE mailbox SET attempt = column5, wake_at = column6, error = column7 FROM (VALUES ",
    columns: 7,
    after: ") WHERE actor_type = column1 AND actor_id = column2 AND due_at = column3 AND message_id = column4",
};

pub(super) const DELETE_MAIL: Shape = Shape {
    before: "DELETE FROM mailbox WHERE (actor_type, actor_id, due_at, message_id) IN (VALUES ",
    columns: 4,
    after: ")",
};

pub(super) const PUT_DEAD_LETTER: Shape = Shape {
    before: "INSERT OR REPLACE INTO dead_letter (message_id, actor_type, actor_id, method, content_type, \
             body, origin_kind, origin_type, origin_id, origin_name, attempt, died_at, error, checksum) \
             SELECT * FROM (VALUES ",
    columns: 14,
    after: ") WHERE column1 IS NOT NULL",
};

pub(super) const DELETE_DEAD_LETTER: Shape =
    Shape { before: "DELETE FROM dead_letter WHERE message_id IN (VALUES ", columns: 1, after: ")" };

/// Numbers and bytes go on after the actor's greatest; `column4` and `column15` count from there.
pub(super) const PUT_IDEMPOTENCY: Shape = Shape {
    before: "INSERT OR REPLACE INTO idempotency (actor_type, actor_id, key, number, request_digest, at, \
             message_id, content_type, body, error_source, error_code, error_detail, error_data, checksum, \
             running_bytes) SELECT column1, column2, column3, column4 + coalesce((SELECT max(number) FROM \
             idempotency WHERE actor_type = column1 AND actor_id = column2), 0), column5, column6, column7, \
             column8, column9, column10, column11, column12, column13, column14, \
             column15 + coalesce((SELECT max(running_bytes) FROM idempotency WHERE actor_type = column1 \
             AND actor_id = column2), 0) FROM (VALUES ",
    columns: 15,
    after: ") WHERE column1 IS NOT NULL",
};

/// Keeps so many of an actor's records as `column3` says, those with the greatest numbers, and of them those after
/// which less than `column4` bytes come.
pub(super) const TRIM_IDEMPOTENCY: Shape = Shape {
    before: "DELETE FROM idempotency WHERE rowid IN (SELECT kept.rowid FROM (VALUES ",
    columns: 4,
    after: ") CROSS JOIN idempotency AS kept WHERE kept.actor_type = column1 AND kept.actor_id = column2 \
            AND kept.number <= max((SELECT max(number) FROM idempotency WHERE actor_type = column1 \
            AND actor_id = column2) - column3, coalesce((SELECT number FROM idempotency \
            WHERE actor_type = column1 AND actor_id = column2 AND running_bytes <= (SELECT max(running_bytes) \
            FROM idempotency WHERE actor_type = column1 AND actor_id = column2) - column4 \
            ORDER BY running_bytes DESC, number DESC LIMIT 1), 0)))",
};

/// Hides what an actor has, for it to be removed in parts.
pub(super) const PUT_PURGE: Shape = Shape {
    before: "INSERT OR IGNORE INTO purge (actor_type, actor_id) SELECT * FROM (VALUES ",
    columns: 2,
    after: ") WHERE column1 IS NOT NULL",
};

/// The transaction that `batch` comes to. What `large` actors have is not removed but hidden.
pub(super) fn transaction(batch: &[WriteSet], large: &BTreeSet<Address>) -> Transaction {
    let changes = Changes::of(batch);
    let mut transaction = Transaction::default();
    let small = || changes.purges.iter().filter(|address| !large.contains(**address));
    for shape in &PURGE {
        transaction.push(shape, small().map(|address| actor(address)));
    }
    transaction.push(&PUT_PURGE, large.iter().map(actor));

    let state = || changes.state.iter();
    transaction.push(
        &DELETE_STATE,
        state().filter(|(_, value)| value.is_none()).map(|((address, key), _)| keyed(address, key)),
    );
    transaction.push(
        &PUT_STATE,
        state().filter_map(|((address, key), value)| value.map(|value| state_row(address, key, value))),
    );

    transaction.push(
        &PUT_STATE_SIZE,
        changes.state_sizes.iter().map(|(address, size)| {
            let [actor_type, id] = actor(address);
            [actor_type, id, bits(size.keys).into(), bits(size.bytes).into()]
        }),
    );

    let reminders = || changes.reminders.iter();
    transaction.push(
        &DELETE_REMINDER,
        reminders().filter(|(_, kept)| kept.is_none()).map(|((address, name), _)| keyed(address, name)),
    );
    transaction.push(
        &PUT_REMINDER,
        reminders().filter_map(|((address, name), kept)| kept.map(|kept| reminder_row(address, name, kept))),
    );

    mail(&mut transaction, &changes);
    transaction.push(&PUT_DEAD_LETTER, changes.dead_letters.values().map(|letter| dead_letter_row(letter)));
    idempotency(&mut transaction, &changes);
    transaction
}

fn idempotency(transaction: &mut Transaction, changes: &Changes<'_>) {
    let mut rows: Vec<(&Address, &Remembered<'_>)> =
        changes.idempotency.iter().map(|((address, _), remembered)| (*address, remembered)).collect();
    rows.sort_unstable_by_key(|(address, remembered)| (*address, remembered.end.count));
    let mut last: Option<(&Address, Extent)> = None;
    for statement in rows.chunks(ROWS_MAX) {
        // Each statement finds what those before it have put there.
        let counted =
            |address| last.filter(|(owner, _)| *owner == address).map_or(Extent::default(), |(_, end)| end);
        transaction.push(
            &PUT_IDEMPOTENCY,
            statement.iter().map(|(address, Remembered { record, end })| {
                let before = counted(*address);
                let end = Extent { count: end.count - before.count, bytes: end.bytes - before.bytes };
                idempotency_row(address, record, end)
            }),
        );
        last = statement.last().map(|(address, remembered)| (*address, remembered.end));
    }
    let newest = changes.newest_idempotency.iter();
    transaction.push(
        &TRIM_IDEMPOTENCY,
        newest.map(|(address, newest)| {
            let [actor_type, id] = actor(address);
            let bytes = i64::try_from(newest.bytes).unwrap_or(i64::MAX);
            [actor_type, id, i64::from(newest.count).into(), bytes.into()]
        }),
    );
}

fn mail(transaction: &mut Transaction, changes: &Changes<'_>) {
    let rows = || changes.mail.iter();
    transaction.push(
        &DELETE_MAIL,
        rows()
            .filter(|(_, row)| matches!(row, MailRow::Delete))
            .map(|((address, key), _)| mail_key(address, *key)),
    );
    transaction.push(
        &RETRY_MAIL,
        rows().filter_map(|((address, key), row)| match row {
            MailRow::Retry { next } => Some(retry_row(address, *key, *next)),
            _ => None,
        }),
    );
    transaction.push(
        &PUT_MAIL,
        rows().filter_map(|(_, row)| match row {
            MailRow::Put { message, next } => Some(mail_row(message, *next)),
            _ => None,
        }),
    );
}

fn actor(address: &Address) -> [Value; 2] {
    [address.actor_type.as_str().into(), address.id.as_str().into()]
}

fn keyed(address: &Address, key: &str) -> [Value; 3] {
    let [actor_type, id] = actor(address);
    [actor_type, id, key.into()]
}

fn moment(at: Timestamp) -> Value {
    Value::Integer(at.unix_ms() as i64)
}

/// All 64 bits are kept: the number comes back by the same cast.
fn bits(number: u64) -> i64 {
    number as i64
}

fn mail_key(address: &Address, key: MailKey) -> [Value; 4] {
    let [actor_type, id] = actor(address);
    [actor_type, id, moment(key.due_at), key.id.as_bytes()[..].into()]
}

/// Method, media type, body and the four columns of the origin.
fn message_columns(message: &Message) -> [Value; 7] {
    let (kind, actor, name) = match &message.origin {
        Origin::Client => (0, None, None),
        Origin::Actor(address) => (1, Some(address), None),
        Origin::Reminder(name) => (2, None, Some(&**name)),
        Origin::Timer(name) => (3, None, Some(&**name)),
    };
    [
        message.method.as_str().into(),
        (&*message.payload.content_type).into(),
        message.payload.body[..].into(),
        Value::Integer(kind),
        actor.map(|address| address.actor_type.as_str()).into(),
        actor.map(|address| address.id.as_str()).into(),
        name.into(),
    ]
}

fn state_row(address: &Address, key: &str, value: &[u8]) -> impl Iterator<Item = Value> {
    let checksum = Checksum::of_state(address, key, value);
    keyed(address, key).into_iter().chain([value.into(), checksum.into()])
}

/// A row of [`PUT_MAIL`].
pub(super) fn mail_row(stored: &StoredMessage, next: Delivery<'_>) -> impl Iterator<Item = Value> {
    mail_key(&stored.to, stored.key()).into_iter().chain(message_columns(&stored.message)).chain([
        i64::from(next.attempt).into(),
        moment(stored.sent_at),
        moment(next.wake_at),
        Checksum::of_mail(stored).into(),
        next.error.into(),
    ])
}

/// A row of [`RETRY_MAIL`].
pub(super) fn retry_row(address: &Address, key: MailKey, next: Delivery<'_>) -> impl Iterator<Item = Value> {
    let changed = [i64::from(next.attempt).into(), moment(next.wake_at), next.error.into()];
    mail_key(address, key).into_iter().chain(changed)
}

/// A row of [`PUT_REMINDER`].
pub(super) fn reminder_row(
    address: &Address,
    name: &str,
    reminder: &Reminder,
) -> impl Iterator<Item = Value> {
    keyed(address, name).into_iter().chain([
        reminder.method.as_str().into(),
        (&*reminder.payload.content_type).into(),
        reminder.payload.body[..].into(),
        bits(reminder.schedule.delay_ms()).into(),
        reminder.schedule.period_ms().map(bits).into(),
        reminder.schedule.repetitions().map(i64::from).into(),
        moment(reminder.due_at),
        i64::from(reminder.fired).into(),
        reminder.firing_id.as_bytes()[..].into(),
        i64::from(reminder.attempt).into(),
        moment(reminder.wake_at),
        Checksum::of_reminder(address, reminder).into(),
    ])
}

fn dead_letter_row(letter: &DeadLetter) -> impl Iterator<Item = Value> {
    [Value::from(&letter.message.id.as_bytes()[..])]
        .into_iter()
        .chain(actor(&letter.to))
        .chain(message_columns(&letter.message))
        .chain([
            i64::from(letter.message.attempt).into(),
            moment(letter.died_at),
            letter.error.as_str().into(),
            Checksum::of_dead_letter(letter).into(),
        ])
}

fn idempotency_row(
    address: &Address,
    record: &IdempotencyRecord,
    end: Extent,
) -> impl Iterator<Item = Value> {
    let (message_id, payload, error) = match &record.answer {
        Answer::Accepted(id) => (Some(id), None, None),
        Answer::Replied(payload) => (None, Some(payload), None),
        Answer::Refused(error) => (None, None, Some(error)),
    };
    keyed(address, record.key.as_str()).into_iter().chain([
        i64::from(end.count).into(),
        record.request_digest.as_bytes()[..].into(),
        moment(record.at),
        message_id.map(|id| &id.as_bytes()[..]).into(),
        payload.map(|payload| &*payload.content_type).into(),
        payload.map(|payload| &payload.body[..]).into(),
        error.map(|error| error.code.source().as_str()).into(),
        error.map(|error| error.code.as_str()).into(),
        error.map(|error| error.detail.as_str()).into(),
        error.and_then(|error| error.data.as_deref()).into(),
        Checksum::of_idempotency(address, record).into(),
        bits(end.bytes).into(),
    ])
}
