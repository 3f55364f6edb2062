//! What every store must do, as checks that run against any of them.
//!
//! A check panics with what was expected. Each gets a store with nothing in it.

mod actors;
mod backup;
mod due;
mod mail;
mod records;
pub(crate) mod samples;
mod state;
mod turns;
mod types;

use greenroom_core::store::Store;

/// Runs every check, each on a store of its own that `empty` makes.
pub async fn check<S: Store>(empty: impl AsyncFn() -> S) {
    state::an_unknown_actor_is_empty(&empty().await).await;
    state::values_come_back_as_they_were(&empty().await).await;
    state::large_state_is_left_out_of_a_load(&empty().await).await;
    state::a_size_that_was_told_is_kept_until_a_purge(&empty().await).await;
    state::sizes_are_told_without_their_values(&empty().await).await;
    state::keys_are_listed_by_their_bytes(&empty().await).await;
    state::more_rows_than_one_statement_takes(&empty().await).await;

    turns::an_empty_batch_changes_nothing(&empty().await).await;
    turns::the_last_write_set_wins(&empty().await).await;
    turns::a_purge_removes_what_came_before_it(&empty().await).await;
    turns::a_purged_actor_can_write_in_the_same_turn(&empty().await).await;
    turns::a_large_actor_is_purged_and_begins_from_nothing(&empty().await).await;
    turns::the_same_batch_twice_is_the_same_as_once(&empty().await).await;

    mail::messages_come_back_as_they_were(&empty().await).await;
    mail::a_mailbox_is_in_order_and_comes_in_pages(&empty().await).await;
    mail::delayed_mail_waits_and_failed_mail_stays_in_line(&empty().await).await;
    mail::consumed_mail_is_gone(&empty().await).await;
    mail::mail_sent_and_changed_in_one_batch(&empty().await).await;
    mail::dead_mail_leaves_the_mailbox(&empty().await).await;

    actors::reminders_come_back_as_they_were(&empty().await).await;
    actors::a_summary_counts_everything(&empty().await).await;
    actors::actors_are_listed_once_and_in_order(&empty().await).await;
    actors::the_latest_message_id_is_found_wherever_it_is(&empty().await).await;

    records::a_turn_and_its_answer_are_one(&empty().await).await;
    records::answers_come_back_as_they_were(&empty().await).await;
    records::a_record_takes_the_place_of_one_with_its_key(&empty().await).await;
    records::only_the_newest_records_of_an_actor_stay(&empty().await).await;
    records::records_are_bounded_in_bytes(&empty().await).await;
    records::many_records_in_one_batch_count_in_order(&empty().await).await;
    records::old_records_are_forgotten(&empty().await).await;
    records::records_go_with_their_actor_and_with_its_type(&empty().await).await;
    records::dead_letters_are_listed_and_shown(&empty().await).await;
    records::a_dead_letter_goes_back_once_as_if_never_delivered(&empty().await).await;
    records::a_dead_letter_is_removed_by_itself_or_with_its_actor(&empty().await).await;
    records::a_type_with_dead_letters_stays_unless_purged(&empty().await).await;

    due::what_is_due_is_listed_by_actor(&empty().await).await;
    due::what_is_due_comes_in_pages(&empty().await).await;
    due::many_moments_of_one_actor_are_one(&empty().await).await;
    due::the_next_moment_is_found(&empty().await).await;
    due::retries_that_wait_for_too_long_are_brought_forward(&empty().await).await;

    types::versions_count_up(&empty().await).await;
    types::one_component_may_serve_several_types(&empty().await).await;
    types::a_type_in_use_stays_unless_purged(&empty().await).await;
    types::what_was_purged_is_hidden_at_once_and_its_name_free_when_it_is_gone(&empty().await).await;
    types::any_kept_version_can_be_activated(&empty().await).await;
    types::old_versions_go_but_never_the_one_to_go_back_to(&empty().await).await;
    types::settings_come_back_as_they_were(&empty().await).await;

    backup::a_backup_comes_whole_and_changes_nothing(&empty().await).await;

    let store = empty().await;
    store.check().await.expect("an open store answers");
    store.close().await;
}
