//! `omk goal budget`: what a goal may spend and has spent: in all, per slice and role, over time.
//!
//! Unknown prices are shown as unknown, never as zero.

use clap::Args;

use crate::cli::args::{Format, GoalArg};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::{safe, style, units, words};
use crate::domain::budget::{Limits, Usage};
use crate::domain::spending::{AccountView, BudgetReport, CheckpointView};

/// The most checkpoints that text shows; JSON and Markdown have all.
const SHOWN: usize = 12;

/// `omk goal budget`.
#[derive(Debug, Args)]
pub struct BudgetArgs {
    /// Which goal.
    #[command(flatten)]
    pub goal: GoalArg,
    /// In which form
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the verb.
pub fn run(context: &Context, args: &BudgetArgs) -> Result<u8, Failure> {
    let id = context.goal(&args.goal)?;
    let report = context.omk.budget(&id)?;
    match args.format.or_json(context.output.json) {
        Format::Text => {
            let orphaned = context.omk.is_orphan(&id, report.status)?;
            context.output.result(&text(&report, orphaned))?;
        }
        Format::Json => context.output.document(&report)?,
        Format::Md => context.output.exact(&markdown(&report))?,
    }
    Ok(0)
}

/// A table: a title, the names of its columns, its rows.
struct Table {
    title: String,
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

fn tables(report: &BudgetReport, most: usize) -> Vec<Table> {
    const ACCOUNT: &[&str] = &["name", "time", "in", "cached", "out", "cost", "lost", "may spend", "left"];
    let accounts = |accounts: &[AccountView]| accounts.iter().map(account_row).collect();
    let skipped = report.checkpoints.len().saturating_sub(most);
    vec![
        Table { title: "goal".to_owned(), columns: ACCOUNT, rows: accounts(std::slice::from_ref(&report.goal)) },
        Table { title: "slices".to_owned(), columns: ACCOUNT, rows: accounts(&report.slices) },
        Table { title: "roles".to_owned(), columns: ACCOUNT, rows: accounts(&report.roles) },
        Table {
            title: "reserved".to_owned(),
            columns: &["slice", "role", "holds"],
            rows: report
                .reservations
                .iter()
                .map(|held| {
                    let held_of = Limits {
                        time_ms: None,
                        tokens: Some(held.tokens).filter(|count| *count > 0),
                        usd_micros: Some(held.usd_micros).filter(|micros| *micros > 0),
                    };
                    vec![held.slice.to_string(), held.role.as_str().to_owned(), units::limits(&held_of)]
                })
                .collect(),
        },
        Table {
            title: match skipped {
                0 => "checkpoints".to_owned(),
                skipped => format!("checkpoints ({skipped} earlier ones: --format json)"),
            },
            columns: &["at", "time", "in", "cached", "out", "cost"],
            rows: report.checkpoints.iter().skip(skipped).map(checkpoint_row).collect(),
        },
        Table {
            title: "prices for a million tokens".to_owned(),
            columns: &["model", "in", "cached", "out", "as of"],
            rows: report
                .prices
                .iter()
                .map(|price| {
                    let micros = [price.input_micros, price.cached_micros, price.output_micros];
                    let [input, cached, output] = micros.map(units::exact_money);
                    vec![price.model.clone(), input, cached, output, price.as_of.clone()]
                })
                .collect(),
        },
    ]
}

fn used(usage: &Usage, complete: bool) -> [String; 4] {
    let Usage { input_tokens, cached_tokens, output_tokens, .. } = usage;
    let [input, cached, output] = [input_tokens, cached_tokens, output_tokens].map(|count| units::tokens(*count));
    [input, cached, output, units::cost(usage, complete)]
}

fn account_row(account: &AccountView) -> Vec<String> {
    let head = [account.name.clone(), units::duration(account.time_ms)];
    let limits = [&account.lost, &account.limits, &account.left].map(units::limits);
    head.into_iter().chain(used(&account.usage, account.usd_complete)).chain(limits).collect()
}

fn checkpoint_row(checkpoint: &CheckpointView) -> Vec<String> {
    let head = [checkpoint.at.to_string(), units::duration(checkpoint.time_ms)];
    head.into_iter().chain(used(&checkpoint.usage, checkpoint.usd_complete)).collect()
}

/// What a number does not say by itself, a sentence each.
fn remarks(report: &BudgetReport) -> Vec<String> {
    let mut said = Vec::new();
    let goal = &report.goal;
    if !goal.usd_complete && (goal.unreported == 0 || !report.unpriced_models.is_empty()) {
        let models = match report.unpriced_models.as_slice() {
            [] => "agents named no model for some of it".to_owned(),
            models => format!("no price for {}", models.join(", ")),
        };
        let limited = goal.limits.usd_micros.map_or("", |_| "; the limit in US dollars holds for the known part only");
        said.push(format!("the cost of some use is unknown: {models}{limited}"));
    }
    if goal.unreported > 0 {
        let limited = std::iter::once(goal).chain(&report.slices).chain(&report.roles);
        let limited = limited.map(|account| account.limits.tokens.or(account.limits.usd_micros)).any(|it| it.is_some());
        said.push(units::unreported_by(goal.unreported, limited));
    }
    if goal.lost.tokens.is_some() || goal.lost.usd_micros.is_some() {
        let lost = units::limits(&goal.lost);
        said.push(format!("{lost} reserved by attempts that ended without a word count as spent"));
    }
    let all = std::iter::once(goal).chain(&report.slices).chain(&report.roles);
    said.extend(all.filter_map(|account| {
        let kind = account.exhausted?;
        Some(format!("the {} budget of {} is used up", kind.as_str(), account.name))
    }));
    said
}

/// The report for people.
pub fn text(report: &BudgetReport, orphaned: bool) -> String {
    let status = words::status(report.status, orphaned);
    let mut text = format!("{}   {status}\n", style::paint(style::HEAD, report.id.as_str()));
    for table in tables(report, SHOWN).iter().filter(|table| !table.rows.is_empty()) {
        text.push_str(&aligned(table));
    }
    for remark in remarks(report) {
        text.push_str(&format!("{} {}\n", style::paint(style::WARN, "note:"), safe::line(&remark)));
    }
    text
}

fn aligned(table: &Table) -> String {
    let head: Vec<String> = table.columns.iter().map(|name| (*name).to_owned()).collect();
    let body: Vec<Vec<String>> =
        table.rows.iter().map(|row| row.iter().map(|cell| safe::line(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = std::iter::once(&head).chain(&body).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let line = |row: &[String]| {
        let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}", width(column)));
        format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    let rows: String = body.iter().map(|row| format!("{}\n", line(row))).collect();
    format!("{}\n{}\n{rows}", style::paint(style::HEAD, &table.title), style::paint(style::DIM, &line(&head)))
}

/// The report as Markdown.
pub fn markdown(report: &BudgetReport) -> String {
    let mut text = format!("# Budget of {}\n\n**{}**\n", safe::markdown(report.id.as_str()), report.status);
    for table in tables(report, usize::MAX).iter().filter(|table| !table.rows.is_empty()) {
        let columns = table.columns.join(" | ");
        let rule = "---|".repeat(table.columns.len());
        text.push_str(&format!("\n## {}\n\n| {columns} |\n|{rule}\n", table.title));
        for row in &table.rows {
            let cells: Vec<_> = row.iter().map(|cell| safe::markdown(cell)).collect();
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    let remarks: String = remarks(report).iter().map(|remark| format!("- {}\n", safe::markdown(remark))).collect();
    if !remarks.is_empty() {
        text.push_str(&format!("\n{remarks}"));
    }
    text
}
