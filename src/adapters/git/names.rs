//! Which names of files are safe to write out and to take in.
//!
//! Owns every spelling of `.git` that some file system takes for the real one, and where a symbolic link leads. Reads
//! no disk.

use crate::domain::redact::holds_secret;

/// Whether a component is git's own directory in any spelling: case, NTFS short name, trailing dots, blanks and
/// streams, code points that HFS+ ignores.
pub(super) fn spells_dot_git(component: &[u8]) -> bool {
    component.split(|&b| b == b'\\').any(|part| is_ntfs_dot_git(part) || is_hfs_dot_git(part))
}

/// Whether a component is `.gitmodules` in any spelling, NTFS short names included.
pub(super) fn spells_dot_gitmodules(component: &[u8]) -> bool {
    let name = folded(component);
    let numbered = |prefix: &str| {
        name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    name == ".gitmodules" || numbered("gitmod~") || numbered("gi7eba~") || numbered("gi7eb~")
}

/// A component or path as file systems that fold names see it: without case, trailing dots and blanks, streams, and code
/// points that HFS+ ignores.
pub(super) fn folded(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let components = text.split('/').map(|part| {
        let part = part.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
        part.chars().filter(|&c| !hfs_ignores(c)).collect::<String>().to_lowercase()
    });
    components.collect::<Vec<_>>().join("/")
}

fn is_ntfs_dot_git(part: &[u8]) -> bool {
    let part = part.split(|&b| b == b':').next().unwrap_or_default();
    let end = part.iter().rposition(|b| !matches!(b, b'.' | b' ')).map_or(0, |last| last + 1);
    part[..end].eq_ignore_ascii_case(b".git") || part[..end].eq_ignore_ascii_case(b"git~1")
}

fn is_hfs_dot_git(part: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(part) else { return false };
    let seen: String = text.chars().filter(|&c| !hfs_ignores(c)).collect();
    seen.eq_ignore_ascii_case(".git")
}

fn hfs_ignores(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// What makes a component of a tree's path unfit to be written to a disk; `None` where it is fit.
pub(super) fn unwritable(component: &[u8]) -> Option<&'static str> {
    match component {
        b"" => Some("has an empty component"),
        b"." | b".." => Some("has a component `.` or `..`"),
        name if name.contains(&b'/') || name.contains(&0) => Some("has a component with a slash or a NUL"),
        name if spells_dot_git(name) => Some("names git's own directory"),
        _ => None,
    }
}

/// What makes a component of a new or changed path unfit to be captured; `None` where it is fit.
pub(super) fn uncapturable(component: &[u8]) -> Option<&'static str> {
    if spells_dot_git(component) {
        return Some("its name is a spelling of `.git`");
    }
    match std::str::from_utf8(component) {
        Err(_) => Some("its name is not UTF-8"),
        Ok(name) if name.chars().any(char::is_control) => Some("its name holds a control character"),
        Ok(_) => None,
    }
}

/// What makes a new path unfit to be captured that holds a known secret: a name is shown in many places.
pub(super) fn tells_a_secret(path: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(path).ok()?;
    holds_secret(text).then_some("its name holds what looks like a secret")
}

/// What makes a link at `path` (a tree's path) with this target unfit to be captured; `None` where it stays inside.
///
/// A target may climb first and descend then. `..` behind a name is refused: what it means depends on links that are
/// not looked at here.
pub(super) fn escapes(path: &[u8], target: &[u8]) -> Option<&'static str> {
    if target.starts_with(b"/") {
        return Some("a symbolic link to an absolute path");
    }
    let mut depth = path.iter().filter(|&&b| b == b'/').count();
    let mut descending = false;
    for component in target.split(|&b| b == b'/') {
        match component {
            b"" | b"." => {}
            b".." if descending => return Some("a symbolic link with `..` behind a name"),
            b".." if depth == 0 => return Some("a symbolic link that leads out of the tree"),
            b".." => depth -= 1,
            name if spells_dot_git(name) => return Some("a symbolic link into git's own directory"),
            _ => descending = true,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_dot_git_is_known() {
        let spellings: [&[u8]; 10] = [
            b".git",
            b".GIT",
            b".gIt",
            b"git~1",
            b"GIT~1",
            b".git.",
            b".git . .",
            b".git::$INDEX_ALLOCATION",
            ".g\u{200c}it".as_bytes(),
            b"a\\.git",
        ];
        assert!(spellings.iter().all(|name| spells_dot_git(name)));
        let others: [&[u8]; 6] = [b".gitignore", b".github", b"git", b".git2", b"git~2", b"x.git"];
        assert!(!others.iter().any(|name| spells_dot_git(name)));
    }

    #[test]
    fn links_may_climb_to_the_root_and_no_further() {
        assert_eq!(escapes(b"a/b/link", b"../../README"), None);
        assert_eq!(escapes(b"link", b"a/b"), None);
        for target in [&b"/etc/passwd"[..], b"../../../x", b"../x/../y", b".git/config", b"../../.GIT"] {
            assert!(escapes(b"a/b/link", target).is_some(), "{}", String::from_utf8_lossy(target));
        }
    }
}
