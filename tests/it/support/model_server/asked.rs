//! What a request asks, in whichever dialect.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Dialect;
use super::script::{self, Script, Step};

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    User,
    Assistant,
    Tool,
}

/// A request, read.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) system: String,
    /// What was said so far. What an assistant says and calls in one go is one message.
    pub(super) said: Vec<(Speaker, String)>,
    /// Tools with the schema of their arguments; `None` for one that takes plain text.
    pub(super) tools: BTreeMap<String, Option<Value>>,
    /// It wants JSON that fits a schema.
    pub(super) wants_json: bool,
}

/// What answers it.
pub(super) enum Next {
    /// A step of the script with its number, and what tells the script from others; `None` behind the last one.
    Step(Option<Box<Step>>, usize, String),
    /// It offers no tools: a title, a classification.
    Aside,
    /// There is no script, or it cannot be read.
    Lost(String),
}

impl Asked {
    /// Reads a request.
    pub(super) fn read(dialect: Dialect, body: &Value) -> Self {
        let mut asked = Self::default();
        match dialect {
            Dialect::Chat => asked.read_chat(body),
            Dialect::Responses => asked.read_responses(body),
            Dialect::Messages => asked.read_messages(body),
            Dialect::Gemini => asked.read_gemini(body),
        }
        asked
    }

    fn read_chat(&mut self, body: &Value) {
        for message in items(&body["messages"]) {
            let text = texts(&message["content"]);
            match message["role"].as_str() {
                Some("system" | "developer") => self.system += &text,
                Some("assistant") => self.said.push((Speaker::Assistant, text)),
                Some("tool") => self.said.push((Speaker::Tool, text)),
                _ => self.said.push((Speaker::User, text)),
            }
        }
        for tool in items(&body["tools"]) {
            self.offer(&tool["function"]["name"], Some(&tool["function"]["parameters"]));
        }
    }

    fn read_responses(&mut self, body: &Value) {
        self.system = texts(&body["instructions"]);
        if let Value::String(text) = &body["input"] {
            self.said.push((Speaker::User, text.clone()));
        }
        for item in items(&body["input"]) {
            match (item["type"].as_str().unwrap_or("message"), item["role"].as_str()) {
                ("message", Some("system" | "developer")) => self.system += &texts(&item["content"]),
                ("message", Some("assistant")) => self.assistant_goes_on(texts(&item["content"])),
                ("message", _) => self.said.push((Speaker::User, texts(&item["content"]))),
                (kind, _) if kind.ends_with("_call") => self.assistant_goes_on(String::new()),
                (kind, _) if kind.ends_with("_output") => self.said.push((Speaker::Tool, texts(&item["output"]))),
                _ => {}
            }
        }
        self.offer_all(&body["tools"]);
    }

    fn offer_all(&mut self, tools: &Value) {
        for tool in items(tools) {
            match tool["type"].as_str() {
                Some("function") => self.offer(&tool["name"], Some(&tool["parameters"])),
                Some("custom") => self.offer(&tool["name"], None),
                Some("namespace") => self.offer_all(&tool["tools"]),
                _ => {}
            }
        }
    }

    fn read_messages(&mut self, body: &Value) {
        self.system = texts(&body["system"]);
        for message in items(&body["messages"]) {
            let speaker = if message["role"] == "assistant" { Speaker::Assistant } else { Speaker::User };
            let text = texts(&message["content"]) + &reminders(&message["content"]);
            // Claude Code puts it behind a call that was cut off; no model said it.
            if text.trim() != "No response requested." {
                self.said.push((speaker, text));
            }
        }
        for tool in items(&body["tools"]).filter(|tool| tool.get("input_schema").is_some()) {
            self.offer(&tool["name"], Some(&tool["input_schema"]));
        }
    }

    fn read_gemini(&mut self, body: &Value) {
        self.system = texts(&body["systemInstruction"]["parts"]);
        for message in items(&body["contents"]) {
            let speaker = if message["role"] == "model" { Speaker::Assistant } else { Speaker::User };
            self.said.push((speaker, texts(&message["parts"])));
        }
        for tool in items(&body["tools"]) {
            for function in items(&tool["functionDeclarations"]) {
                let schema = function.get("parametersJsonSchema").unwrap_or(&function["parameters"]);
                self.offer(&function["name"], Some(schema));
            }
        }
        self.wants_json = body["generationConfig"]["responseMimeType"] == "application/json";
    }

    fn offer(&mut self, name: &Value, schema: Option<&Value>) {
        if let Some(name) = name.as_str() {
            self.tools.insert(name.to_owned(), schema.cloned());
        }
    }

    fn assistant_goes_on(&mut self, text: String) {
        match self.said.last_mut() {
            Some((Speaker::Assistant, before)) => before.push_str(&text),
            _ => self.said.push((Speaker::Assistant, text)),
        }
    }

    /// What the script says to it.
    pub(super) fn next(&self) -> Next {
        if !super::offer::can_work(&self.tools) {
            return Next::Aside;
        }
        let users = self.said.iter().enumerate().rev().filter(|(_, (speaker, _))| *speaker == Speaker::User);
        let Some((at, script)) = users.filter_map(|(at, (_, text))| Some((at, script::last_in(text)?))).next() else {
            return Next::Lost("no message of the user's holds a script".to_owned());
        };
        let number = self.said[at..].iter().filter(|(speaker, _)| *speaker == Speaker::Assistant).count();
        match script {
            Ok(Script { mut steps, source }) => {
                let step = (number < steps.len()).then(|| Box::new(steps.swap_remove(number)));
                Next::Step(step, number, source)
            }
            Err(problem) => Next::Lost(format!("a script cannot be read: {problem}")),
        }
    }

    /// The working directory, where the request shows one.
    pub(super) fn cwd(&self) -> Option<String> {
        let all = std::iter::once(&self.system).chain(self.said.iter().map(|(_, text)| text));
        all.flat_map(|text| LABELS.iter().filter_map(|label| path_behind(text, label))).next()
    }
}

/// What stands before the working directory in the prompts of agents, in lower case.
const LABELS: &[&str] = &["working directory", "<cwd>", "workspace director", "workspace root", "git worktree"];
/// How far before it, in bytes.
const NEAR: usize = 48;

fn path_behind(text: &str, label: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    lower.match_indices(label).find_map(|(at, _)| {
        let rest = &text[at + label.len()..];
        let start = rest.find('/').filter(|start| *start <= NEAR && !rest[..*start].ends_with('<'))?;
        let path = rest[start..].split(|c: char| c.is_whitespace() || "`\"'<,".contains(c)).next()?;
        let path = path.trim_end_matches(['.', ')', ':', '*']);
        // A single name is more likely part of a sentence, such as `and/or`.
        (path.matches('/').count() > 1).then(|| path.to_owned())
    })
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What the user says while Claude works: it stands within the result of a tool, behind what the tool printed.
fn reminders(content: &Value) -> String {
    let results = items(content).filter(|part| part["type"] == "tool_result");
    let reminder = |text: String| text.find("<system-reminder>").map(|at| text[at..].to_owned());
    results.filter_map(|part| reminder(texts(&part["content"]))).collect()
}

/// All text of a message's content.
fn texts(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let text = |part: &Value| part.as_str().or_else(|| part["text"].as_str()).map(str::to_owned);
            parts.iter().filter_map(text).collect::<Vec<_>>().join("\n")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}
