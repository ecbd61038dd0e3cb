//! Functions and handlers without content, recognised in runs of added lines.
//!
//! A function counts only if its head, its body and its end are all added: a body that is replaced inside a function
//! from before cannot be told from one line among others.

use super::language::Language;
use crate::domain::change::Line;

/// A line with its code and comment apart; blank lines and lines of comment alone are left out of a run.
struct Step {
    number: u32,
    indent: usize,
    code: String,
    comment: String,
}

fn steps(language: Language, run: &[Line]) -> Vec<Step> {
    let step = |line: &Line| {
        let parts = language.parts(&line.text);
        Step {
            number: line.number,
            indent: line.text.len() - line.text.trim_start().len(),
            code: parts.code.trim().to_owned(),
            comment: parts.comment.to_ascii_lowercase(),
        }
    };
    run.iter().map(step).filter(|step| !step.code.is_empty()).collect()
}

/// Whether a piece of code only says that it is not written: `todo!()`, `raise NotImplementedError`, …
pub(super) fn is_unwritten(language: Language, code: &str) -> bool {
    let code = code.trim();
    match language {
        Language::Rust => ["todo!(", "unimplemented!("]
            .iter()
            .any(|mark| code.contains(mark) && super::language::has_word(code, mark)),
        Language::Python => code.starts_with("raise NotImplementedError"),
        Language::JavaScript | Language::Go | Language::Ruby | Language::Shell | Language::Braces => false,
        Language::Prose | Language::Other => false,
    }
}

/// Whether a line is all that a stub's body holds.
fn is_stub_body(language: Language, step: &Step, raw: &str) -> bool {
    let code = step.code.as_str();
    let admitted = ["stub", "todo", "placeholder", "not implemented", "fixme"].iter().any(|w| step.comment.contains(w));
    let lower = raw.to_ascii_lowercase();
    let says = lower.contains("not implemented") || lower.contains("\"todo");
    match language {
        Language::Rust => code.starts_with("todo!(") || code.starts_with("unimplemented!("),
        Language::Python => code == "pass" || is_unwritten(language, code) || (admitted && code == "return None"),
        Language::Go => (code.starts_with("panic(") && says) || (admitted && code.starts_with("return")),
        Language::JavaScript | Language::Braces => {
            (code.starts_with("throw ") && says) || (admitted && code.starts_with("return"))
        }
        Language::Ruby | Language::Shell | Language::Prose | Language::Other => false,
    }
}

/// A cheap look before the thorough one: whether a line may be all that a stub's body holds.
fn hints_at_stub(language: Language, line: &str) -> bool {
    match language {
        Language::Rust => line.contains("todo!(") || line.contains("unimplemented!("),
        Language::Python => ["pass", "NotImplementedError", "return None"].iter().any(|hint| line.contains(hint)),
        Language::Go => line.contains("panic(") || line.contains("return"),
        Language::JavaScript | Language::Braces => line.contains("throw ") || line.contains("return"),
        Language::Ruby | Language::Shell | Language::Prose | Language::Other => false,
    }
}

/// A function whose whole body is a stub.
pub(super) struct Stub {
    /// The line of its head.
    pub(super) line: u32,
    /// Whether it is a method of a language in which empty methods are there to be overridden.
    pub(super) overridable: bool,
}

/// The functions whose whole body is a stub.
pub(super) fn empty_functions(language: Language, run: &[Line]) -> Vec<Stub> {
    let raw = |number: u32| run.iter().find(|line| line.number == number).map_or("", |line| line.text.as_str());
    if !run.iter().any(|line| hints_at_stub(language, &line.text)) {
        return Vec::new();
    }
    let steps = steps(language, run);
    let mut found = Vec::new();
    for (index, head) in steps.iter().enumerate() {
        let is_stub = match language {
            Language::Python => python_stub(&steps, index, raw),
            Language::Rust | Language::JavaScript | Language::Go | Language::Braces => {
                one_line_stub(language, head, raw(head.number)) || brace_stub(language, &steps, index, raw)
            }
            Language::Ruby | Language::Shell | Language::Prose | Language::Other => false,
        };
        if is_stub {
            let overridable = language == Language::Python && ["(self", "(cls"].iter().any(|m| head.code.contains(m));
            found.push(Stub { line: head.number, overridable });
        }
    }
    found
}

/// `fn f() -> T { todo!() }`
fn one_line_stub(language: Language, head: &Step, raw: &str) -> bool {
    let Some((before, body)) = head.code.split_once('{') else { return false };
    let Some((body, "")) = body.rsplit_once('}') else { return false };
    let body = Step { number: 0, indent: 0, code: body.trim().to_owned(), comment: head.comment.clone() };
    is_function_head(language, before) && is_stub_body(language, &body, raw)
}

