//! A fuzz target for rows that are read back: whatever a column holds, a row becomes what it was made of or
//! an error.

use std::sync::{LazyLock, Mutex};

use greenroom_core::{Address, IdempotencyKey};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::runtime::Runtime;

use super::rows::{self, Columns};

/// Columns of the widest row.
const COLUMNS: usize = 14;

struct Database {
    runtime: Runtime,
    connection: SqliteConnection,
}

static DATABASE: LazyLock<Mutex<Database>> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime needs nothing of the system");
    let connection = runtime.block_on(SqliteConnection::connect("sqlite::memory:"));
    Mutex::new(Database { runtime, connection: connection.expect("a database in memory opens") })
});

/// A row of the values that the bytes spell, read as each kind of row that there is.
pub fn rows(mut bytes: &[u8]) {
    let values: Vec<String> = (0..COLUMNS).map(|_| literal(&mut bytes)).collect();
    let query = format!("SELECT {}", values.join(", "));
    let mut database = DATABASE.lock().expect("no target panics while it holds this");
    let Database { runtime, connection } = &mut *database;
    let row = runtime.block_on(sqlx::query(AssertSqlSafe(query)).persistent(false).fetch_one(connection));
    drop(database);
    if let Ok(row) = row {
        read(&row);
    }
}

/// One value in SQL: its kind and length, then its bytes.
fn literal(bytes: &mut &[u8]) -> String {
    let Some((head, rest)) = bytes.split_first() else { return "NULL".into() };
    let length = usize::from(head >> 3).min(rest.len());
    let (value, rest) = rest.split_at(length);
    *bytes = rest;
    let hexadecimal = hex::encode(value);
    let number = value.iter().fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
    match head & 7 {
        0 => "NULL".into(),
        1 => number.to_string(),
        2 => format!("-{}", number.unsigned_abs() >> 1),
        3 => format!("X'{hexadecimal}'"),
        4 => format!("CAST(X'{hexadecimal}' AS TEXT)"),
        5 => "X'0192d3a4b5c67d8e9f00112233445566'".into(),
        6 => "'a'".into(),
        _ => format!("'[\"m\",{number},null,null,{},1,1,{number}]'", number.unsigned_abs()),
    }
}

fn read(row: &SqliteRow) {
    let to = Address::parse("a", "b").expect("both are names");
    let key = IdempotencyKey::new("k").expect("it is printable");
    if let Ok(message) = rows::message(&to, row) {
        assert!(message.to == to && message.message.method.as_str().len() <= 64);
    }
    let columns = || Columns::from(row, 0);
    let _ = rows::state_value(&to, "k", &mut columns());
    let _ = rows::dead_letter(columns());
    let _ = rows::dead_letter_summary(columns());
    let _ = rows::idempotency(&to, &key, columns());
    if let Ok(reminder) = rows::reminder(&to, columns()) {
        assert!(reminder.schedule.period_ms() != Some(0));
    }
    let _ = (rows::optional_message_id(row), rows::optional_moment(row));
}
