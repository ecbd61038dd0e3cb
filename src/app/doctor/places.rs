//! The state directory, what confines and holds processes, and the programs of forges: looked at, not used.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::adapters::machine::{Storage, durable_write, storage};
use crate::adapters::sandbox;
use crate::app::config::Variables;
use crate::app::doctor::report::{Check, Topic, Verdict};
use crate::app::surroundings::MOUNT;
use crate::process::containment::{adopts_orphans, group_directory, own_proc};

/// Below this much free space a run may not reach its end.
const LEAST_BYTES: u64 = 100 << 20;
/// Below this much free space a few worktrees with what is built in them fill the disk.
const FEW_BYTES: u64 = 2 << 30;
/// The same of files.
const LEAST_FILES: u64 = 1_000;
const FEW_FILES: u64 = 50_000;
/// File systems that are gone with the machine's power.
const FLEETING: [&str; 2] = ["tmpfs", "ramfs"];
/// File systems over a network or through another program.
const REMOTE: [&str; 5] = ["nfs", "cifs", "smb", "9p", "fuse"];
/// Programs of forges, the variables that hold their tokens, and the file below the configuration that does.
const FORGES: [(&str, &[&str], &str); 2] = [
    ("gh", &["GH_TOKEN", "GITHUB_TOKEN"], "gh/hosts.yml"),
    ("glab", &["GITLAB_TOKEN", "GITLAB_ACCESS_TOKEN"], "glab-cli/config.yml"),
];

/// The state directory: whether it can be written, durably, and what room it has.
pub(super) fn state(dir: &Path) -> Vec<Check> {
    let check = |name, verdict, found: String| Check::new(Topic::State, name, verdict, found);
    let elsewhere = "name another one: --state-dir DIR, or $OMK_STATE_DIR";
    let place = match storage(dir) {
        Ok(place) => place,
        Err(problem) => return vec![check("directory", Verdict::Failed, problem).with_help(elsewhere)],
    };
    let made = if place.dir == dir { "" } else { ", to be made" };
    let written = match durable_write(&place.dir) {
        Ok(took) => {
            check("directory", Verdict::Ok, format!("{}{made}; written and synced in {took:.1?}", dir.display()))
        }
        Err(error) => {
            let found = format!("{}: nothing can be written durably: {error}", place.dir.display());
            check("directory", Verdict::Failed, found).with_help(elsewhere)
        }
    };
    vec![written, system(&place, elsewhere), room(&place)]
}

fn system(place: &Storage, elsewhere: &str) -> Check {
    let check = |verdict, found: String| Check::new(Topic::State, "file system", verdict, found);
    let kind = &place.kind;
    if FLEETING.contains(&kind.as_str()) {
        return check(Verdict::Warning, format!("{kind}: goals are gone when the machine restarts"))
            .with_help(elsewhere);
    }
    if REMOTE.contains(&kind.as_str()) {
        let found = format!("{kind}: locks and durable writes may not hold there");
        return check(Verdict::Warning, found).with_help(elsewhere);
    }
    check(Verdict::Ok, kind.clone())
}

fn room(place: &Storage) -> Check {
    let files = place.free_files.map(|files| format!(", {files} files")).unwrap_or_default();
    let found = format!("{} MB{files} free", place.free_bytes / 1_000_000);
    let files = place.free_files.unwrap_or(u64::MAX);
    let check = |verdict| Check::new(Topic::State, "room", verdict, found.clone());
    let help = "`omk goal gc` removes what no goal needs";
    match (place.free_bytes, files) {
        (..LEAST_BYTES, _) | (_, ..LEAST_FILES) => check(Verdict::Failed).with_help(help),
        (..FEW_BYTES, _) | (_, ..FEW_FILES) => check(Verdict::Warning).with_help(help),
        (_, _) => check(Verdict::Ok),
    }
}

/// What runs get of confinement, and what holds their processes together.
pub(super) fn sandbox() -> Vec<Check> {
    let check = |name, verdict, found: String| Check::new(Topic::Sandbox, name, verdict, found);
    let level = sandbox::probe().as_str();
    let in_force = format!("{level}: this version has no confinement, agents and gates run with your rights");
    let bubblewrap = match sandbox::bubblewrap() {
        Ok(version) => format!("{version}; not used in this version"),
        Err(problem) => format!("{problem}; not used in this version"),
    };
    let namespaces = match sandbox::user_namespaces() {
        Ok(()) => "users may make their own".to_owned(),
        Err(problem) => format!("users may not make their own: {problem}"),
    };
    let processes = match own_proc() {
        Ok(()) => check("processes", Verdict::Ok, "seen in /proc, and ended by what it shows".to_owned()),
        Err(problem) => {
            let found = format!("{problem}: no process could be found and ended");
            check("processes", Verdict::Failed, found).with_help(MOUNT)
        }
    };
    let orphans = match adopts_orphans() {
        Ok(()) => check("orphans", Verdict::Ok, "come to omk, which ends them".to_owned()),
        Err(error) => check("orphans", Verdict::Failed, format!("omk cannot be their parent: {error}")),
    };
    let groups = match group_directory() {
        Some(dir) => check("control groups", Verdict::Ok, format!("one for each agent and gate, in {}", dir.display())),
        None => {
            check("control groups", Verdict::Note, "none can be made here; keepers hold processes without".to_owned())
        }
    };
    vec![
        check("in force", Verdict::Note, in_force),
        processes,
        orphans,
        groups,
        check("bubblewrap", Verdict::Note, bubblewrap),
        check("namespaces", Verdict::Note, namespaces),
    ]
}

/// Programs of forges: whether they are there and hold a login. Nobody is asked.
pub(super) fn forge(variables: &Variables) -> Vec<Check> {
    let value = |name: &str| variables.get(&OsString::from(name)).filter(|value| !value.is_empty());
    let path = |name: &str| value(name).map(PathBuf::from);
    let configuration = path("XDG_CONFIG_HOME").or_else(|| path("HOME").map(|home| home.join(".config")));
    let directories: Vec<_> = value("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let look = |(program, tokens, file): (&'static str, &[&str], &str)| {
        let check = |found: String| Check::new(Topic::Forge, program, Verdict::Note, found);
        let Some(found) = directories.iter().map(|dir: &PathBuf| dir.join(program)).find(|file| file.is_file()) else {
            return check("not installed, and not needed: results are local branches".to_owned());
        };
        let token = tokens.iter().find(|name| value(name).is_some()).map(|name| format!("a token in ${name}"));
        let login = configuration.as_ref().map(|dir| dir.join(file)).filter(|file| file.is_file());
        let login = token.or_else(|| login.map(|file| format!("a login in {}", file.display())));
        let login = login.unwrap_or_else(|| "no login".to_owned());
        check(format!("{}, {login}; not asked: results are local branches", found.display()))
    };
    FORGES.map(look).to_vec()
}
