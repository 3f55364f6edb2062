//! What this instance remembers between messages: gone with its sandbox, so a test can tell one
//! sandbox from the next.

use std::cell::{Cell, RefCell};

use crate::bindings::types::Address;

thread_local! {
    static ME: RefCell<Option<Address>> = const { RefCell::new(None) };
    static TURNS: Cell<u32> = const { Cell::new(0) };
    static REMEMBERED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Notes which actor this instance is.
pub(crate) fn become_actor(me: Address) {
    ME.with_borrow_mut(|slot| *slot = Some(me));
}

/// Which actor this instance was told that it is.
pub(crate) fn me() -> Option<Address> {
    ME.with_borrow(Clone::clone)
}

/// Counts one more turn of this instance, also one that fails.
pub(crate) fn count_turn() -> u32 {
    TURNS.set(TURNS.get() + 1);
    TURNS.get()
}

/// Turns of this instance, the one under way included.
pub(crate) fn turns() -> u32 {
    TURNS.get()
}

/// Keeps a text in memory only.
pub(crate) fn remember(text: String) {
    REMEMBERED.set(text);
}

/// The text kept last.
pub(crate) fn recall() -> String {
    REMEMBERED.with_borrow(Clone::clone)
}