fn brace_stub<'a>(language: Language, steps: &[Step], index: usize, raw: impl Fn(u32) -> &'a str) -> bool {
    let Some([head, body, end]) = steps.get(index..index + 3) else { return false };
    let head_code = head.code.strip_suffix('{').map(str::trim_end);
    head_code.is_some_and(|code| is_function_head(language, code))
        && is_stub_body(language, body, raw(body.number))
        && matches!(end.code.as_str(), "}" | "};" | "})" | "});" | "},")
}

/// Whether code before an opening brace is the head of a function, or the last line of one.
fn is_function_head(language: Language, code: &str) -> bool {
    let code = code.trim();
    let control = ["if", "for", "while", "match", "switch", "loop", "else", "}", "catch", "case"];
    let first = code.split([' ', '(']).next().unwrap_or("");
    if control.contains(&first) || code.is_empty() {
        return false;
    }
    match language {
        Language::Rust => super::language::has_word(code, "fn") || (code.starts_with(')') && !code.contains("=>")),
        Language::Go => super::language::has_word(code, "func") || code.starts_with(')'),
        Language::JavaScript => code.ends_with("=>") || code.ends_with(')') || code.contains("): "),
        Language::Braces => code.ends_with(')') || code.contains(") throws") || code.contains(") const"),
        Language::Python | Language::Ruby | Language::Shell | Language::Prose | Language::Other => false,
    }
}

/// A `def` that is followed by one line of body and then by less indentation; abstract and overloaded ones are meant
/// to be empty.
fn python_stub<'a>(steps: &[Step], index: usize, raw: impl Fn(u32) -> &'a str) -> bool {
    let head = &steps[index];
    let is_def = head.code.starts_with("def ") || head.code.starts_with("async def ");
    let meant = index > 0 && ["abstractmethod", "overload"].iter().any(|mark| steps[index - 1].code.contains(mark));
    if !is_def || !head.code.ends_with(':') || meant {
        return false;
    }
    let doc_string = |step: &&Step| step.code.starts_with(['"', '\'']);
    let mut body = steps[index + 1..].iter().take_while(|step| step.indent > head.indent).filter(|s| !doc_string(s));
    let (first, second) = (body.next(), body.next());
    second.is_none() && first.is_some_and(|step| is_stub_body(Language::Python, step, raw(step.number)))
}

/// The lines of handlers that drop an error without a word; a comment in the handler is one.
pub(super) fn empty_catches(language: Language, run: &[Line]) -> Vec<u32> {
    let silent = |lines: &[Line]| lines.iter().all(|line| language.parts(&line.text).comment.is_empty());
    let mut found = Vec::new();
    for (index, line) in run.iter().enumerate().filter(|(_, line)| hints_at_catch(language, &line.text)) {
        let here = language.parts(&line.text).code;
        let next = run.get(index + 1).map(|line| language.parts(&line.text).code).unwrap_or_default();
        let both = &run[index..run.len().min(index + 2)];
        let (alone, followed) = catch_forms(language, here.trim(), next.trim());
        if (alone && silent(&run[index..=index])) || (followed && silent(both)) {
            found.push(line.number);
        }
    }
    found
}

fn hints_at_catch(language: Language, line: &str) -> bool {
    match language {
        Language::JavaScript | Language::Braces => line.contains("catch"),
        Language::Python => line.contains("except"),
        Language::Rust | Language::Go | Language::Ruby | Language::Shell | Language::Prose | Language::Other => false,
    }
}

/// Whether a line is an empty handler by itself, and whether it is one together with the next line.
fn catch_forms(language: Language, here: &str, next: &str) -> (bool, bool) {
    match language {
        Language::JavaScript | Language::Braces => {
            let letters = |c: char| c.is_alphanumeric() || c == '_';
            let word = |at: usize| !here[..at].ends_with(letters) && !here[at + "catch".len()..].starts_with(letters);
            let Some((at, _)) = here.match_indices("catch").find(|(at, _)| word(*at)) else { return (false, false) };
            let handler: String = here[at..].chars().filter(|c| !c.is_whitespace()).collect();
            (handler.contains("{}"), handler.ends_with('{') && next.starts_with('}'))
        }
        Language::Python => {
            let handler = here.starts_with("except");
            (handler && here.ends_with(": pass"), handler && here.ends_with(':') && next == "pass")
        }
        Language::Rust | Language::Go | Language::Ruby | Language::Shell | Language::Prose | Language::Other => {
            (false, false)
        }
    }
}
