//! Golden files: what the program makes of recorded input, kept under `tests/it/golden` and compared byte for byte.
//!
//! `OMK_GOLDEN=rewrite cargo test --test it golden` writes every golden document anew. Recorded input (journals,
//! transcripts) is never written by it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How much is shown on either side of the first difference, in bytes.
const SHOWN: usize = 300;

/// A path below `tests/it/golden`.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name)
}

/// The documents of one directory, compared one after the other; `finish` fails the test if any differs.
pub(crate) struct Documents {
    dir: PathBuf,
    rewrite: bool,
    seen: BTreeSet<String>,
    differences: Vec<String>,
}

impl Documents {
    /// The documents in a directory below `tests/it/golden`.
    pub(crate) fn of(dir: &str) -> Self {
        let rewrite = std::env::var_os("OMK_GOLDEN").is_some_and(|value| value == "rewrite");
        let dir = golden(dir);
        fs::create_dir_all(&dir).expect("a directory");
        Self { dir, rewrite, seen: BTreeSet::new(), differences: Vec::new() }
    }

    /// Compares a document with the golden one.
    pub(crate) fn compare(&mut self, name: &str, now: &str) {
        self.seen.insert(name.to_owned());
        let path = self.dir.join(name);
        let then = fs::read_to_string(&path).unwrap_or_default();
        if then == now {
            return;
        }
        if self.rewrite {
            fs::write(&path, now).expect("a golden document is written");
        } else {
            self.differences.push(difference(name, &then, now));
        }
    }

    /// Fails the test if a document differs, or if there is a golden document that nothing was compared with.
    pub(crate) fn finish(mut self) {
        for entry in fs::read_dir(&self.dir).expect("a directory").map(|entry| entry.expect("an entry")) {
            let name = entry.file_name().into_string().expect("text");
            if self.seen.contains(&name) {
                continue;
            }
            if self.rewrite {
                fs::remove_file(entry.path()).expect("a golden document is removed");
            } else {
                self.differences.push(format!("{name}: nothing makes this document"));
            }
        }
        let help = "if every change is meant: OMK_GOLDEN=rewrite cargo test --test it golden";
        let (count, shown) = (self.differences.len(), self.differences.iter().take(3).cloned().collect::<Vec<_>>());
        assert!(count == 0, "{count} documents differ\n{help}\n\n{}", shown.join("\n\n"));
    }
}

/// The line of the first difference, and what stands around it then and now.
fn difference(name: &str, then: &str, now: &str) -> String {
    let at = then.bytes().zip(now.bytes()).take_while(|(a, b)| a == b).count();
    let line = then.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
    let around = |text: &str| {
        let bytes = text.as_bytes();
        let part = &bytes[at.saturating_sub(SHOWN).min(bytes.len())..(at + SHOWN).min(bytes.len())];
        String::from_utf8_lossy(part).into_owned()
    };
    format!("{name}, line {line}\n--- then: …{}…\n--- now:  …{}…", around(then), around(now))
}
