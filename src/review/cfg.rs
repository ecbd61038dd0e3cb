//! Whether a Rust `cfg` can hold at all, and whether it holds here.
//!
//! Three-valued: a name that no usual build sets is false, what rustc decides by target or feature is open.

/// Names that rustc or a usual tool sets, so that they are not false for good.
const KNOWN: [&str; 20] = [
    "test",
    "unix",
    "windows",
    "wasm",
    "debug_assertions",
    "overflow_checks",
    "doc",
    "docsrs",
    "doctest",
    "miri",
    "loom",
    "fuzzing",
    "kani",
    "clippy",
    "proc_macro",
    "tokio_unstable",
    "coverage",
    "coverage_nightly",
    "panic",
    "ub_checks",
];

/// The condition of a `#[cfg(…)]` or `#![cfg(…)]` at the beginning of a line.
pub(super) fn condition(line: &str) -> Option<&str> {
    let line = line.trim();
    let rest = line.strip_prefix("#[cfg(").or_else(|| line.strip_prefix("#![cfg("))?;
    // A condition over several lines is not judged.
    rest.split_once(")]").map(|(condition, _)| condition)
}

/// The condition of a `#[cfg_attr(…, ignore)]` at the beginning of a line.
pub(super) fn ignore_condition(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix("#[cfg_attr(")?;
    let at = rest.match_indices("ignore").map(|(at, _)| at).find(|at| rest[..*at].trim_end().ends_with(','))?;
    Some(rest[..at].trim_end().trim_end_matches(','))
}

/// Whether no usual build makes the condition true.
pub(super) fn never_holds(condition: &str) -> bool {
    // A pair of key and value is the target's or a feature's; a macro's variable is anything.
    let open = |name: &str| name.contains(['=', '$']) || KNOWN.contains(&name);
    value(condition, &|name| (!open(name)).then_some(false)) == Some(false)
}

/// Whether the condition may well be true in a test run on this machine, for all that its words say.
pub(super) fn may_hold_here(condition: &str) -> bool {
    value(condition, &|name| {
        let here = [
            "test",
            "unix",
            "debug_assertions",
            "target_os = \"linux\"",
            "target_family = \"unix\"",
            "panic = \"unwind\"",
        ];
        Some(here.contains(&name) || name.starts_with("feature"))
    }) != Some(false)
}

/// The value of a condition where `leaf` gives that of a name or of a `key = "value"`; `None` is open.
fn value(condition: &str, leaf: &dyn Fn(&str) -> Option<bool>) -> Option<bool> {
    let condition = condition.trim();
    let Some((operator, arguments)) = condition.split_once('(') else {
        return match condition {
            "true" => Some(true),
            "false" => Some(false),
            name => leaf(name),
        };
    };
    let arguments = arguments.strip_suffix(')').unwrap_or(arguments);
    let values: Vec<Option<bool>> = split(arguments).into_iter().map(|argument| value(argument, leaf)).collect();
    match operator.trim() {
        "not" => values.first().copied().flatten().map(|value| !value),
        "all" => decided(&values, false),
        "any" => decided(&values, true),
        _ => None,
    }
}

/// `decisive` if any value is that, its opposite if all are, else open.
fn decided(values: &[Option<bool>], decisive: bool) -> Option<bool> {
    if values.contains(&Some(decisive)) {
        return Some(decisive);
    }
    values.iter().all(Option::is_some).then_some(!decisive)
}

/// Parts arguments at the commas that are in no inner parentheses.
fn split(arguments: &str) -> Vec<&str> {
    let mut depth = 0i32;
    let parts = arguments.split(|c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}
