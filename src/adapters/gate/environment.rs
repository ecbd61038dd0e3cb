//! The environment of a gate: cleared, then a few variables.
//!
//! What is not set here is not there, `GIT_*` and an outer cargo's `CARGO_*` and `RUSTFLAGS` among it. Its hash is
//! comparable between runs: paths of the run's own place are written as `<gate>`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::hash::content_hash;
use super::place::Place;
use crate::domain::ids::ContentHash;

/// Variables of the user's environment that gates see where they are set: where tools and their caches are, and the
/// way to the network.
const KEPT: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOROOT",
    "GOCACHE",
    "GOMODCACHE",
    "JAVA_HOME",
    "XDG_CACHE_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];
/// Where no `PATH` is set.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What gates see of the user's environment.
pub(super) fn kept(host: &BTreeMap<OsString, OsString>) -> impl Iterator<Item = (OsString, OsString)> {
    let mut all = BTreeMap::from([(OsString::from("PATH"), OsString::from(DEFAULT_PATH))]);
    let kept = KEPT.iter().filter_map(|name| host.get_key_value(OsStr::new(name)));
    all.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    all.into_iter()
}

/// The variables of a run, sorted by name.
pub(super) fn gate_environment(host: &BTreeMap<OsString, OsString>, place: &Place) -> Vec<(OsString, OsString)> {
    let mut all: BTreeMap<_, _> = kept(host).collect();
    let own = [
        ("LANG", OsString::from("C.UTF-8")),
        ("TERM", "dumb".into()),
        ("CI", "true".into()),
        ("NO_COLOR", "1".into()),
        ("TMPDIR", place.tmp().into_os_string()),
        ("CARGO_TARGET_DIR", place.target().into_os_string()),
    ];
    all.extend(own.map(|(name, value)| (OsString::from(name), value)));
    all.into_iter().collect()
}

/// SHA-256 over `NAME=value` and a zero byte for each variable, in order, the run's own paths written as `<gate>`.
pub(super) fn hash_environment(environment: &[(OsString, OsString)], place: &Place) -> ContentHash {
    let mut text = Vec::new();
    for (name, value) in environment {
        text.extend_from_slice(name.as_encoded_bytes());
        text.push(b'=');
        match Path::new(value).strip_prefix(place.root()) {
            Ok(below) => {
                text.extend_from_slice(b"<gate>/");
                text.extend_from_slice(below.as_os_str().as_encoded_bytes());
            }
            Err(_) => text.extend_from_slice(value.as_encoded_bytes()),
        }
        text.push(0);
    }
    content_hash(&text)
}
