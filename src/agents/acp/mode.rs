//! Which mode a session works in, where the profile names one.
//!
//! Agents offer modes in a list of their own, as a configuration option, or both. Invariant: a mode that cannot be set is an agent that cannot be used: the mode may be
//! what has it ask before it acts.

use serde_json::{Value, json};

use super::options::{offered, option};
use super::session::Session;
use crate::agents::ending::Ending;

/// What sets the mode.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    /// Nothing: the session is in it.
    Made,
    /// A request, with all but the session.
    By(&'static str, Value),
}

impl Session<'_> {
    /// Has the session work in the profile's mode, if that names one.
    pub(super) async fn set_mode(&self, session: &str, opened: &Value) -> Result<(), Ending> {
        let Some(mode) = self.errand.profile.quirks.mode_id.as_deref() else { return Ok(()) };
        let Choice::By(method, mut params) = choice(mode, opened) else { return Ok(()) };
        params["sessionId"] = session.into();
        match self.shake_hands(method, &params).await {
            Ok(_set) => Ok(()),
            Err(Ending::Unusable(problem) | Ending::Stumbled(problem)) => {
                let offered = modes(opened).join(", ");
                let offers = if offered.is_empty() { String::new() } else { format!("; it offers {offered}") };
                Err(Ending::Unusable(format!("it does not take the mode `{mode}`: {problem}{offers}")))
            }
            Err(ending) => Err(ending),
        }
    }
}

/// The list is the older way and was seen to work; the option is taken where it alone has the mode. Some agents take modes
/// that they offer in neither.
fn choice(mode: &str, opened: &Value) -> Choice {
    let has = |offers: &[(&str, &str)]| offers.iter().any(|(id, _)| *id == mode);
    let listed = opened.get("modes").filter(|modes| modes.is_object());
    let in_list = listed.is_some_and(|modes| has(&offered(&modes["availableModes"], "id")));
    let by_option = option(opened, "mode")
        .filter(|option| !in_list && (listed.is_none() || has(&offered(&option["options"], "value"))));
    match by_option {
        Some(option) if option["currentValue"] == mode => Choice::Made,
        Some(option) => Choice::By("session/set_config_option", json!({ "configId": option["id"], "value": mode })),
        None if listed.is_some_and(|modes| modes["currentModeId"] == mode) => Choice::Made,
        None => Choice::By("session/set_mode", json!({ "modeId": mode })),
    }
}

/// The modes on offer.
fn modes(opened: &Value) -> Vec<&str> {
    let listed = offered(&opened["modes"]["availableModes"], "id");
    let options = option(opened, "mode").map(|option| offered(&option["options"], "value")).unwrap_or_default();
    let mut all: Vec<_> = options.into_iter().chain(listed).map(|(id, _)| id).collect();
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|id| seen.insert(*id));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(current: &str) -> Value {
        json!({"currentModeId": current, "availableModes": [{"id": "ask", "name": "Ask"}, {"id": "go", "name": "Go"}]})
    }

    fn options(current: &str, offered: &[&str]) -> Value {
        let values: Vec<_> = offered.iter().map(|value| json!({"value": value, "name": value})).collect();
        json!([
            {"id": "llm", "category": "model", "currentValue": "ask", "options": []},
            {"id": "how", "category": "mode", "type": "select", "currentValue": current, "options": values},
        ])
    }

    #[test]
    fn a_mode_is_set_by_the_way_that_the_agent_offers() {
        let by_list = || Choice::By("session/set_mode", json!({"modeId": "ask"}));
        let by_option = || Choice::By("session/set_config_option", json!({"configId": "how", "value": "ask"}));
        let choice = |opened: Value| choice("ask", &opened);
        assert_eq!(choice(json!({"modes": list("go")})), by_list());
        assert_eq!(choice(json!({"modes": list("ask")})), Choice::Made);
        assert_eq!(choice(json!({"configOptions": options("go", &["ask", "go"])})), by_option());
        assert_eq!(choice(json!({"configOptions": options("ask", &["ask", "go"])})), Choice::Made);
        // Both: the list, where it has the mode.
        assert_eq!(choice(json!({"modes": list("go"), "configOptions": options("go", &["ask", "go"])})), by_list());
        assert_eq!(choice(json!({"modes": list("ask"), "configOptions": options("x", &["x", "y"])})), Choice::Made);
        let other = json!({"currentModeId": "a", "availableModes": [{"id": "a", "name": "A"}]});
        assert_eq!(choice(json!({"modes": other, "configOptions": options("go", &["ask", "go"])})), by_option());
        // Neither offers it, or there is nothing to offer: it is asked for all the same.
        assert_eq!(choice(json!({"configOptions": options("x", &["x"])})), by_option());
        assert_eq!(choice(json!({"modes": other, "configOptions": options("x", &["x"])})), by_list());
        assert_eq!(choice(json!({"sessionId": "1", "modes": null})), by_list());
    }

    #[test]
    fn the_modes_on_offer_are_named_once() {
        let opened = json!({"modes": list("go"), "configOptions": options("x", &["x", "ask"])});
        assert_eq!(modes(&opened), ["x", "ask", "go"]);
        assert_eq!(modes(&json!({})), [""; 0]);
    }
}
