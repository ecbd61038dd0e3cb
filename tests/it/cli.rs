//! The command line's surface: what it takes, what it refuses, what it makes harmless.

use clap::{CommandFactory, Parser};
use omk::app::error::AppError;
use omk::cli::args::Cli;
use omk::cli::context::quoted;
use omk::cli::error::{Failure, misuse};
use omk::cli::goal::run::{parse_duration, parse_usd};
use omk::cli::output::{safe, stripped, units};
use omk::domain::goal::GoalStatus;

use crate::support::omk::Place;

#[test]
fn the_surface_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_explains_itself() {
    let mut command = Cli::command();
    command.build();
    insta::assert_snapshot!("help", command.render_help().to_string());
    for top in command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect::<Vec<_>>() {
        let sub = command.find_subcommand_mut(&top).expect("a command");
        insta::assert_snapshot!(format!("help-{top}"), sub.render_help().to_string());
        for verb in sub.get_subcommands().map(|verb| verb.get_name().to_owned()).collect::<Vec<_>>() {
            let verb_command = sub.find_subcommand_mut(&verb).expect("a verb");
            insta::assert_snapshot!(format!("help-{top}-{verb}"), verb_command.render_help().to_string());
        }
    }
}

#[test]
fn common_options_stand_before_or_behind_the_verb() {
    for line in ["omk --json --state-dir s goal status", "omk goal status latest --json --state-dir s"] {
        let cli = Cli::try_parse_from(line.split(' ')).expect("a command");
        assert!(cli.common.json, "{line}");
        assert_eq!(cli.common.state_dir.as_deref(), Some(std::path::Path::new("s")), "{line}");
    }
}

#[test]
fn a_typing_error_exits_with_2_and_says_what_was_meant() {
    let ran = Place::new().run(&["goal", "staus"]);
    assert_eq!(ran.code(), Some(2));
    assert_eq!(ran.stdout(), "");
    assert!(ran.stderr().contains("'status'"), "{}", ran.stderr());
}

#[test]
fn a_typing_error_under_json_is_a_document() {
    let ran = Place::new().run(&["goal", "staus", "--json"]);
    assert_eq!(ran.code(), Some(2));
    let document = ran.json();
    assert_eq!(document["schema"], "omk.error/v1");
    assert_eq!(document["error"]["kind"], "usage");
    assert_eq!(document["error"]["message"], "unrecognized subcommand 'staus'");
    assert_eq!(document["exit"], 2);
}

#[test]
fn what_this_version_cannot_keep_is_refused() {
    for option in [&["--policy", "auto-pr"][..], &["--merge-policy", "gated"], &["--enforce-protection"]] {
        let ran = Place::new().run(&[&["goal", "run", "x", "--json"][..], option].concat());
        assert_eq!(ran.code(), Some(2), "{option:?}: {}", ran.stderr());
        let message = ran.json()["error"]["message"].to_string();
        assert!(message.contains(&option.join(" ")) && message.contains("local branches only"), "{message}");
    }
}

#[test]
fn a_policy_that_nobody_knows_is_refused_with_the_known_ones() {
    let ran = Place::new().run(&["goal", "run", "x", "--policy", "push"]);
    assert_eq!(ran.code(), Some(2));
    assert!(ran.stderr().contains("local, draft-pr, auto-pr"), "{}", ran.stderr());
}

#[test]
fn an_answer_needs_words() {
    let ran = Place::new().run(&["goal", "answer", "a1"]);
    assert_eq!(ran.code(), Some(2));
    assert!(ran.stderr().contains("--yes"), "{}", ran.stderr());
}

