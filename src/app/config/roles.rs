//! `[roles]`: which agent does the work of which role.
//!
//! Only the executor uses an agent in this version; a role that is given one in vain is refused, not ignored.

use std::collections::BTreeMap;

use super::place::Wrong;
use crate::domain::budget::Spender;

/// The agent of slices without a `run`: `agent`, or the executor's of `[roles]`.
pub(super) fn executor(agent: Option<String>, roles: &BTreeMap<String, String>) -> Result<Option<String>, Wrong> {
    let mut found = agent;
    for (name, given) in roles {
        let role = Spender::parse(name).map_err(|problem| Wrong::at(["roles", name], format!("[roles]: {problem}")))?;
        match role {
            Spender::Executor => match &found {
                Some(agent) if agent != given => {
                    let both = format!("`agent` is `{agent}` and [roles] `executor` is `{given}`");
                    let problem = format!("{both}; both name the agent of slices: keep one of them");
                    return Err(Wrong::at(["roles", name], problem));
                }
                Some(_) | None => found = Some(given.clone()),
            },
            Spender::Planner => return Err(refused(name, "no model plans in this version")),
            Spender::Integrator => return Err(refused(name, "merges are made without an agent")),
            Spender::Reviewer(_) => return Err(refused(name, "reviewers use no agents yet: they are built-in checks")),
        }
    }
    Ok(found)
}

fn refused(role: &str, why: &str) -> Wrong {
    let problem = format!("[roles]: `{role}` takes no agent: {why}; leave it out (`executor` takes one)");
    Wrong::at(["roles", role], problem)
}
