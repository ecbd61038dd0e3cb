//! Merges one batch and saves the evidence of each conflict.

use std::sync::Arc;

use crate::domain::goal::Charter;
use crate::domain::ids::{Batch, CommitId};
use crate::domain::order::{ConflictPath, Fault, MergeInput, Merged};
use crate::ports::{Effects, conflict_artifact};
use crate::workflow::integrator::{ConflictedSlice, MergeReport};
use crate::workflow::judgement::MergedSlice;
use crate::workflow::merge_queue::Queued;

/// Merges a batch; for each conflict, saves both sides and finds what others added to its paths.
pub(super) async fn merge_batch(
    effects: Effects,
    charter: Arc<Charter>,
    batch: Batch,
    onto: CommitId,
    inputs: Vec<Queued>,
) -> Result<MergeReport, Fault> {
    let orders = inputs.iter().map(|queued| MergeInput {
        slice: queued.slice.clone(),
        attempt: queued.attempt,
        capture: queued.capture.clone(),
        message: merge_message(&charter, queued),
    });
    let merged = effects.workspace.merge(onto, orders.collect(), effects.clock.now()).await?;
    let mut report = MergeReport::default();
    for (queued, merged) in inputs.into_iter().zip(merged) {
        match merged {
            Merged::Clean { merge, tree } => report.merged.push(MergedSlice { queued, merge, tree }),
            Merged::Conflict { onto, paths } => {
                report.conflicted.push(conflicted(&effects, batch, queued, onto, paths).await?);
            }
        }
    }
    Ok(report)
}

fn merge_message(charter: &Charter, queued: &Queued) -> String {
    let slice = &queued.slice;
    let spec = charter.proposal.slices.iter().find(|spec| spec.id == *slice);
    let title = spec.map(|spec| spec.title.lines().next().unwrap_or_default().to_owned()).unwrap_or_default();
    format!(
        "Merge slice {slice}: {title}\n\nOmk-Goal: {}\nOmk-Slice: {slice}\nOmk-Attempt: {}\n",
        charter.id, queued.attempt
    )
}

async fn conflicted(
    effects: &Effects,
    batch: Batch,
    queued: Queued,
    onto: CommitId,
    paths: Vec<ConflictPath>,
) -> Result<ConflictedSlice, Fault> {
    let (mut evidence, mut added) = (Vec::new(), Vec::new());
    for (index, conflict) in paths.iter().enumerate() {
        for (side, content) in [("base", &conflict.base), ("ours", &conflict.ours), ("theirs", &conflict.theirs)] {
            if let Some(bytes) = content {
                let name = conflict_artifact(batch, &queued.slice, index, side);
                evidence.push(effects.artifacts.put(&name, bytes.clone()).await?);
            }
        }
        let start = queued.capture.start.clone();
        let lines = effects.workspace.added_lines(start, onto.clone(), conflict.path.clone()).await?;
        added.push((conflict.path.clone(), lines));
    }
    let detail = both_sides(&paths);
    let paths = paths.into_iter().map(|conflict| conflict.path).collect();
    Ok(ConflictedSlice { queued, onto, paths, evidence, added, detail })
}

/// Both sides in words, bounded.
fn both_sides(paths: &[ConflictPath]) -> String {
    const MOST: usize = 4096;
    let mut text = String::new();
    for conflict in paths {
        let sides = [("integrated", &conflict.ours), ("this slice", &conflict.theirs)];
        for (name, content) in sides {
            let content = content.as_deref().map_or("(not there)".into(), String::from_utf8_lossy);
            text.push_str(&format!("--- {} ({name})\n{content}\n", conflict.path));
        }
    }
    if text.len() > MOST {
        let cut = (0..=MOST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(cut);
        text.push_str("\n… (the whole is in artifacts/integration/)");
    }
    text
}
