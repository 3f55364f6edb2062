//! Every setting: its key, where it is kept, and what it means. The documentation is made of this
//! table, and the environment variables are named after it.

use greenroom_http::{Origin, Token};

use super::{LogFormat, Settings, listen};
use crate::{logging, units};

/// One setting.
pub(super) struct Setting {
    /// Its name in the configuration file, with the table it stands in: `limits.payload_bytes`.
    pub(super) key: &'static str,
    /// What it means.
    #[cfg_attr(not(test), allow(dead_code, reason = "the documentation is made of it, by a test"))]
    pub(super) meaning: &'static str,
    /// Sets it from text.
    pub(super) set: fn(&mut Settings, &str) -> Result<(), String>,
    /// Shows its value as it can be written.
    #[cfg_attr(not(test), allow(dead_code, reason = "the documentation is made of it, by a test"))]
    pub(super) show: fn(&Settings) -> String,
}

impl Setting {
    /// Its environment variable.
    pub(super) fn variable(&self) -> String {
        format!("GREENROOM_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }
}

/// The setting of that key.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// A value of a limit, whichever integer it is kept in.
trait Value: Sized {
    fn from_u64(value: u64) -> Result<Self, String>;
    fn to_u64(&self) -> u64;
}

macro_rules! integer_values {
    ($($integer:ty)*) => {$(
        impl Value for $integer {
            fn from_u64(value: u64) -> Result<Self, String> {
                Self::try_from(value).map_err(|_| format!("it may be at most {}", Self::MAX))
            }
            fn to_u64(&self) -> u64 {
                u64::try_from(*self).unwrap_or(u64::MAX)
            }
        }
    )*};
}

integer_values!(u32 u64 usize);

macro_rules! setter {
    (bytes $($field:ident).+) => {
        |settings, text| { settings.$($field).+ = Value::from_u64(units::bytes(text)?)?; Ok(()) }
    };
    (count $($field:ident).+) => {
        |settings, text| { settings.$($field).+ = Value::from_u64(units::count(text)?)?; Ok(()) }
    };
    (duration $($field:ident).+) => {
        |settings, text| { settings.$($field).+ = units::duration(text)?; Ok(()) }
    };
}

macro_rules! shower {
    (bytes $($field:ident).+) => { |settings| units::show_bytes(settings.$($field).+.to_u64()) };
    (count $($field:ident).+) => { |settings| settings.$($field).+.to_string() };
    (duration $($field:ident).+) => { |settings| units::show_duration(settings.$($field).+) };
}

macro_rules! settings {
    ([$($special:expr),* $(,)?] $($key:literal $kind:ident $($field:ident).+ $meaning:literal;)*) => {
        /// Every setting, in the order of the documentation.
        pub(super) const SETTINGS: &[Setting] = &[
            $($special,)*
            $(Setting {
                key: $key,
                meaning: $meaning,
                set: setter!($kind $($field).+),
                show: shower!($kind $($field).+),
            },)*
        ];
    };
}

const DATA: Setting = Setting {
    key: "data",
    meaning: "Directory of everything durable; made when it is not there.",
    set: |settings, text| {
        if text.is_empty() {
            return Err("it must name a directory".to_owned());
        }
        settings.data = text.into();
        Ok(())
    },
    show: |settings| settings.data.display().to_string(),
};

const LISTEN: Setting = Setting {
    key: "listen",
    meaning: "Address and port of the API, for example `localhost:7070`; `:7070` is loopback's, port 0 takes any free one. \
              Other than loopback needs `tokens`.",
    set: |settings, text| {
        settings.listen = listen::address(text)?;
        Ok(())
    },
    show: |settings| settings.listen.to_string(),
};

const TOKENS: Setting = Setting {
    key: "tokens",
    meaning: "Who may use the API: each request needs one of them as `Authorization: Bearer`. In the file a list, \
              in the environment separated by commas. Never on the command line, where others can see it.",
    set: |settings, text| {
        let texts = text.split(',').map(str::trim).filter(|token| !token.is_empty());
        let tokens: Result<Vec<Token>, _> = texts.map(Token::new).collect();
        settings.tokens = tokens.map_err(|error| error.to_string())?;
        // A secret that did not arrive must not open the host to everybody.
        if settings.tokens.is_empty() {
            return Err("it names no token; leave it out for a host that asks for none".to_owned());
        }
        Ok(())
    },
    show: |_| "none".to_owned(),
};

const CORS_ORIGINS: Setting = Setting {
    key: "cors_origins",
    meaning: "Of which origins web pages may use the API from a browser, besides its own, for example \
              `https://app.example.com`. In the file a list, in the environment separated by commas.",
    set: |settings, text| {
        let texts = text.split(',').map(str::trim).filter(|origin| !matches!(*origin, "" | "none"));
        let origins: Result<Vec<Origin>, _> =
            texts.map(|text| Origin::new(text).map_err(|error| format!("{text:?}: {error}"))).collect();
        settings.cors_origins = origins?;
        Ok(())
    },
    show: |settings| match settings.cors_origins.as_slice() {
        [] => "none".to_owned(),
        origins => origins.iter().map(Origin::as_str).collect::<Vec<_>>().join(","),
    },
};

const LOG: Setting = Setting {
    key: "log",
    meaning: "What to log: a level (`error`, `warn`, `info`, `debug`, `trace`, `off`), and others for parts of the host, \
              for example `info,greenroom_runtime=debug`.",
    set: |settings, text| {
        logging::filter(text)?;
        text.clone_into(&mut settings.log);
        Ok(())
    },
    show: |settings| settings.log.clone(),
};

const LOG_FORMAT: Setting = Setting {
    key: "log_format",
    meaning: "`pretty` for people, `json` for programs.",
    set: |settings, text| {
        settings.log_format = match text {
            "pretty" => LogFormat::Pretty,
            "json" => LogFormat::Json,
            other => return Err(format!("{other:?} is neither `pretty` nor `json`")),
        };
        Ok(())
    },
    show: |settings| match settings.log_format {
        LogFormat::Pretty => "pretty".to_owned(),
        LogFormat::Json => "json".to_owned(),
    },
};

settings! {
    [DATA, LISTEN, TOKENS, CORS_ORIGINS, LOG, LOG_FORMAT]

    "limits.component_bytes" bytes limits.component_bytes "Largest uploaded component.";
    "limits.payload_bytes" bytes limits.payload_bytes "Largest body of a message or a reply.";
    "limits.versions_per_type" count limits.versions_per_type "Versions kept of one actor type; the oldest goes when one more is deployed, but never the active one or the one before it.";
    "limits.mailbox_capacity" count limits.mailbox_capacity "Messages that may wait for one actor; one more is refused with `mailbox-full`.";
    "limits.state_key_bytes" bytes limits.state_key_bytes "Longest state key.";
    "limits.state_value_bytes" bytes limits.state_value_bytes "Largest state value.";
    "limits.state_bytes" bytes limits.state_bytes "All keys and values of one actor together; passing it is `state-limit`.";
    "limits.state_preload_bytes" bytes limits.state_preload_bytes "An actor with no more state than this loads whole when it activates; keys of a larger one load when they are first read.";
    "limits.write_set_bytes" bytes limits.write_set_bytes "What one turn may write in all (state, sends, reminders); passing it is `write-set-too-large`.";
    "limits.calls_per_turn" count limits.calls_per_turn "Calls to other actors in one turn.";
    "limits.sends_per_turn" count limits.sends_per_turn "Messages sent in one turn.";
    "limits.call_depth" count limits.call_depth "How many actors may wait for each other in a chain of calls.";
    "limits.reminders_per_actor" count limits.reminders_per_actor "Reminders of one actor.";
    "limits.timers_per_actor" count limits.timers_per_actor "Timers of one activation.";
    "limits.log_bytes_per_turn" bytes limits.log_bytes_per_turn "Log, stdout and stderr of one turn; what is more is dropped and counted.";
    "limits.turn_timeout" duration limits.turn_timeout "From a call's arrival to its reply, waiting and nested calls included; passing it is `turn-timeout`.";
    "limits.turn_cpu" duration limits.turn_cpu "Processor time of one turn; passing it is `cpu-limit`.";
    "limits.sandbox_memory_bytes" bytes limits.sandbox_memory_bytes "Linear memory of one sandbox; growing beyond is refused, and a trap that follows is `memory-limit`.";
    "limits.sandbox_table_elements" count limits.sandbox_table_elements "Elements in one table of a sandbox.";
    "limits.sandbox_stack_bytes" bytes limits.sandbox_stack_bytes "Wasm stack of one sandbox; passing it is `stack-overflow`.";
    "limits.sandboxes" count limits.sandboxes "Sandboxes in memory at once; the least recently used idle one makes room for the next.";
    "limits.activations" count limits.activations "Activations in memory at once; the least recently used idle one makes room for the next.";
    "limits.memory_bytes" bytes limits.memory_bytes "Resident memory of the host, beyond which idle sandboxes, then activations, are let go. Sandboxes at work can reserve five eighths of it, one actor type nine tenths of that. The default is half of what the process's cgroup or the machine has, as the log says at the start.";
    "limits.code_bytes" bytes limits.code_bytes "Compiled code in memory, with what its sandboxes share. That of types that are not at work leaves for the next, the least recently used first, and is loaded again at the next call. One component counts for half of it at most.";
    "limits.idle_timeout" duration limits.idle_timeout "How long an actor stays in memory after its last message.";
    "limits.delivery_attempts" count limits.delivery_attempts "Deliveries of a sent message or a reminder's firing before it becomes a dead letter.";
    "limits.retry_backoff" duration limits.retry_backoff "Wait before the second delivery; doubled for each further one.";
    "limits.retry_backoff_max" duration limits.retry_backoff_max "Longest wait between two deliveries.";
    "limits.dead_letters_per_actor" count limits.dead_letters_per_actor "Dead letters of one actor; while there are as many, a message that fails is not given up but delivered again, so none is lost and its mailbox fills instead.";
    "limits.idempotency_retention" duration limits.idempotency_retention "How long the answer to a request with an idempotency key is kept for repeats.";
    "limits.idempotency_keys_per_actor" count limits.idempotency_keys_per_actor "Answers kept for repeats of one actor's requests; the oldest goes for the next.";
    "limits.idempotency_bytes_per_actor" bytes limits.idempotency_bytes_per_actor "Bytes of answers kept for repeats of one actor's requests; an answer goes once newer ones have as many.";
    "limits.drain_timeout" duration limits.drain_timeout "How long a stopping host waits for turns under way; their connections then have 2 s more to take the last replies.";

    "http.connections" count http.connections "Connections at once. For the next, those close that have been without a request for longest, of the peer that has most; when none is, it waits. Fewer where the process may have few files open: a quarter of those, and at least 128, are kept for the store, deployments and backups.";
    "http.headers" count http.headers "Header fields of one request; one more is `headers-too-large`.";
    "http.header_bytes" bytes http.header_bytes "Request line and headers together; more is `headers-too-large`.";
    "http.header_timeout" duration http.header_timeout "From the first byte of a request to the end of its headers.";
    "http.body_timeout" duration http.body_timeout "Within so long the end of a body has to arrive, or as much as `body_bytes_per_second` asks for, and again within as long after that; else it is `request-timeout`.";
    "http.body_bytes_per_second" bytes http.body_bytes_per_second "The pace of a body, over each `body_timeout`; and while there is no memory left for bodies, over the last seconds: the slowest of those below it are ended with `request-timeout`.";
    "http.body_memory_bytes" bytes http.body_memory_bytes "Memory for the bodies of requests under way, those up to 1 KiB not counted; a request that finds none is `overloaded`. One peer, an address or a /64 network of IPv6, has three quarters of it at most. As much again for components on their way to be deployed, and for paths and headers. As much again for replies: beyond it, connections whose peers have not taken theirs for longest are closed.";
    "http.write_timeout" duration http.write_timeout "How long a peer may take nothing of what is written to it before its connection is closed.";
    "http.idle_timeout" duration http.idle_timeout "How long a connection may stay without a request. Longer than load balancers keep theirs, or they send requests on connections that close.";
    "http.requests" count http.requests "Requests under way at once; one more is `overloaded`. One peer has three quarters of them at most.";
    "http.http2_streams" count http.http2_streams "Requests at once on one HTTP/2 connection.";

    "compile.concurrency" count compile.concurrency "Components checked and compiled at a time. The default is the number of processors.";
    "compile.memory_bytes" bytes compile.memory_bytes "Address space of one compilation; a component that needs more is `component-rejected`.";
    "compile.cpu" duration compile.cpu "Processor time of one compilation, over all its threads; a component that needs more is `component-rejected`.";
    "compile.timeout" duration compile.timeout "How long one compilation may take, however busy the machine is. A component that gets less than `compile.cpu` of the processors by then is not refused: the answer is `overloaded`.";
    "compile.cache_bytes" bytes compile.cache_bytes "Compiled code kept on disk; what was not used for longest goes first.";

    "store.readers" count store.readers "Connections that read the database; so many reads go on at once.";
    "store.busy_timeout" duration store.busy_timeout "How long to wait for a lock that another process holds on the database.";
    "store.checked_bytes_max" bytes store.checked_bytes_max "A database of at most so many bytes is checked whole when the host starts, unless the host before ended by itself and the file was not touched since.";
    "store.database_bytes_max" bytes store.database_bytes_max "The database grows no larger than this.";
    "store.log_bytes_max" bytes store.log_bytes_max "A write-ahead log larger than this is begun anew.";
}
