//! The security reviewer: secrets, executables, links, files that hold keys, scripts piped into a shell.

use super::language::{Language, extension, file_name, has_word, is_test_path};
use super::moved::{Moved, present};
use super::{Findings, secrets, shown};
use crate::domain::change::{Change, EntryKind, FileChange};
use crate::domain::review::{Finding, Severity};

/// `security.secret`, `security.executable`, `security.symlink`, `security.sensitive_file`, `security.pipe_to_shell`.
pub(super) fn findings(change: &Change) -> Vec<Finding> {
    let mut found = Findings::default();
    for file in &change.files {
        match file.after {
            Some(EntryKind::Executable) => executable(file, &mut found),
            Some(EntryKind::Symlink) => symlink(file, &mut found),
            Some(EntryKind::File | EntryKind::Gitlink) | None => {}
        }
        if file.after.is_some() {
            sensitive(file, &mut found);
        }
    }
    let mut moved = Moved::of(change);
    for file in present(change) {
        lines(file, &mut moved, &mut found);
    }
    found.0
}

fn executable(file: &FileChange, found: &mut Findings) {
    if file.before == Some(EntryKind::Executable) {
        return;
    }
    let (severity, what) = match file.binary {
        true => (Severity::High, "a new executable that is not text: nobody can review it"),
        false => (Severity::Medium, "a new executable"),
    };
    found.file("security.executable", severity, file, what.to_owned());
}

fn symlink(file: &FileChange, found: &mut Findings) {
    let target = file.link_target.as_deref().unwrap_or("");
    let (severity, what) = match escapes(&file.path, target) {
        true => (Severity::High, "a symbolic link that leaves the repository"),
        false => (Severity::Medium, "a symbolic link"),
    };
    found.file("security.symlink", severity, file, format!("{what}: to `{}`", shown(target)));
}

/// Whether a link's target is absolute, above the root, or in git's own directory.
fn escapes(path: &str, target: &str) -> bool {
    if target.starts_with('/') {
        return true;
    }
    let mut inside: Vec<&str> = path.split('/').collect();
    inside.pop();
    for component in target.split('/') {
        match component {
            "" | "." => {}
            ".." if inside.pop().is_none() => return true,
            ".." => {}
            git if git.eq_ignore_ascii_case(".git") => return true,
            other => inside.push(other),
        }
    }
    false
}

fn sensitive(file: &FileChange, found: &mut Findings) {
    const KEYS: [&str; 5] = ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".netrc"];
    const SAMPLES: [&str; 5] = ["example", "sample", "template", "dist", "defaults"];
    let name = file_name(&file.path);
    let environment = name == ".env" || (name.starts_with(".env.") && !SAMPLES.contains(&extension(name)));
    let container = matches!(extension(name), "pem" | "p12" | "pfx" | "jks" | "keystore");
    if !(environment || container || KEYS.contains(&name)) {
        return;
    }
    let severity = match file.before.is_none() && !(container && is_test_path(&file.path)) {
        true => Severity::High,
        false => Severity::Medium,
    };
    let message = "a file of this name usually holds credentials or keys".to_owned();
    found.file("security.sensitive_file", severity, file, message);
}

fn lines(file: &FileChange, moved: &mut Moved<'_>, found: &mut Findings) {
    let language = Language::of(&file.path);
    let tame = is_test_path(&file.path) || language == Language::Prose;
    for line in &file.added {
        let secret = secrets::find(&line.text);
        let piped = pipes_to_shell(language, &line.text);
        if (secret.is_none() && !piped) || moved.excuses(&line.text) {
            continue;
        }
        if let Some(secret) = secret {
            let severity = match (secret.certain, tame) {
                (true, _) => Severity::Critical,
                (false, false) => Severity::High,
                (false, true) => Severity::Low,
            };
            found.line("security.secret", severity, (file, line.number), secret.described());
        }
        if piped {
            let severity = match (language == Language::Prose, is_test_path(&file.path)) {
                (true, _) => Severity::Low,
                (false, true) => Severity::Medium,
                (false, false) => Severity::High,
            };
            let message = "something from the network is run by a shell without being looked at".to_owned();
            found.line("security.pipe_to_shell", severity, (file, line.number), message);
        }
    }
}

/// `curl … | sh`, `bash <(curl …)`, `sh -c "$(curl …)"`, outside comments.
fn pipes_to_shell(language: Language, line: &str) -> bool {
    let Some(fetch) = ["curl ", "wget "].iter().find_map(|program| line.find(program)) else { return false };
    if line[..fetch].trim_start().starts_with(['#', '/']) && language.parts(line).code.trim().is_empty() {
        return false;
    }
    let piped = line[fetch..].split('|').skip(1).any(|part| {
        let mut words = part.split_whitespace().skip_while(|w| matches!(*w, "sudo" | "env" | "-E") || w.contains('='));
        words.next().is_some_and(|word| is_shell(word.trim_matches(['"', '\'', '`', ')', ';'])))
    });
    let before = &line[..fetch];
    let substituted = ["sh", "bash", "zsh", "eval", "source"].iter().any(|shell| has_word(before, shell))
        && ["<(", "$(", "`"].iter().any(|opening| before.trim_end().ends_with(opening));
    piped || substituted
}

fn is_shell(word: &str) -> bool {
    matches!(file_name(word), "sh" | "bash" | "zsh" | "dash" | "ksh" | "python" | "python3" | "node" | "perl" | "ruby")
}
