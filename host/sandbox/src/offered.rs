//! What a component may import, by name, and which of its exports are the contract's. Whether they
//! have the right types is checked when it is linked.

/// What takes every message.
pub(crate) const BEHAVIOR: &str = "greenroom:actor/behavior@0.1.0";
/// What a component without that may have around its methods.
pub(crate) const LIFECYCLE: &str = "greenroom:actor/lifecycle@0.1.0";

/// The contract's interfaces, all of one version.
const ACTOR_INTERFACES: &[&str] = &["context", "log", "messaging", "reminders", "state", "timers", "types"];

/// The interfaces of WASI 0.2, of any of its minor versions.
const WASI_INTERFACES: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// All of it in a few words.
pub(crate) const SUMMARY: &str = "greenroom:actor/{context, log, messaging, reminders, state, timers, \
     types}@0.1.0 and WASI 0.2 (wasi:cli, clocks, filesystem, io, random, sockets)";

/// Whether a component may import `name`.
pub(crate) fn is_offered(name: &str) -> bool {
    let Some((interface, version)) = name.rsplit_once('@') else { return false };
    match interface.strip_prefix("greenroom:actor/") {
        Some(interface) => version == "0.1.0" && ACTOR_INTERFACES.contains(&interface),
        None => is_wasi_0_2(version) && WASI_INTERFACES.contains(&interface),
    }
}

/// Functions that tools have run once, to make a snapshot, and leave among the exports: the interface,
/// the name and the parameters. They are nobody's method, and would let any caller change the program.
const LEFT_BY_TOOLS: [(Option<&str>, &str, &[&str]); 2] = [
    // componentize-qjs
    (None, "init", &["shim", "script", "entry-path", "disable-gc"]),
    // componentize-py
    (Some("exports"), "init", &["app-name", "symbols", "stub-wasi"]),
];

/// Whether an exported function is what a tool leaves behind.
pub(crate) fn is_left_by_tool(interface: Option<&str>, name: &str, parameters: &[&str]) -> bool {
    LEFT_BY_TOOLS.contains(&(interface, name, parameters))
}

/// Whether an exported name is none of the contract's or WASI's, so that its functions are methods.
pub(crate) fn is_own_interface(name: &str) -> bool {
    !name.starts_with("greenroom:actor/") && !name.starts_with("wasi:")
}

fn is_wasi_0_2(version: &str) -> bool {
    version
        .strip_prefix("0.2.")
        .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_the_contract_and_any_minor_version_of_wasi() {
        for name in [
            "greenroom:actor/state@0.1.0",
            "greenroom:actor/types@0.1.0",
            "wasi:cli/environment@0.2.0",
            "wasi:io/streams@0.2.12",
        ] {
            assert!(is_offered(name), "{name}");
        }
        for name in [
            "",
            "state",
            "greenroom:actor/state",
            "greenroom:actor/state@0.2.0",
            "greenroom:actor/behavior@0.1.0",
            "wasi:cli/environment@0.3.0",
            "wasi:cli/environment@0.2.",
            "wasi:cli/environment@0.2.1-rc",
            "wasi:http/types@0.2.0",
            "evil:cli/environment@0.2.0",
        ] {
            assert!(!is_offered(name), "{name}");
        }
    }

    #[test]
    fn only_what_tools_leave_behind_is_no_method() {
        let script = ["shim", "script", "entry-path", "disable-gc"];
        let symbols = ["app-name", "symbols", "stub-wasi"];
        assert!(is_left_by_tool(None, "init", &script));
        assert!(is_left_by_tool(Some("exports"), "init", &symbols));
        assert!(!is_left_by_tool(None, "init", &["script"]));
        assert!(!is_left_by_tool(Some("a:b/c"), "init", &script));
        assert!(!is_left_by_tool(None, "start", &script));
    }

    #[test]
    fn everything_said_to_be_offered_is_linked() {
        let limits = greenroom_core::Limits { sandboxes: 1, ..Default::default() };
        let engine = crate::settings::compiling_engine(&limits, crate::settings::Reservation::FULL).unwrap();
        let linker = crate::behavior::linker(&engine).unwrap();
        let actor = ACTOR_INTERFACES.iter().map(|name| format!("greenroom:actor/{name}@0.1.0"));
        let wasi = WASI_INTERFACES.iter().map(|name| format!("{name}@0.2.6"));
        for name in actor.chain(wasi) {
            let text = format!(r#"(component (import "{name}" (instance)))"#);
            let component =
                wasmtime::component::Component::new(&engine, wat::parse_str(text).unwrap()).unwrap();
            linker.instantiate_pre(&component).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        }
    }
}
