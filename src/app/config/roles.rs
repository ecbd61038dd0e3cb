//! `[roles]`: which agent does the work of which role.
//!
//! Only the executor uses an agent in this version; a role that is given one in vain is refused, not ignored.

use std::collections::BTreeMap;

use crate::domain::budget::Spender;

/// The agent of slices without a `run`: `agent`, or the executor's of `[roles]`.
pub(super) fn executor(agent: Option<String>, roles: &BTreeMap<String, String>) -> Result<Option<String>, String> {
    let mut found = agent;
    for (name, given) in roles {
        match Spender::parse(name).map_err(|problem| format!("[roles]: {problem}"))? {
            Spender::Executor => match &found {
                Some(agent) if agent != given => {
                    let both = format!("`agent` is `{agent}` and [roles] `executor` is `{given}`");
                    return Err(format!("{both}; both name the agent of slices: keep one of them"));
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

fn refused(role: &str, why: &str) -> String {
    format!("[roles]: `{role}` takes no agent: {why}; leave it out (`executor` takes one)")
}
