//! `omk goal diff`: what a goal or a slice changed against its base.

use clap::Args;
use serde::Serialize;

use crate::app::request::DiffRequest;
use crate::cli::args::GoalArg;
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::goal::retry;
use crate::cli::output::{safe, style, units};
use crate::domain::change::{Change, FileChange};
use crate::domain::ids::{GoalId, SliceId};

/// `omk goal diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Which goal.
    #[command(flatten)]
    pub goal: GoalArg,
    /// Only what this slice changed
    #[arg(long, value_name = "S")]
    pub slice: Option<String>,
    /// Counts per file instead of the patch
    #[arg(long)]
    pub stat: bool,
}

/// A change as `--json` shows it.
#[derive(Debug, Serialize)]
struct DiffDocument<'a> {
    schema: &'static str,
    id: &'a GoalId,
    slice: Option<&'a SliceId>,
    added: u64,
    removed: u64,
    files: Vec<FileDocument<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum FileDocument<'a> {
    Whole(&'a FileChange),
    Counted { path: &'a str, added: usize, removed: usize, binary: bool },
}

/// Runs the verb.
pub fn run(context: &Context, args: &DiffArgs) -> Result<u8, Failure> {
    let id = context.goal(&args.goal)?;
    let slice = args.slice.as_deref().map(|text| retry::slice_id(&id, text)).transpose()?;
    let request = DiffRequest { id: id.clone(), slice: slice.clone() };
    if context.output.json {
        let change = context.omk.diff(request)?;
        let files = change.files.iter().map(|file| document(file, args.stat)).collect();
        let (added, removed) = (change.added(), change.removed());
        let schema = "omk.goal.diff/v1";
        context.output.document(&DiffDocument { schema, id: &id, slice: slice.as_ref(), added, removed, files })?;
    } else if args.stat {
        context.output.result(&stat(&context.omk.diff(request)?))?;
    } else {
        show_patch(context, &context.omk.patch(request)?)?;
    }
    Ok(0)
}

fn document(file: &FileChange, stat: bool) -> FileDocument<'_> {
    if !stat {
        return FileDocument::Whole(file);
    }
    FileDocument::Counted {
        path: &file.path,
        added: file.added.len(),
        removed: file.removed.len(),
        binary: file.binary,
    }
}

/// To a terminal harmless and in colour; to anything else as it is, so that it can be applied.
fn show_patch(context: &Context, patch: &str) -> Result<(), Failure> {
    if context.output.terminal || context.output.color {
        context.output.result(&colored(patch))
    } else {
        context.output.exact(patch)
    }
}

/// A patch with its lines coloured and made harmless.
pub fn colored(patch: &str) -> String {
    let mut text = String::with_capacity(patch.len());
    for line in patch.lines() {
        let style = match line.as_bytes().first() {
            Some(b'+') => anstyle::AnsiColor::Green.on_default(),
            Some(b'-') => anstyle::AnsiColor::Red.on_default(),
            Some(b'@') => anstyle::AnsiColor::Cyan.on_default(),
            Some(b' ') | None => style::PLAIN,
            Some(_) => style::HEAD,
        };
        text.push_str(&style::paint(style, &safe::block(line)));
        text.push('\n');
    }
    text
}

/// Counts per file, the sum last.
pub fn stat(change: &Change) -> String {
    let width = change.files.iter().map(|file| safe::line(&file.path).chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for file in &change.files {
        let path = safe::line(&file.path);
        let counts = if file.binary {
            "binary".to_owned()
        } else {
            format!(
                "{} {}",
                style::paint(style::GOOD, &format!("+{}", file.added.len())),
                style::paint(style::BAD, &format!("-{}", file.removed.len()))
            )
        };
        text.push_str(&format!("{path:<width$}  {counts}\n"));
    }
    let files = units::counted(change.files.len(), "file");
    text + &format!("{files}, +{} -{}\n", change.added(), change.removed())
}
