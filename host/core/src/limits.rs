//! Every bound of the host: its name, its default and why it is there. There is no "unlimited".

use std::time::Duration;

/// The bounds in force on a node. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest uploaded component.
    pub component_bytes: u64,
    /// Largest body of a message or a reply.
    pub payload_bytes: usize,
    /// Versions kept of one actor type; the oldest goes when one more is deployed, but never the active
    /// one or the one before it.
    pub versions_per_type: usize,
    /// Messages that may wait for one actor; one more is refused with `mailbox-full`.
    pub mailbox_capacity: usize,
    /// Longest state key.
    pub state_key_bytes: usize,
    /// Largest state value.
    pub state_value_bytes: usize,
    /// All keys and values of one actor together; passing it is `state-limit`.
    pub state_bytes: u64,
    /// An actor with no more state than this loads whole when it activates; keys of a larger one
    /// load when they are first read.
    pub state_preload_bytes: u64,
    /// What one turn may write in all (state, sends, reminders); passing it is `write-set-too-large`.
    pub write_set_bytes: usize,
    /// Calls to other actors in one turn.
    pub calls_per_turn: u32,
    /// Messages sent in one turn.
    pub sends_per_turn: u32,
    /// How many actors may wait for each other in a chain of calls.
    pub call_depth: u32,
    /// Reminders of one actor.
    pub reminders_per_actor: usize,
    /// Timers of one activation.
    pub timers_per_actor: usize,
    /// Log, stdout and stderr of one turn; what is more is dropped and counted.
    pub log_bytes_per_turn: usize,
    /// From a call's arrival to its reply, waiting and nested calls included; passing it is
    /// `turn-timeout`.
    pub turn_timeout: Duration,
    /// Processor time of one turn; passing it is `cpu-limit`.
    pub turn_cpu: Duration,
    /// Linear memory of one sandbox; growing beyond is refused, and a trap that follows is
    /// `memory-limit`.
    pub sandbox_memory_bytes: usize,
    /// Elements in one table of a sandbox.
    pub sandbox_table_elements: usize,
    /// Wasm stack of one sandbox; passing it is `stack-overflow`.
    pub sandbox_stack_bytes: usize,
    /// Sandboxes in memory at once; the least recently used idle one makes room for the next.
    pub sandboxes: usize,
    /// Activations in memory at once; the least recently used idle one makes room for the next.
    pub activations: usize,
    /// Resident memory of the host, beyond which idle sandboxes, then activations, are let go. Sandboxes at work can
    /// reserve five eighths of it.
    pub memory_bytes: u64,
    /// Compiled code in memory; that of types that are not at work makes room for the next, the least recently used
    /// first.
    pub code_bytes: u64,
    /// How long an actor stays in memory after its last message.
    pub idle_timeout: Duration,
    /// Deliveries of a sent message or a reminder's firing before it becomes a dead letter.
    pub delivery_attempts: u32,
    /// Wait before the second delivery; doubled for each further one.
    pub retry_backoff: Duration,
    /// Longest wait between two deliveries.
    pub retry_backoff_max: Duration,
    /// Dead letters of one actor; while there are as many, a message that fails is not given up but
    /// delivered again, so none is lost and its mailbox fills instead.
    pub dead_letters_per_actor: u64,
    /// How long the answer to a request with an idempotency key is kept for repeats.
    pub idempotency_retention: Duration,
    /// Answers kept for repeats of one actor's requests; the oldest goes for the next.
    pub idempotency_keys_per_actor: u32,
    /// Bytes of answers kept for repeats of one actor's requests; an answer goes once newer ones have as many.
    pub idempotency_bytes_per_actor: u64,
    /// How long a stopping host waits for turns under way.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: u64 = 1 << 10;
        const MIB: u64 = 1 << 20;
        Limits {
            component_bytes: 64 * MIB,
            payload_bytes: 4 << 20,
            versions_per_type: 10,
            mailbox_capacity: 1_000,
            state_key_bytes: 1 << 10,
            state_value_bytes: 1 << 20,
            state_bytes: 64 * MIB,
            state_preload_bytes: 256 * KIB,
            write_set_bytes: 16 << 20,
            calls_per_turn: 1_000,
            sends_per_turn: 1_000,
            call_depth: 16,
            reminders_per_actor: 1_000,
            timers_per_actor: 1_000,
            log_bytes_per_turn: 64 << 10,
            turn_timeout: Duration::from_secs(30),
            turn_cpu: Duration::from_secs(5),
            sandbox_memory_bytes: 128 << 20,
            sandbox_table_elements: 100_000,
            sandbox_stack_bytes: 512 << 10,
            sandboxes: 10_000,
            activations: 100_000,
            memory_bytes: 2 << 30,
            code_bytes: 1 << 30,
            idle_timeout: Duration::from_mins(1),
            delivery_attempts: 10,
            retry_backoff: Duration::from_millis(200),
            retry_backoff_max: Duration::from_mins(5),
            dead_letters_per_actor: 1_000,
            idempotency_retention: Duration::from_hours(24),
            idempotency_keys_per_actor: 1_000,
            idempotency_bytes_per_actor: 16 * MIB,
            drain_timeout: Duration::from_secs(10),
        }
    }
}
