//! How an agent says that one logs in: the `authMethods` of its hello, as lines for people.
//!
//! Invariant: nothing is acted upon. We never log in for anybody.

use serde_json::Value;

use crate::agents::cmd::shell_line;
use crate::domain::redact::redact;
use crate::process::sanitise::one_line;

/// How many ways are shown.
const MOST: usize = 8;
/// The longest line, in characters.
const LONGEST: usize = 200;

/// A line for each way to log in that `hello`, the agent's answer to `initialize`, has; `command` is what starts it.
pub(super) fn ways_in(hello: &Value, command: &[String]) -> Vec<String> {
    let methods = hello.get("authMethods").and_then(Value::as_array).into_iter().flatten();
    methods.filter_map(|method| line(method, command)).take(MOST).collect()
}

fn line(method: &Value, command: &[String]) -> Option<String> {
    let text = |name: &str| method[name].as_str().map(str::trim).filter(|text| !text.is_empty());
    let name = text("name").or_else(|| text("id"))?;
    let described = text("description").filter(|text| *text != name);
    let how = run(method, command).or_else(|| set(method));
    let described = described.map(|text| if how.is_some() { text.trim_end_matches('.') } else { text }.to_owned());
    let parts = [described, how].into_iter().flatten().collect::<Vec<_>>();
    let line = if parts.is_empty() { name.to_owned() } else { format!("{name}: {}", parts.join("; ")) };
    let line = redact(&one_line(line.as_bytes()));
    Some(match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    })
}

/// The command that a way by a terminal is: the one that the agent names, or else its own with more arguments.
fn run(method: &Value, command: &[String]) -> Option<String> {
    let words = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let named = method.pointer("/_meta/terminal-auth").filter(|named| named["command"].is_string());
    let line = match (named, method["type"] == "terminal") {
        (Some(named), _) => {
            let program = named["command"].as_str().map(str::to_owned);
            program.into_iter().chain(words(&named["args"])).collect()
        }
        (None, true) => [command, &words(&method["args"])].concat(),
        (None, false) => return None,
    };
    Some(format!("`{}`", shell_line(&line)))
}

/// The variables that a way by the environment wants.
fn set(method: &Value) -> Option<String> {
    let vars = method["vars"].as_array()?.iter().filter_map(|var| var["name"].as_str());
    let vars: Vec<_> = vars.map(|name| format!("${name}")).collect();
    (!vars.is_empty()).then(|| format!("set {}", vars.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_way_to_log_in_is_a_line_in_the_agents_words() {
        let command = ["kimi", "acp"].map(str::to_owned);
        let terminal = json!({"type": "terminal", "label": "Log in", "command": "/opt/kimi", "args": ["login"]});
        let methods = json!([
            {"id": "login", "type": "terminal", "name": "Login with Kimi account", "description": "Open the login flow.",
             "args": ["--login"], "_meta": {"terminal-auth": terminal}},
            {"id": "plain", "type": "terminal", "name": "In a terminal", "args": ["--login"]},
            {"id": "key", "type": "env_var", "name": "A key", "vars": [{"name": "OUR_KEY"}, {"name": "OUR_ORG"}]},
            {"id": "chat-gpt", "name": "ChatGPT", "description": "Use ChatGPT to authenticate"},
            {"id": "bare", "name": " ", "description": null},
            {"description": "nobody knows what this is"},
            "odd",
        ]);
        let expected = [
            "Login with Kimi account: Open the login flow; `/opt/kimi login`",
            "In a terminal: `kimi acp --login`",
            "A key: set $OUR_KEY, $OUR_ORG",
            "ChatGPT: Use ChatGPT to authenticate",
            "bare",
        ];
        assert_eq!(ways_in(&json!({"authMethods": methods}), &command), expected);
        for odd in [json!({}), json!({"authMethods": null}), json!({"authMethods": "x"}), Value::Null] {
            assert_eq!(ways_in(&odd, &command), [""; 0], "{odd}");
        }
    }

    #[test]
    fn words_of_strangers_are_bounded_and_bare_of_control_characters() {
        let many: Vec<_> =
            (0..50).map(|_| json!({"id": "x", "name": format!("a\x1b[31m\n{}", "y".repeat(500))})).collect();
        let ways = ways_in(&json!({"authMethods": many}), &[]);
        assert_eq!(ways.len(), MOST);
        assert!(ways.iter().all(|way| way.chars().count() == LONGEST + 1 && !way.contains(['\x1b', '\n'])), "{ways:?}");
    }
}
