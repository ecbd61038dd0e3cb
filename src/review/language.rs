//! What a path says about its content, and which part of a line is code and which is comment.
//!
//! Reads one line at a time, so a comment or a string over several lines is seen as code from its second line on;
//! rubrics that rest on this must not block on what is only likely.

/// The languages that the rubrics tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Rust,
    /// JavaScript and TypeScript.
    JavaScript,
    Python,
    Go,
    Ruby,
    Shell,
    /// Other languages with braces and `//`.
    Braces,
    /// Text for people.
    Prose,
    /// Configuration, data, markup, unknown.
    Other,
}

impl Language {
    /// Judges by the file's name.
    pub(super) fn of(path: &str) -> Self {
        let name = file_name(path);
        match extension(name) {
            "rs" => Self::Rust,
            "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" | "vue" | "svelte" => Self::JavaScript,
            "py" | "pyi" => Self::Python,
            "go" => Self::Go,
            "rb" | "rake" => Self::Ruby,
            "sh" | "bash" | "zsh" => Self::Shell,
            "c" | "h" | "cc" | "cpp" | "cxx" | "hpp" | "java" | "cs" | "kt" | "kts" | "swift" | "php" | "scala"
            | "dart" => Self::Braces,
            "md" | "markdown" | "rst" | "txt" | "adoc" => Self::Prose,
            _ if is_below(path, &["docs", "doc"]) => Self::Prose,
            _ => Self::Other,
        }
    }

    /// Whether files of this language hold program text.
    pub(super) fn is_source(self) -> bool {
        match self {
            Self::Rust | Self::JavaScript | Self::Python | Self::Go | Self::Ruby | Self::Shell | Self::Braces => true,
            Self::Prose | Self::Other => false,
        }
    }

    /// How a comment begins; `None` where there is no such thing.
    fn comment_mark(self) -> Option<&'static str> {
        match self {
            Self::Rust | Self::JavaScript | Self::Go | Self::Braces => Some("//"),
            Self::Python | Self::Ruby | Self::Shell | Self::Other => Some("#"),
            Self::Prose => None,
        }
    }

    /// Parts a line.
    pub(super) fn parts(self, line: &str) -> Parts<'_> {
        let trimmed = line.trim_start();
        let block = matches!(self, Self::JavaScript | Self::Rust | Self::Go | Self::Braces)
            && (trimmed.starts_with("/*") || trimmed == "*" || trimmed.starts_with("* ") || trimmed.starts_with("*/"));
        if block {
            return Parts { code: String::new(), comment: trimmed };
        }
        self.scanned(line)
    }

    fn scanned(self, line: &str) -> Parts<'_> {
        let mut code = String::with_capacity(line.len());
        let mut open: Option<char> = None;
        let mut rest = line.char_indices();
        while let Some((at, c)) = rest.next() {
            match open {
                Some(_) if c == '\\' => {
                    rest.next();
                }
                Some(quote) if c == quote => {
                    open = None;
                    code.push(c);
                }
                Some(_) => {}
                None if self.comment_mark().is_some_and(|mark| starts_comment(line, at, mark)) => {
                    return Parts { code, comment: &line[at..] };
                }
                None => {
                    open = self.opens_string(c, &line[at..]).then_some(c);
                    code.push(c);
                }
            }
        }
        Parts { code, comment: "" }
    }

    fn opens_string(self, c: char, rest: &str) -> bool {
        match c {
            '"' => true,
            '`' => matches!(self, Self::JavaScript | Self::Go),
            // In Rust most quotes are lifetimes; a character literal closes after one character or an escape.
            '\'' if self == Self::Rust => rest.starts_with("'\\") || rest.chars().nth(2) == Some('\''),
            '\'' => self.is_source(),
            _ => false,
        }
    }
}

/// A `#` only counts after white space: elsewhere it is a colour, an anchor, a shell's `$#`.
fn starts_comment(line: &str, at: usize, mark: &str) -> bool {
    let alone = mark != "#" || line[..at].chars().next_back().is_none_or(char::is_whitespace);
    // `https://` is no comment.
    let scheme = mark == "//" && line[..at].ends_with(':');
    line[at..].starts_with(mark) && alone && !scheme
}

/// A line, parted.
pub(super) struct Parts<'l> {
    /// The code, with the content of strings left out.
    pub(super) code: String,
    /// The comment with its mark; empty where there is none.
    pub(super) comment: &'l str,
}

/// The last component of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What follows the last dot of a file's name; empty where there is none.
pub(super) fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Whether one of a path's directories has one of the names.
pub(super) fn is_below(path: &str, names: &[&str]) -> bool {
    path.rsplit_once('/').is_some_and(|(directories, _)| directories.split('/').any(|name| names.contains(&name)))
}

/// Whether a path is one where tests, their data or examples live.
pub(super) fn is_test_path(path: &str) -> bool {
    const DIRECTORIES: &[&str] =
        &["tests", "test", "__tests__", "spec", "specs", "testdata", "fixtures", "testing", "benches", "examples"];
    is_below(path, DIRECTORIES) || is_test_name(file_name(path))
}

/// Whether a file's name alone says that it holds tests.
pub(super) fn is_test_name(name: &str) -> bool {
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    let inner = name.split('.').rev().nth(1).unwrap_or("");
    stem.ends_with("_test")
        || stem.ends_with("_spec")
        || (stem.starts_with("test_") && extension(name) == "py")
        || stem == "conftest"
        || matches!(inner, "test" | "spec")
        || (extension(name) == "java" && stem.ends_with("Test"))
}

/// Whether `text` holds `word` with no letter, digit or underscore next to it.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = word.starts_with(part_of_word) && text[..at].ends_with(part_of_word);
        let after = word.ends_with(part_of_word) && text[at + word.len()..].starts_with(part_of_word);
        !before && !after
    })
}
