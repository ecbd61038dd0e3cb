//! How an agent's table in the configuration is laid over the agent that it starts from, and what is said where that
//! makes no agent: the key, what is wrong with it, what was perhaps meant.

use serde_json::{Map, Value};

use super::AgentProfile;

/// How close a name has to be to count as what was meant.
const CLOSE: f64 = 0.5;

/// What is wrong with a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    /// The keys that lead to it.
    pub(super) key: Vec<String>,
    pub(super) problem: String,
}

impl Flaw {
    /// What is wrong with one key; none is the table itself.
    pub(super) fn at(key: &str, problem: impl Into<String>) -> Self {
        let key = Some(key).filter(|key| !key.is_empty());
        Self { key: key.map(str::to_owned).into_iter().collect(), problem: problem.into() }
    }
}

/// The agent of a table: what the table leaves out is `base`'s.
pub(super) fn read(base: &AgentProfile, table: Map<String, Value>) -> Result<AgentProfile, Flaw> {
    let whole = serde_json::to_value(base).map_err(|error| Flaw::at("", error.to_string()))?;
    let laid = |over: Value| -> Result<AgentProfile, String> {
        let mut whole = whole.clone();
        overlay(&mut whole, over);
        serde_json::from_value(whole).map_err(|error| error.to_string())
    };
    laid(Value::Object(table.clone())).map_err(|error| located(&table, &laid).unwrap_or(Flaw::at("", error)))
}

/// The first entry of a table that makes it useless, and why.
fn located(table: &Map<String, Value>, laid: &dyn Fn(Value) -> Result<AgentProfile, String>) -> Option<Flaw> {
    table.iter().find_map(|(key, value)| {
        let alone = |value: Value| laid(Value::Object(Map::from_iter([(key.clone(), value)]))).err();
        let error = alone(value.clone())?;
        let within = value.as_object().into_iter().flatten().find_map(|(inner, value)| {
            let error = alone(Value::Object(Map::from_iter([(inner.clone(), value.clone())])))?;
            let problem = said(&format!("{key}.{inner}"), inner, &error);
            Some(Flaw { key: vec![key.clone(), inner.clone()], problem })
        });
        Some(within.unwrap_or_else(|| Flaw::at(key, said(key, key, &error))))
    })
}

/// What serde says of one key, in words for whoever wrote it.
fn said(path: &str, key: &str, error: &str) -> String {
    let path = path.escape_debug();
    let known = error.split_once(", expected ").map(|(_, names)| quoted(names)).unwrap_or_default();
    let known: Vec<&str> = known.into_iter().filter(|name| *name != "name").collect();
    if error.starts_with(&format!("unknown field `{key}`")) {
        return format!("there is no field `{path}`{}", meant(key, &known));
    }
    match error.strip_prefix("unknown variant `").and_then(|rest| rest.split_once('`')) {
        Some((word, _)) => {
            let hint = meant(word, &known);
            format!("`{path}`: `{}` is not known; it is one of {}{hint}", word.escape_debug(), known.join(", "))
        }
        None => format!("`{path}`: {}", error.replace("a sequence", "a list").replace("a map", "a table")),
    }
}

/// What is said of an agent to be like that is not there.
pub(super) fn unlike<'a>(like: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let hint = meant(like, &names);
    format!("`like`: there is no agent `{}`; there are {}{hint}", like.escape_debug(), names.join(", "))
}

fn meant(given: &str, known: &[&str]) -> String {
    let given = given.to_ascii_lowercase();
    let closeness = |name: &str| strsim::normalized_damerau_levenshtein(&given, name);
    let best = known.iter().copied().max_by(|a, b| closeness(a).total_cmp(&closeness(b)));
    best.filter(|name| closeness(name) >= CLOSE).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// The words in backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Lays `over` on `base`: tables are merged, everything else is replaced.
fn overlay(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                overlay(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(table: Value) -> String {
        let Value::Object(table) = table else { panic!("a table") };
        read(&AgentProfile { command: vec!["x".to_owned()], ..AgentProfile::default() }, table)
            .expect_err("refused")
            .problem
    }

    #[test]
    fn a_refusal_names_the_key_and_what_was_perhaps_meant() {
        assert_eq!(refused(json!({"comand": ["x"]})), "there is no field `comand`; did you mean `command`?");
        assert_eq!(refused(json!({"colour": 1})), "there is no field `colour`");
        assert_eq!(
            refused(json!({"quirks": {"exit_ms": 5, "handshake": 1}})),
            "there is no field `quirks.handshake`; did you mean `handshake_ms`?"
        );
        let protocol = refused(json!({"protocol": "acpp"}));
        assert!(protocol.starts_with("`protocol`: `acpp` is not known; it is one of acp, claude-stream-json"));
        assert!(protocol.ends_with("; did you mean `acp`?"), "{protocol}");
        assert_eq!(refused(json!({"command": "x"})), "`command`: invalid type: string \"x\", expected a list");
        assert!(refused(json!({"quirks": {"busy_prompt": "shout"}})).starts_with("`quirks.busy_prompt`: `shout` is"));
    }
}
