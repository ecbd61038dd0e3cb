//! What `goal budget` shows: made by hand, compared with snapshots.

use omk::cli::goal::budget;
use omk::cli::output::{stripped, units};
use omk::domain::budget::{BudgetKind, Limits, Price, Reservation, Spender, Usage};
use omk::domain::goal::GoalStatus;
use omk::domain::spending::{AccountView, BudgetReport, CheckpointView};

use crate::support::views::{goal, minutes, slice};

fn account(name: &str, usage: Usage, usd_complete: bool) -> AccountView {
    AccountView {
        name: name.to_owned(),
        time_ms: 42 * 60_000,
        usage,
        usd_complete,
        unreported: 0,
        lost: Limits::default(),
        reserved: Limits::default(),
        limits: Limits::default(),
        left: Limits::default(),
        exhausted: None,
    }
}

fn usage(input_tokens: u64, cached_tokens: u64, output_tokens: u64, usd_micros: Option<u64>) -> Usage {
    Usage { input_tokens, cached_tokens, output_tokens, usd_micros }
}

fn report() -> BudgetReport {
    let (all, one, two) = (
        usage(2_600_000, 1_200_000, 310_000, Some(6_120_000)),
        usage(1_600_000, 1_200_000, 300_000, Some(6_120_000)),
        usage(1_000_000, 0, 10_000, None),
    );
    let limits = |tokens, usd_micros| Limits { time_ms: None, tokens, usd_micros };
    BudgetReport {
        schema: "omk.budget/v1".to_owned(),
        id: goal(),
        status: GoalStatus::NeedsMoreBudget,
        goal: AccountView {
            limits: Limits { time_ms: Some(8 * 3_600_000), tokens: Some(5_000_000), usd_micros: Some(25_000_000) },
            left: Limits { time_ms: Some(26_280_000), tokens: Some(1_890_000), usd_micros: Some(18_880_000) },
            reserved: limits(Some(200_000), None),
            lost: limits(Some(4_000), None),
            ..account("goal", all, false)
        },
        slices: vec![
            account("schema", one, true),
            AccountView {
                limits: limits(Some(1_010_000), None),
                left: limits(Some(0), None),
                exhausted: Some(BudgetKind::Tokens),
                ..account("tokens", two, false)
            },
        ],
        roles: vec![account("executor", all, false)],
        reservations: vec![Reservation {
            slice: slice("e2e"),
            role: Spender::Executor,
            tokens: 200_000,
            usd_micros: 1_500_000,
        }],
        checkpoints: (1..15)
            .map(|minute| CheckpointView {
                at: minutes(minute),
                time_ms: minute * 60_000,
                usage: usage(minute * 1_000, 0, minute * 10, None),
                usd_complete: false,
            })
            .collect(),
        attempts: Vec::new(),
        prices: vec![Price {
            model: "m-1".to_owned(),
            input_micros: 3_000_000,
            cached_micros: 75_000,
            output_micros: 15_000_000,
            as_of: "2026-11-01".to_owned(),
        }],
        unpriced_models: vec!["m-2\u{1b}[31m".to_owned()],
    }
}

#[test]
fn a_budget_is_shown_in_text_and_markdown() {
    insta::assert_snapshot!("budget-text", stripped(&budget::text(&report(), false), false));
    insta::assert_snapshot!("budget-markdown", budget::markdown(&report()));
}

#[test]
fn money_that_is_not_known_is_never_zero() {
    let cost = |usd_micros, complete| units::cost(&usage(1, 0, 1, usd_micros), complete);
    let shown = [cost(Some(1_200_000), true), cost(Some(1_200_000), false), cost(None, false), cost(None, true)];
    assert_eq!(shown, ["$1.20", "$1.20 + unknown", "unknown", "unknown"]);
    assert_eq!(units::cost(&Usage::default(), true), "$0.00");
    assert_eq!([75_000, 3_000_000, 1].map(units::exact_money), ["$0.075", "$3.00", "$0.000001"]);
}
