//! Steps as calls of the tools that a request offers, whatever they and their arguments are called.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::script::Step;

/// Tools with the schema of their arguments.
type Tools = BTreeMap<String, Option<Value>>;

const WRITES: &[&str] = &["write_file", "WriteFile", "Write", "write", "create_file"];
const SHELLS: &[&str] =
    &["run_shell_command", "Shell", "Bash", "bash", "exec_command", "shell_command", "shell", "local_shell"];
const READS: &[&str] = &["read_file", "ReadFile", "Read", "read"];
const PATHS: &[&str] = &["path", "file_path", "filePath", "absolute_path"];
const CONTENTS: &[&str] = &["content", "contents", "text"];
const COMMANDS: &[&str] = &["command", "cmd"];

/// A call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: Arguments,
}

/// What a tool is called with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Arguments {
    Fields(Value),
    Text(String),
}

impl Call {
    fn of(name: &str, fields: Map<String, Value>) -> Self {
        Self { name: name.to_owned(), arguments: Arguments::Fields(Value::Object(fields)) }
    }

    /// The arguments as a JSON text; plain text as it is.
    pub(super) fn text(&self) -> String {
        match &self.arguments {
            Arguments::Fields(fields) => fields.to_string(),
            Arguments::Text(text) => text.clone(),
        }
    }

    /// The arguments as an object.
    pub(super) fn fields(&self) -> Value {
        match &self.arguments {
            Arguments::Fields(fields) => fields.clone(),
            Arguments::Text(text) => json!({"input": text}),
        }
    }
}

/// Whether an agent at work offers these; a title is asked for without any.
pub(super) fn can_work(tools: &Tools) -> bool {
    WRITES.iter().chain(SHELLS).chain(READS).any(|name| tools.contains_key(*name))
}

/// The calls of a step. `{cwd}` in any text stands for the working directory.
pub(super) fn calls(step: &Step, tools: &Tools, cwd: &str) -> Vec<Call> {
    let here = |text: &str| text.replace("{cwd}", cwd);
    let mut all: Vec<_> = step.many.iter().flat_map(|step| calls(step, tools, cwd)).collect();
    if let Some(write) = &step.write {
        all.push(with(step, writing(&here(&write.path), &write.content, tools)));
    }
    if let Some(command) = &step.shell {
        all.push(with(step, shell(&here(command), tools)));
    }
    if let Some(path) = &step.read {
        all.push(with(step, reading(&here(path), tools)));
    }
    if let Some(tool) = &step.tool {
        all.push(with(step, raw(&tool.name, placed(&tool.arguments, cwd), tools)));
    }
    all
}

fn with(step: &Step, mut call: Call) -> Call {
    if let Arguments::Fields(Value::Object(fields)) = &mut call.arguments {
        fields.extend(step.with.clone());
    }
    call
}

fn raw(name: &str, arguments: Value, tools: &Tools) -> Call {
    let plain = tools.get(name).is_some_and(Option::is_none);
    let arguments = match arguments {
        Value::String(text) if plain => Arguments::Text(text),
        Value::Null => Arguments::Fields(json!({})),
        other => Arguments::Fields(other),
    };
    Call { name: name.to_owned(), arguments }
}

fn placed(value: &Value, cwd: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("{cwd}", cwd)),
        Value::Array(values) => values.iter().map(|value| placed(value, cwd)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), placed(value, cwd))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn writing(path: &str, content: &str, tools: &Tools) -> Call {
    if let Some((name, schema)) = first(WRITES, tools) {
        return Call::of(name, fitted(schema, &[(PATHS, path), (CONTENTS, content)]));
    }
    match tools.get("apply_patch") {
        Some(schema) => {
            let lines: String = content.lines().map(|line| format!("+{line}\n")).collect();
            let patch = format!("*** Begin Patch\n*** Add File: {path}\n{lines}*** End Patch\n");
            match schema {
                None => Call { name: "apply_patch".to_owned(), arguments: Arguments::Text(patch) },
                Some(schema) => Call::of("apply_patch", fitted(schema, &[(&["input", "patch"], &patch)])),
            }
        }
        None => {
            let end = if content.ends_with('\n') { "" } else { "\n" };
            shell(&format!("cat > '{path}' <<'END_OF_FILE'\n{content}{end}END_OF_FILE"), tools)
        }
    }
}

fn reading(path: &str, tools: &Tools) -> Call {
    match first(READS, tools) {
        Some((name, schema)) => Call::of(name, fitted(schema, &[(PATHS, path)])),
        None => shell(&format!("cat '{path}'"), tools),
    }
}

fn shell(command: &str, tools: &Tools) -> Call {
    match first(SHELLS, tools) {
        Some((name, schema)) => Call::of(name, fitted(schema, &[(COMMANDS, command)])),
        None => Call::of("shell", fitted(&Value::Null, &[(COMMANDS, command)])),
    }
}

fn first<'a>(names: &[&'static str], tools: &'a Tools) -> Option<(&'static str, &'a Value)> {
    let known = |name: &&'static str| tools.get(*name).map(|schema| (*name, schema.as_ref().unwrap_or(&Value::Null)));
    names.iter().find_map(known)
}

/// Arguments by the names that the tool has for them, and something for whatever else it requires.
fn fitted(schema: &Value, given: &[(&[&str], &str)]) -> Map<String, Value> {
    let known = |name: &str| schema["properties"].get(name);
    let mut fields = Map::new();
    for (names, text) in given {
        let name = names.iter().find(|name| known(name).is_some()).unwrap_or(&names[0]);
        let list = known(name).is_some_and(|it| it["type"].as_str().is_some_and(|it| it.eq_ignore_ascii_case("array")));
        let value = if list { json!(["bash", "-lc", text]) } else { json!(text) };
        fields.insert((*name).to_owned(), value);
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        fields.entry(name).or_insert_with(|| some(known(name).unwrap_or(&Value::Null)));
    }
    fields
}

/// Any value of a type.
fn some(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match schema["type"].as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("boolean") => json!(false),
        Some("integer" | "number") => json!(1),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!("as the script says"),
    }
}
