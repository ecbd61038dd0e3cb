//! `core.sharedRepository`: the modes that files and directories of the user's repository get.
//!
//! libgit2 ignores the setting, so what is written there gets its mode afterwards, as git itself does it. What belongs to
//! another user stays as it is.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::user_git::Settings;

/// Who may use what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Whoever the umask lets.
    Umask,
    /// These bits besides.
    AtLeast(u32),
    /// Exactly these bits.
    Exactly(u32),
}

impl Sharing {
    /// What is in force for the repository of a git directory.
    pub(super) fn of(git_dir: &Path) -> Self {
        Settings::of(git_dir).value("core.sharedrepository").map_or(Self::Umask, Self::parse)
    }

    fn parse(value: &str) -> Self {
        let everybody = Self::AtLeast(0o664);
        let group = Self::AtLeast(0o660);
        match value.to_ascii_lowercase().as_str() {
            "umask" | "false" | "no" | "off" | "0" | "" => Self::Umask,
            "group" | "true" | "yes" | "on" | "1" => group,
            "all" | "world" | "everybody" | "2" => everybody,
            other => match u32::from_str_radix(other, 8) {
                // Git refuses a mode that locks the owner out.
                Ok(mode) if mode & 0o600 == 0o600 => Self::Exactly(mode & 0o666),
                Ok(_) | Err(_) => Self::Umask,
            },
        }
    }

    /// The mode of a file or directory that has `mode` now.
    fn adjusted(self, mode: u32, is_directory: bool) -> u32 {
        let bits = match self {
            Self::Umask => return mode,
            Self::AtLeast(bits) | Self::Exactly(bits) => bits,
        };
        let writable = if mode & 0o200 == 0 { bits & !0o222 } else { bits };
        let tweak = if mode & 0o100 == 0 { writable } else { writable | (writable & 0o444) >> 2 };
        let new = match self {
            Self::Exactly(_) => (mode & !0o777) | tweak,
            Self::Umask | Self::AtLeast(_) => mode | tweak,
        };
        if is_directory { new | (new & 0o444) >> 2 | 0o2000 } else { new }
    }

    /// Gives a file or directory its mode. Best effort: only its owner can.
    pub(super) fn adjust(self, path: &Path) {
        if self == Self::Umask {
            return;
        }
        let Ok(meta) = fs::symlink_metadata(path).map(|meta| (meta.permissions().mode(), meta.file_type())) else {
            return;
        };
        let (mode, kind) = meta;
        let new = self.adjusted(mode, kind.is_dir());
        if !kind.is_symlink() && new != mode {
            let _of_another_user = fs::set_permissions(path, Permissions::from_mode(new & 0o7777));
        }
    }

    /// Gives the files of refs, their logs and all directories that hold them their modes.
    pub(super) fn adjust_refs(self, git_dir: &Path, names: impl IntoIterator<Item = String>) {
        if self == Self::Umask {
            return;
        }
        self.adjust(&git_dir.join("packed-refs"));
        for name in names {
            for root in [git_dir.to_path_buf(), git_dir.join("logs")] {
                let file = root.join(&name);
                let above = file.ancestors().take_while(|path| *path != root).map(Path::to_path_buf);
                above.collect::<Vec<PathBuf>>().iter().for_each(|path| self.adjust(path));
                if root.ends_with("logs") {
                    self.adjust(&root);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_those_that_git_would_give() {
        let adjusted = |value: &str, mode, is_directory| Sharing::parse(value).adjusted(mode, is_directory);
        assert_eq!(adjusted("group", 0o100_600, false), 0o100_660);
        assert_eq!(adjusted("group", 0o100_400, false), 0o100_440);
        assert_eq!(adjusted("true", 0o040_700, true), 0o042_770);
        assert_eq!(adjusted("all", 0o100_444, false), 0o100_444);
        assert_eq!(adjusted("everybody", 0o040_700, true), 0o042_775);
        assert_eq!(adjusted("0640", 0o100_644, false), 0o100_640);
        assert_eq!(adjusted("0640", 0o040_755, true), 0o042_750);
        assert_eq!(adjusted("umask", 0o100_600, false), 0o100_600);
    }
}
