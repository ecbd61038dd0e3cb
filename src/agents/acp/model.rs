//! Which model a session works with, where the profile names one that the agent is not told in another way.
//!
//! Chooses among what the agent says that it offers, by id or by name. Never guesses: a model that cannot be had is an
//! agent that cannot be used, in its own words.

use serde_json::{Value, json};

use super::options::{offered, option};
use super::session::Session;
use crate::agents::ending::Ending;
use crate::agents::provider::Refusal;

/// How many of the models that an agent offers are named where it has another one than was asked for.
const MOST_NAMED: usize = 20;

/// What tells the agent the model.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    /// Nothing: it works with that one.
    Made,
    /// A request, with all but the session.
    By(&'static str, Value),
}

impl Session<'_> {
    /// Has the session work with the profile's model. `false` where the agent offers no choice of one.
    pub(super) async fn set_model(&self, session: &str, opened: &Value) -> Result<bool, Ending> {
        let profile = &self.errand.profile;
        let Some(model) = profile.model.as_deref().filter(|_| profile.model_env.is_none()) else { return Ok(true) };
        let (method, mut params) = match choice(model, opened) {
            None => return Ok(false),
            Some(Choice::Made) => return Ok(true),
            Some(Choice::By(method, params)) => (method, params),
        };
        params["sessionId"] = session.into();
        match self.shake_hands(method, &params).await {
            Ok(_chosen) => Ok(true),
            Err(Ending::Unusable(problem) | Ending::Stumbled(problem) | Ending::Refused(Refusal::Model, problem)) => {
                let offered: Vec<_> = models(opened).into_iter().map(|(id, _)| id).take(MOST_NAMED).collect();
                let offered = offered.join(", ");
                Err(Ending::Unusable(format!("it does not take the model `{model}`: {problem}; it offers {offered}")))
            }
            Err(ending) => Err(ending),
        }
    }
}

fn choice(model: &str, opened: &Value) -> Option<Choice> {
    let offered = models(opened);
    let by_id = offered.iter().find(|(id, _)| *id == model);
    let id = by_id.or_else(|| offered.iter().find(|(_, name)| *name == model)).map_or(model, |(id, _)| id);
    if let Some(option) = option(opened, "model") {
        let by = || Choice::By("session/set_config_option", json!({ "configId": option["id"], "value": id }));
        return Some(if option["currentValue"] == id { Choice::Made } else { by() });
    }
    let offers = opened.get("models").filter(|offers| offers.is_object())?;
    let by = || Choice::By("session/set_model", json!({ "modelId": id }));
    Some(if offers["currentModelId"] == id { Choice::Made } else { by() })
}

/// The models on offer: id and name.
fn models(opened: &Value) -> Vec<(&str, &str)> {
    match option(opened, "model") {
        Some(option) => offered(&option["options"], "value"),
        None => offered(&opened["models"]["availableModels"], "modelId"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_chosen_by_the_way_that_the_agent_offers() {
        let option = json!({"configOptions": [
            {"id": "mode", "category": "mode", "currentValue": "x", "options": []},
            {"id": "llm", "category": "model", "currentValue": "a", "options": [
                {"value": "a", "name": "Model A"}, {"group": "more", "options": [{"value": "b", "name": "Model B"}]},
            ]},
        ]});
        let set =
            |value: &str| Some(Choice::By("session/set_config_option", json!({"configId": "llm", "value": value})));
        assert_eq!(["a", "Model A"].map(|model| choice(model, &option)), [Some(Choice::Made), Some(Choice::Made)]);
        assert_eq!(["b", "Model B", "c"].map(|model| choice(model, &option)), [set("b"), set("b"), set("c")]);
        let models = json!({"models": {"currentModelId": "a", "availableModels": [{"modelId": "b", "name": "B"}]}});
        let set = |id: &str| Some(Choice::By("session/set_model", json!({"modelId": id})));
        assert_eq!(["a", "B", "c"].map(|model| choice(model, &models)), [Some(Choice::Made), set("b"), set("c")]);
        assert_eq!(choice("a", &json!({"sessionId": "1", "configOptions": []})), None);
    }
}
