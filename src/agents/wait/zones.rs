//! The time zones that this machine knows, and the one whose time an agent on it tells.
//!
//! Owns all that is read of them: `TZ`, `/etc/localtime`, the system's database, which containers often lack. Invariant:
//! a zone that cannot be read is none, never another one.

use std::ffi::OsStr;
use std::path::Path;

use jiff::tz::TimeZone;

/// The zones.
#[derive(Clone, Debug)]
pub(in crate::agents) struct Zones {
    /// The one whose time an agent tells where it names none.
    local: Option<TimeZone>,
    named: fn(&str) -> Option<TimeZone>,
}

impl Zones {
    /// Those of this machine, for a program whose variable `TZ` is this.
    pub(in crate::agents) fn of_machine(variable: Option<&OsStr>) -> Self {
        let local = match variable {
            Some(value) => value.to_str().and_then(of_variable),
            None => of_system(Path::new("/etc")),
        };
        Self { local, named: of_database }
    }

    /// The one whose time an agent tells where it names none.
    pub(super) fn local(&self) -> Option<TimeZone> {
        self.local.clone()
    }

    /// The one of this name; `UTC` needs no database.
    pub(super) fn named(&self, name: &str) -> Option<TimeZone> {
        match name {
            "UTC" | "utc" | "GMT" | "gmt" | "Z" | "Etc/UTC" => Some(TimeZone::UTC),
            name => (self.named)(name),
        }
    }
}

/// As the C library reads `TZ`, but that it takes what it does not know for UTC.
fn of_variable(value: &str) -> Option<TimeZone> {
    match value.strip_prefix(':').unwrap_or(value) {
        "" | "UTC" => Some(TimeZone::UTC),
        path if path.starts_with('/') => of_file(Path::new(path)),
        name => of_database(name).or_else(|| TimeZone::posix(name).ok()),
    }
}

/// A system that says nothing is in UTC. One that names a zone which is not there is not.
fn of_system(etc: &Path) -> Option<TimeZone> {
    let file = etc.join("localtime");
    let says_nothing = file.symlink_metadata().is_err() && !etc.join("timezone").exists();
    if says_nothing { Some(TimeZone::UTC) } else { of_file(&file) }
}

fn of_file(path: &Path) -> Option<TimeZone> {
    TimeZone::tzif("local", &std::fs::read(path).ok()?).ok()
}

fn of_database(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

#[cfg(test)]
impl Zones {
    /// A machine in a zone that is told by its rules, as `TZ` has them, which knows these too.
    pub(in crate::agents) fn at(rules: &str, named: fn(&str) -> Option<TimeZone>) -> Self {
        Self { local: Some(TimeZone::posix(rules).expect("rules of a zone")), named }
    }

    /// A machine that knows no zone.
    pub(in crate::agents) fn unknown() -> Self {
        Self { local: None, named: |_| None }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A zone's file as `zic` compiles it: nothing but its rules.
    fn file(rules: &str) -> Vec<u8> {
        // A version, fifteen reserved bytes, then six counts: one type, one abbreviation of four bytes.
        let header = [&b"TZif2"[..], &[0; 15], &[0, 0, 0, 0].repeat(4), &[0, 0, 0, 1, 0, 0, 0, 4]].concat();
        let data = [0, 0, 0, 0, 0, 0, b'U', b'T', b'C', 0];
        [&header, &data[..], &header, &data[..], b"\n", rules.as_bytes(), b"\n"].concat()
    }

    #[test]
    fn a_system_that_names_a_zone_which_cannot_be_read_is_in_none() {
        let etc = tempfile::tempdir().expect("a directory");
        let path = |name: &str| etc.path().join(name);
        assert_eq!(of_system(etc.path()), Some(TimeZone::UTC));
        std::fs::write(path("timezone"), "Europe/Berlin\n").expect("a file");
        assert_eq!(of_system(etc.path()), None);
        symlink("/nowhere/zoneinfo/Europe/Berlin", path("localtime")).expect("a link");
        std::fs::remove_file(path("timezone")).expect("removed");
        assert_eq!(of_system(etc.path()), None);
        std::fs::remove_file(path("localtime")).expect("removed");
        std::fs::write(path("localtime"), "no zone").expect("a file");
        assert_eq!(of_system(etc.path()), None);
        std::fs::write(path("localtime"), file("EST5")).expect("a file");
        let offset = of_system(etc.path()).expect("a zone").to_offset(jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(offset.seconds(), -18_000);
    }

    #[test]
    fn the_variable_is_a_name_rules_a_file_or_nothing() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("zone");
        std::fs::write(&path, file("CET-1")).expect("a file");
        let path = path.to_str().expect("text");
        let hours = |value: &str| {
            let zone = Zones::of_machine(Some(OsStr::new(value))).local()?;
            Some(zone.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds() / 3600)
        };
        for (value, expected) in [
            ("", Some(0)),
            (":", Some(0)),
            ("UTC", Some(0)),
            ("EST5", Some(-5)),
            (path, Some(1)),
            (&format!(":{path}"), Some(1)),
            ("/nowhere", None),
            ("Nowhere/AtAll", None),
        ] {
            assert_eq!(hours(value), expected, "{value}");
        }
    }

    #[test]
    fn utc_needs_no_database() {
        let zones = Zones::unknown();
        assert_eq!(["UTC", "GMT", "Etc/UTC"].map(|name| zones.named(name)), [const { Some(TimeZone::UTC) }; 3]);
        assert_eq!(zones.named("Europe/Berlin"), None);
    }
}
