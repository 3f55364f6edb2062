//! Every statement finds its rows through an index: SQLite is asked how it would go about each.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::open::{self, SqliteOptions};
use super::{commit, query};

async fn plan(connection: &mut SqliteConnection, text: &str) -> String {
    let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}")))
        .fetch_all(connection)
        .await
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    let details: Vec<String> = rows.iter().map(|row| row.try_get("detail").unwrap()).collect();
    details.join("\n")
}

/// Tables whose rows are as many as the users' data.
const LARGE: [&str; 5] = ["state", "mailbox", "reminder", "dead_letter", "idempotency"];

fn assert_searches(text: &str, plan: &str) {
    for line in plan.lines() {
        for table in LARGE {
            let scans = line.starts_with(&format!("SCAN {table}"));
            assert!(!scans, "reads all of {table}: {text}\n{plan}");
        }
        assert!(!line.contains("USE TEMP B-TREE FOR ORDER BY"), "sorts: {text}\n{plan}");
    }
}

#[tokio::test]
async fn statements_search_and_do_not_scan() {
    let directory = tempfile::tempdir().unwrap();
    let opened = open::open(directory.path(), &SqliteOptions::default()).await.unwrap();
    let mut connection = opened.writer;

    for text in [
        query::LOAD,
        query::SUMMARY,
        query::STATE_VALUE,
        query::STATE_KEYS,
        query::STATE_VALUE_SIZES,
        query::MAIL,
        query::ONE_MESSAGE,
        query::ACTORS,
        query::DUE,
        query::NEXT_DUE,
        query::BOUND_MAIL_RETRIES,
        query::BOUND_REMINDER_RETRIES,
        query::COMPONENT,
        query::IDEMPOTENCY,
        query::FORGET_IDEMPOTENCY,
        query::DEAD_LETTERS,
        query::DEAD_LETTERS_OF_TYPE,
        query::DEAD_LETTER,
        query::COUNT_DEAD_LETTERS,
        query::REMOVE_DEAD_LETTER,
    ] {
        let plan = plan(&mut connection, text).await;
        assert_searches(text, &plan);
    }

    for table in query::PURGE_ACTOR.iter().chain(&query::PURGE_TYPE) {
        for text in [table.remove, table.is_left] {
            let plan = plan(&mut connection, text).await;
            assert_searches(text, &plan);
        }
    }
    let plan_of_extent = plan(&mut connection, query::EXTENT).await;
    assert_searches(query::EXTENT, &plan_of_extent);

    let page = plan(&mut connection, query::MAIL).await;
    assert!(page.contains("actor_id=? AND (due_at,message_id)>(?,?)"), "{page}");

    let whole_key = "sqlite_autoindex_mailbox_1 (actor_type=? AND actor_id=? AND due_at=? AND message_id=?)";
    for (shape, search) in [
        (&commit::DELETE_MAIL, whole_key),
        (&commit::RETRY_MAIL, whole_key),
        (&commit::DELETE_STATE, "sqlite_autoindex_state_1 (actor_type=? AND actor_id=? AND key=?)"),
        (&commit::DELETE_REMINDER, "sqlite_autoindex_reminder_1 (actor_type=? AND actor_id=? AND name=?)"),
        (&commit::DELETE_DEAD_LETTER, "sqlite_autoindex_dead_letter_1 (message_id=?)"),
        (&commit::PUT_IDEMPOTENCY, "COVERING INDEX idempotency_number (actor_type=? AND actor_id=?)"),
        (&commit::TRIM_IDEMPOTENCY, "idempotency_number (actor_type=? AND actor_id=? AND number<?)"),
        (&commit::PURGE[0], "INDEX sqlite_autoindex_state_1 (actor_type=? AND actor_id=?)"),
        (&commit::PURGE[1], "INDEX sqlite_autoindex_mailbox_1 (actor_type=? AND actor_id=?)"),
        (&commit::PURGE[2], "INDEX reminder_actor (actor_type=? AND actor_id=?)"),
        (&commit::PURGE[3], "INDEX idempotency_bytes (actor_type=? AND actor_id=?)"),
        (&commit::PURGE[4], "INDEX dead_letter_actor (actor_type=? AND actor_id=?)"),
        (&commit::PURGE[5], "INDEX sqlite_autoindex_state_size_1 (actor_type=? AND actor_id=?)"),
    ] {
        for rows in [1, 64] {
            let text = shape.text(rows);
            let plan = plan(&mut connection, &text).await;
            assert_searches(&text, &plan);
            assert!(plan.contains(search), "{text}\n{plan}");
        }
    }

    for (text, index) in
        [(query::BOUND_MAIL_RETRIES, "mailbox_retry"), (query::BOUND_REMINDER_RETRIES, "reminder_retry")]
    {
        let plan = plan(&mut connection, text).await;
        assert!(plan.contains(&format!("{index} (actor_type=? AND wake_at>?)")), "{text}\n{plan}");
    }

    // Whether an actor has an earlier moment is seen without its other reminders.
    let plan_of_due = plan(&mut connection, query::DUE).await;
    let earlier = "COVERING INDEX reminder_actor (actor_type=? AND actor_id=? AND wake_at<?)";
    assert!(plan_of_due.contains(earlier), "{plan_of_due}");

    // The one search of everything reads indexes only, never the bodies of messages.
    let plan = plan(&mut connection, query::LATEST_MESSAGE_ID).await;
    for table in ["mailbox", "reminder", "dead_letter"] {
        let through_index =
            plan.lines().filter(|line| line.contains(table)).all(|line| line.contains("COVERING INDEX"));
        assert!(through_index, "{plan}");
    }
    connection.close().await.unwrap();
}
