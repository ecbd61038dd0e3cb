//! A private home of an agent: made when it is first needed, with the user's login in it.
//!
//! The login is linked, never copied, so that one that the user renews holds here too. What is there already is left
//! as it is: the home is the agent's.

use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

/// Makes `private`, and in it a link to each of the files (or directories) of `login` that `users` has.
pub(super) fn furnish(private: &Path, users: &Path, login: &[PathBuf]) -> io::Result<()> {
    directory(private)?;
    for file in login {
        let (original, link) = (users.join(file), private.join(file));
        if original.exists() {
            directory(link.parent().unwrap_or(private))?;
            may_be_there(symlink(&original, &link))?;
        }
    }
    Ok(())
}

fn directory(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn may_be_there(made: io::Result<()>) -> io::Result<()> {
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_home_has_the_users_login_and_keeps_what_is_its_own() {
        let dir = tempfile::tempdir().expect("a directory");
        let (users, private) = (dir.path().join("users"), dir.path().join("a/private"));
        std::fs::create_dir_all(users.join("credentials")).expect("a directory");
        for (file, text) in [("auth.json", "old"), ("settings", "theirs"), ("credentials/x", "key")] {
            std::fs::write(users.join(file), text).expect("a file");
        }
        let login = ["auth.json", "credentials", "gone.json", "settings"].map(PathBuf::from);
        std::fs::create_dir_all(&private).expect("a directory");
        std::fs::write(private.join("settings"), "ours").expect("a file");
        for _again in 0..2 {
            furnish(&private, &users, &login).expect("a home");
        }
        std::fs::write(users.join("auth.json"), "renewed").expect("a file");
        let read = |file: &str| std::fs::read_to_string(private.join(file)).ok();
        let found = ["auth.json", "credentials/x", "gone.json", "settings"].map(read);
        assert_eq!(found, [Some("renewed".into()), Some("key".into()), None, Some("ours".into())]);
    }
}
