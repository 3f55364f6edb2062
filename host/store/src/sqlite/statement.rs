//! Statements that change many rows at once, and how a transaction of them reaches SQLite.
//!
//! A statement takes a power of two of rows, the last of them empty where there are fewer: few
//! texts are ever prepared, and 63 rows are one statement, not six. Each statement costs a round
//! trip to SQLite's thread, more than a row does, so a small transaction goes there as one text.

use std::fmt::Write as _;

use greenroom_core::FailPoint;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments as _, AssertSqlSafe};

/// A bound parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Value {
    fn bytes(&self) -> u64 {
        match self {
            Value::Null | Value::Integer(_) => 0,
            Value::Text(text) => text.len() as u64,
            Value::Blob(bytes) => bytes.len() as u64,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Value::Blob(bytes.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Integer(number)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// The text of a statement around its rows. A row whose first column is null must have no effect.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) before: &'static str,
    pub(super) columns: usize,
    pub(super) after: &'static str,
}

/// Rows in one statement at most.
pub(super) const ROWS_MAX: usize = 128;
/// A transaction of more statements, or of any with more rows, goes to SQLite one by one: its text
/// would hardly ever come again, and preparing it costs more than the round trips.
const SCRIPT_STATEMENTS_MAX: usize = 4;
const SCRIPT_ROWS_MAX: usize = 8;

impl Shape {
    /// The text for `rows` rows.
    pub(super) fn text(&self, rows: usize) -> String {
        let row_len = 2 * self.columns + 2;
        let mut text = String::with_capacity(self.before.len() + rows * row_len + self.after.len() + 64);
        text.push_str(self.before);
        for row in 0..rows {
            text.push_str(if row == 0 { "(" } else { ",(" });
            for column in 0..self.columns {
                text.push_str(if column == 0 { "?" } else { ",?" });
            }
            text.push(')');
        }
        text.push_str(self.after);
        text
    }
}

#[derive(Debug)]
struct Statement {
    shape: &'static Shape,
    rows: usize,
    values: Vec<Value>,
}

/// The statements of one transaction, in order.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    statements: Vec<Statement>,
}

impl Transaction {
    /// Appends statements of that shape for `rows`.
    pub(super) fn push<R: IntoIterator<Item = Value>>(
        &mut self,
        shape: &'static Shape,
        rows: impl IntoIterator<Item = R>,
    ) {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let mut values = Vec::new();
            values.extend(rows.by_ref().take(ROWS_MAX).flatten());
            let rows = (values.len() / shape.columns).next_power_of_two();
            values.resize(rows * shape.columns, Value::Null);
            self.statements.push(Statement { shape, rows, values });
        }
    }

    /// How many bytes its values have.
    pub(super) fn bytes(&self) -> u64 {
        let values = self.statements.iter().flat_map(|statement| &statement.values);
        values.map(Value::bytes).sum()
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// Carries it out. After an error the connection may still be inside the transaction.
    pub(super) async fn run(self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        self.carry_out(connection).await?;
        FailPoint::StoreCommitted.reach();
        Ok(())
    }

    async fn carry_out(self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        if self.is_script() {
            let mut script = String::from("BEGIN IMMEDIATE");
            for statement in &self.statements {
                let _ = write!(script, ";{}", statement.shape.text(statement.rows));
            }
            script.push_str(";COMMIT");
            let values = self.statements.into_iter().flat_map(|statement| statement.values);
            return execute(connection, script, values).await;
        }
        execute(connection, "BEGIN IMMEDIATE".into(), []).await?;
        for statement in self.statements {
            execute(connection, statement.shape.text(statement.rows), statement.values).await?;
        }
        if FailPoint::StoreWritten.fails() {
            return Err(sqlx::Error::Protocol("a test wants this transaction to fail".into()));
        }
        execute(connection, "COMMIT".into(), []).await
    }

    fn is_script(&self) -> bool {
        match &self.statements[..] {
            [_] => true,
            some => {
                some.len() <= SCRIPT_STATEMENTS_MAX
                    && some.iter().all(|statement| statement.rows <= SCRIPT_ROWS_MAX)
            }
        }
    }
}

async fn execute(
    connection: &mut SqliteConnection,
    text: String,
    values: impl IntoIterator<Item = Value>,
) -> sqlx::Result<()> {
    let arguments = arguments(values)?;
    // Safe: the text is made of the constants in `Shape`s, every value is a bound parameter.
    sqlx::query_with(AssertSqlSafe(text), arguments).execute(connection).await?;
    Ok(())
}

/// Values as sqlx takes them.
pub(super) fn arguments(values: impl IntoIterator<Item = Value>) -> sqlx::Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Integer(number) => arguments.add(number),
            Value::Text(text) => arguments.add(text),
            Value::Blob(bytes) => arguments.add(bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