#[test]
fn the_version_goes_to_stdout() {
    let ran = Place::new().run(&["--version"]);
    assert_eq!((ran.code(), ran.stdout()), (Some(0), format!("omk {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn durations_are_read_and_zero_is_refused() {
    assert_eq!(parse_duration("90s"), Ok(90_000));
    assert_eq!(parse_duration("1h 30m"), Ok(5_400_000));
    assert!(parse_duration("0s").is_err());
    assert!(parse_duration("soon").is_err());
}

#[test]
fn amounts_of_money_are_read_to_the_millionth() {
    assert_eq!(parse_usd("25"), Ok(25_000_000));
    assert_eq!(parse_usd("$0.50"), Ok(500_000));
    assert_eq!(parse_usd("0.000001"), Ok(1));
    for bad in ["", "-1", ".5", "1.2345678", "1,5", "0", "0.00", "99999999999999999999"] {
        assert!(parse_usd(bad).is_err(), "{bad}");
    }
}

#[test]
fn quantities_are_shown_as_people_read_them() {
    let durations = [0, 340, 6_120, 41_999, 728_000, 11_520_000, 183_600_000].map(units::duration);
    assert_eq!(durations, ["0ms", "340ms", "6.1s", "41s", "12m08s", "3h12m", "2d03h"]);
    assert_eq!([59_000, 2_520_000, 7_200_000, 432_000_000].map(units::age), ["59s", "42m", "2h", "5d"]);
    assert_eq!([1_100_000, 4_999, 5_000, 18_400_000].map(units::money), ["$1.10", "$0.00", "$0.01", "$18.40"]);
    assert_eq!([950, 1_100, 9_999, 12_400, 1_990_000].map(units::tokens), ["950", "1.1k", "9.9k", "12k", "1.9M"]);
    assert_eq!(
        [(1, "slice"), (2, "retry"), (0, "branch")].map(|(count, noun)| units::counted(count, noun)),
        ["1 slice", "2 retries", "0 branches"]
    );
}

#[test]
fn control_characters_reach_no_terminal() {
    assert_eq!(safe::line("a\u{1b}[31mred\u{7}\nb\tc\r"), r"a\u{1b}[31mred\u{7} b c");
    assert_eq!(safe::block("a\nb\u{9b}2J\r\n"), "a\nb\\u{9b}2J");
    assert_eq!(safe::line("user\u{202e}txt.exe\u{200b}"), r"user\u{202e}txt.exe\u{200b}");
    assert_eq!(safe::line("Grüße, 日本"), "Grüße, 日本");
}

#[test]
fn json_escapes_what_deceives_and_stays_the_same_document() {
    let text = "a\u{9b}2J\u{202e}\u{e0041}\u{1b}";
    let json = safe::json(&text);
    assert!(!json.chars().any(omk::domain::deceptive::is_deceptive), "{json}");
    assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
}

#[test]
fn markdown_of_strangers_is_no_markup() {
    assert_eq!(safe::markdown("<b>|`x`\n# y"), r"\<b\>\|\`x\` \# y");
    assert_eq!(safe::markdown("ask @everyone or @ada, at 5 @ 6"), "ask @<!-- -->everyone or @<!-- -->ada, at 5 @ 6");
}

#[test]
fn a_failure_names_its_kind_its_help_and_its_exit_code() {
    let blocked = Failure::App(AppError::Blocked {
        status: GoalStatus::BlockedOnExternal,
        message: "agent `cmd:nope`: no such program\u{1b}[2J".to_owned(),
        help: vec!["install it".to_owned()],
    });
    let text = stripped(&blocked.text(), false);
    assert_eq!(
        text,
        "error: agent `cmd:nope`: no such program\\u{1b}[2J\nstatus: blocked_on_external\nhelp: install it\n"
    );
    insta::assert_snapshot!("error-json", blocked.json());
    let infra = Failure::App(AppError::Infra { message: String::new(), help: Vec::new() });
    let pipe = Failure::Output(std::io::ErrorKind::BrokenPipe.into());
    let codes = [blocked.exit_code(), misuse("x", []).exit_code(), infra.exit_code(), pipe.exit_code()];
    assert_eq!(codes, [4, 2, 70, 141]);
}

#[test]
fn words_are_quoted_for_the_shell_where_they_need_it() {
    assert_eq!(["/tmp/a-b_c", "a b", "it's", ""].map(quoted), ["/tmp/a-b_c", "'a b'", r"'it'\''s'", "''"]);
}

#[test]
fn names_that_hide_or_reverse_characters_are_shown_by_code_and_secrets_not_at_all() {
    let name = "a\u{202e}txt.exe \u{200d}b\u{ad}c\u{2066}d\u{3164}";
    let shown = "a\\u{202e}txt.exe \\u{200d}b\\u{ad}c\\u{2066}d\\u{3164}";
    assert_eq!([safe::line(name), safe::block(name), safe::cut(name, 80)], [shown; 3]);
    let secret = "x/ghp_0123456789abcdef0123456789abcdef0123.txt";
    assert_eq!(safe::line(secret), "x/[redacted]");
}
