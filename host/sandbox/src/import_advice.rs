//! What to do about an import that is not offered: one sentence for each kind that tools and languages bring along.

/// Beginnings of names, and what to do. The first that fits counts.
const ADVICE: &[(&str, &str)] = &[
    (
        "wasi:http/",
        "Requests to other hosts are not offered (wasi:http): a component made by componentize-js or jco leaves it out \
         with `--disable http fetch-event` (`disableFeatures: [\"http\", \"fetch-event\"]`), and needs no `fetch`",
    ),
    ("wasi:keyvalue/", "Keep what wasi:keyvalue would keep in the actor's state (greenroom:actor/state)"),
    ("wasi:blobstore/", "Keep what wasi:blobstore would keep in the actor's state (greenroom:actor/state)"),
    ("wasi:logging/", "Log with greenroom:actor/log, or print to stderr, instead of wasi:logging"),
    (
        "wasi:config/",
        "Read configuration from environment variables (wasi:cli/environment), which are settings of the actor type, \
         instead of wasi:config",
    ),
    (
        "wasi:messaging/",
        "Send messages to other actors with greenroom:actor/messaging instead of wasi:messaging",
    ),
    ("wasi:threads/", "An actor runs one turn at a time: build it without threads"),
    (
        "wasi:tls/",
        "Connections to other hosts are not offered (wasi:sockets links, but refuses every connection): leave wasi:tls out",
    ),
    (
        "wasi:",
        "WASI is offered in version 0.2 alone, and of it what is named above: build for wasm32-wasip2 with a toolchain \
         that targets WASI 0.2, and leave out what needs more",
    ),
    (
        "greenroom:actor/",
        "The contract is offered in the version named above alone: build with the WIT or the SDK of this host's version",
    ),
];

/// One sentence for each kind of import among `missing`, in a fixed order.
pub(crate) fn of(missing: &[&str]) -> String {
    let kind = |name: &str| ADVICE.iter().position(|(beginning, _)| name.starts_with(beginning));
    let mut kinds: Vec<usize> = missing.iter().filter_map(|name| kind(name)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.iter().flat_map(|kind| [". ", ADVICE[*kind].1]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_said_once() {
        let http = of(&["wasi:http/types@0.2.10", "wasi:http/outgoing-handler@0.2.10"]);
        assert_eq!(http.matches("--disable http fetch-event").count(), 1, "{http}");
        let both = of(&["wasi:keyvalue/store@0.2.0-draft", "wasi:http/types@0.2.0"]);
        assert!(both.contains("greenroom:actor/state") && both.contains("--disable http"), "{both}");
        assert!(of(&["wasi:cli/environment@0.3.0"]).contains("WASI 0.2"));
        assert!(of(&["greenroom:actor/state@0.2.0"]).contains("this host's version"));
        assert_eq!(of(&["acme:shop/orders@1.0.0"]), "");
    }
}
