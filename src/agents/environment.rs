//! Which of the user's variables an agent sees.
//!
//! An allow-list: what is not named here stays outside, `GIT_*`, `CARGO_*` of an outer cargo, tokens and
//! `SSH_AUTH_SOCK` among it. The user's configuration can name more.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Variables that are passed on, by name.
const NAMES: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOROOT",
    "GOCACHE",
    "GOMODCACHE",
    "JAVA_HOME",
    "NODE_EXTRA_CA_CERTS",
    "NVM_DIR",
    "PYENV_ROOT",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
];
/// Variables that are passed on, by the beginning of their name.
const PREFIXES: &[&str] = &["LC_", "XDG_"];

/// The part of an environment that agents get; the rest is held back for those whose profile names more.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AgentEnvironment {
    variables: BTreeMap<OsString, OsString>,
    held_back: BTreeMap<OsString, OsString>,
}

impl AgentEnvironment {
    /// Picks from `host` what is on the list or among `also`, names that the user has allowed.
    pub fn pick(host: impl IntoIterator<Item = (OsString, OsString)>, also: &[String]) -> Self {
        let allowed = |name: &str| {
            NAMES.contains(&name) || PREFIXES.iter().any(|p| name.starts_with(p)) || also.iter().any(|a| a == name)
        };
        let (variables, held_back) = host.into_iter().partition(|(name, _)| name.to_str().is_some_and(allowed));
        Self { variables, held_back }
    }

    /// The environment with what else `patterns` allow: names, or beginnings of names with a `*` behind them.
    #[must_use]
    pub fn allowing(&self, patterns: &[String]) -> Self {
        let allowed = |name: &str| {
            patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == pattern,
            })
        };
        let mut more = self.clone();
        let released = self.held_back.iter().filter(|(name, _)| name.to_str().is_some_and(allowed));
        more.variables.extend(released.map(|(name, value)| (name.clone(), value.clone())));
        more
    }

    /// A variable's value.
    pub fn value(&self, name: &str) -> Option<&OsString> {
        self.variables.get(&OsString::from(name))
    }

    /// All of it, with `more` on top.
    pub fn with<N: Into<OsString>>(&self, more: impl IntoIterator<Item = (N, OsString)>) -> Vec<(OsString, OsString)> {
        let mut all = self.variables.clone();
        all.extend(more.into_iter().map(|(name, value)| (name.into(), value)));
        all.into_iter().collect()
    }
}

impl std::fmt::Debug for AgentEnvironment {
    /// Names only: values are the user's secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_or_allowed_is_passed_on() {
        let host = [("PATH", "/bin"), ("LC_ALL", "C"), ("GIT_DIR", "/x"), ("TOKEN", "t"), ("SSH_AUTH_SOCK", "s")];
        let host = host.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let picked = AgentEnvironment::pick(host, &["TOKEN".to_owned()]).with([("OMK_ATTEMPT", "1".into())]);
        let names: Vec<_> = picked.iter().map(|(name, _)| name.to_str().expect("text")).collect();
        assert_eq!(names, ["LC_ALL", "OMK_ATTEMPT", "PATH", "TOKEN"]);
    }
    #[test]
    fn a_profile_lets_out_what_it_names_and_nothing_else() {
        let host = [("PATH", "/bin"), ("KIMI_A", "1"), ("KIMI_B", "2"), ("KEY", "3"), ("KEYS", "4")];
        let host = host.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let picked = AgentEnvironment::pick(host, &[]);
        let none: [(&str, OsString); 0] = [];
        assert_eq!(picked.with(none.clone()).len(), 1);
        let more = picked.allowing(&["KIMI_*".to_owned(), "KEY".to_owned()]).with(none);
        let names: Vec<_> = more.iter().map(|(name, _)| name.to_str().expect("text")).collect();
        assert_eq!(names, ["KEY", "KIMI_A", "KIMI_B", "PATH"]);
        assert_eq!(format!("{picked:?}"), r#"{"PATH"}"#);
    }
}
