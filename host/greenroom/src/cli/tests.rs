//! That the command line explains itself, and takes what people type.

use super::*;
use clap::CommandFactory as _;

#[test]
fn the_command_line_is_consistent_and_explains_itself() {
    let mut command = Cli::command();
    command.clone().debug_assert();
    for subcommand in command.get_subcommands_mut() {
        let help = subcommand.render_long_help().to_string();
        assert!(help.contains("Example"), "{} has no example", subcommand.get_name());
    }
}

#[test]
fn dead_letters_are_listed_with_and_without_the_word() {
    for arguments in [&["--type", "task"][..], &["list", "--type", "task"]] {
        let arguments = ["greenroom", "dead-letters"].iter().chain(arguments);
        let parsed = Cli::try_parse_from(arguments).unwrap();
        let Command::Client(ClientCommand::DeadLetters { command, list }) = parsed.command else {
            panic!("no dead letters")
        };
        let list = match command {
            None => list,
            Some(DeadLetterCommand::List(list)) => list,
            Some(other) => panic!("{other:?}"),
        };
        assert_eq!(list.actor_type.as_deref(), Some("task"));
    }
    assert!(Cli::try_parse_from(["greenroom", "dead-letters", "retry"]).is_err(), "it needs an id");
}

#[test]
fn every_language_can_be_asked_for_and_is_listed() {
    for language in Language::ALL.map(Language::name) {
        assert!(Cli::try_parse_from(["greenroom", "new", "--lang", language, "task"]).is_ok(), "{language}");
        assert!(NEW_ABOUT.contains(&format!(" {language}")), "{language}");
    }
    assert!(Cli::try_parse_from(["greenroom", "new", "--lang", "rust", "Task"]).is_err());
}

#[test]
fn ids_and_payloads_may_begin_with_a_hyphen() {
    let parsed = Cli::try_parse_from(["greenroom", "call", "task", "-", "run", "-1"]).unwrap();
    let Command::Client(ClientCommand::Call { message, .. }) = parsed.command else { panic!("no call") };
    assert_eq!((message.to.id.as_str(), message.body.as_deref()), ("-", Some("-1")));
}

#[test]
fn an_option_that_there_is_not_is_no_payload_unless_that_is_said() {
    for arguments in [
        &["call", "task", "1", "get", "--jsonn"][..],
        &["send", "task", "1", "get", "-x"],
        &["state", "task", "1", "--perfix"],
        &["inspect", "task", "--jsonn"],
    ] {
        let refused = Cli::try_parse_from(["greenroom"].iter().chain(arguments)).unwrap_err();
        assert_eq!(refused.kind(), clap::error::ErrorKind::UnknownArgument, "{arguments:?}");
    }
    let parsed = Cli::try_parse_from(["greenroom", "call", "task", "1", "get", "--", "--jsonn"]).unwrap();
    let Command::Client(ClientCommand::Call { message, .. }) = parsed.command else { panic!("no call") };
    assert_eq!(message.body.as_deref(), Some("--jsonn"));
}

#[test]
fn what_is_removed_is_named_one_by_one_or_all_of_it() {
    let parse = |arguments: &[&str]| {
        Cli::try_parse_from(["greenroom", "dead-letters"].iter().chain(arguments)).map(|_| ())
    };
    for good in [&["remove", "1", "2"][..], &["drop", "--all"], &["retry", "--all", "--type", "task"]] {
        assert!(parse(good).is_ok(), "{good:?}");
    }
    for bad in [&["remove"][..], &["retry", "--type", "task"], &["remove", "1", "--all"]] {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_slip_is_never_pointed_to_what_is_internal() {
    for slip in ["compile", "compile-componen", "compilecomponent"] {
        let said = Cli::try_parse_from(["greenroom", slip]).unwrap_err().to_string();
        assert!(!said.contains("compile-component"), "{said}");
    }
}
