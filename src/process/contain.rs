//! Control groups: where one can be made, and what is in it.
//!
//! A process can leave its group, its session and its parent; it cannot leave its control group unless it may write
//! there. Where the system gives us a writable one, each tree gets its own; its members are found and killed whoever
//! their parents are. Where none is given, containment is the keeper's alone. Formats: proc(5), cgroups(7), and the
//! kernel's cgroup-v2 document.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::orphans::start_of;

/// How the directories of our groups begin.
const PREFIX: &str = "omk.";
/// How long a group may take to become empty after SIGKILL.
const RESISTS: Duration = Duration::from_secs(5);
/// How many names are tried for a new group.
const TRIES: u32 = 100;
/// The most groups within one that are looked at.
const MOST: usize = 1000;
/// Hierarchies of version 1, the best first: any of them tells members; none limits what it is not told to limit.
const FIRST: [&str; 3] = ["freezer", "pids", "cpuacct"];

/// One control group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    dir: PathBuf,
}

impl Group {
    /// The group of a directory that exists.
    pub(super) fn at(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Makes a new group for a tree that this process starts for `owner`, where the system allows it.
    pub(super) fn make(owner: &str) -> Option<Self> {
        let place = place()?;
        for _ in 0..TRIES {
            let dir = place.join(name(owner));
            match fs::create_dir(&dir) {
                Ok(()) => return Some(Self { dir }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// Whether a directory of this name is the group of a tree that was started for `owner`, by whatever process.
    pub(super) fn is_of(name: &str, owner: &str) -> bool {
        let whose = name.strip_prefix(PREFIX).and_then(|name| name.splitn(3, '.').nth(2));
        whose == Some(owner)
    }

    /// Its directory.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Lets a program enter the group before its first instruction. One that cannot runs outside; its keeper has it.
    pub(super) fn admit(&self, command: &mut Command) {
        let Ok(members) = fs::OpenOptions::new().write(true).open(self.dir.join("cgroup.procs")) else { return };
        #[expect(unsafe_code, reason = "a child enters its group between fork and exec")]
        // SAFETY: the closure makes one write to an open descriptor, which is async-signal-safe, and allocates nothing.
        unsafe {
            command.pre_exec(move || {
                let _outside_then = rustix::io::write(&members, b"0");
                Ok(())
            });
        }
    }

    /// The processes in it and in the groups that they made within it.
    pub(super) fn members(&self) -> Vec<Pid> {
        let texts = within(&self.dir).into_iter().map(|dir| listed(&dir));
        texts
            .flat_map(|text| {
                text.lines().filter_map(|line| Pid::from_raw(line.trim().parse().ok()?)).collect::<Vec<_>>()
            })
            .collect()
    }

    /// Whether the calling process is in it, and in no group within.
    pub(super) fn holds_this_process(&self) -> bool {
        let own = std::process::id().to_string();
        listed(&self.dir).lines().any(|line| line.trim() == own)
    }

    /// Whether somebody in it cannot be named here: it belongs to another container, whatever its own name says.
    pub(super) fn is_foreign(&self) -> bool {
        within(&self.dir).iter().any(|dir| listed(dir).lines().any(|line| line.trim() == "0"))
    }

    /// Kills what is in it, until it is empty or resists too long; says whether it is empty.
    pub(super) fn kill(&self) -> bool {
        let deadline = Instant::now() + RESISTS;
        let mut pause = Duration::from_micros(250);
        loop {
            let _only_version_2_has_it = fs::write(self.dir.join("cgroup.kill"), "1");
            let members = self.members();
            for pid in &members {
                let _gone_meanwhile = kill_process(*pid, Signal::KILL);
            }
            if members.is_empty() || Instant::now() >= deadline {
                return members.is_empty();
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Removes it with all within it, empty as they should be. A zombie that nobody has reaped yet keeps it for a moment.
    pub(super) fn remove(&self) -> io::Result<()> {
        let mut tries = 0;
        loop {
            let inner = within(&self.dir).into_iter().skip(1).rev();
            inner.for_each(|dir| drop(fs::remove_dir(dir)));
            match fs::remove_dir(&self.dir) {
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::BUSY.raw_os_error()) && tries < 20 => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(1));
                }
                result => return result,
            }
        }
    }
}

/// A new name for a group: `omk.<pid>.<start>-<number>.<owner>`. The process id comes again, in a container at every
/// start; the moment of the start does not.
fn name(owner: &str) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    static START: OnceLock<u64> = OnceLock::new();
    let pid = std::process::id();
    let start = START.get_or_init(|| start_of(pid));
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{pid}.{start}-{number}.{owner}")
}

fn listed(dir: &Path) -> String {
    fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default()
}

/// A directory and all below it, the outer ones first; bounded.
fn within(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![dir.to_owned()];
    let mut next = 0;
    while next < found.len() && found.len() < MOST {
        let entries = fs::read_dir(&found[next]).into_iter().flatten().flatten();
        found.extend(entries.filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()));
        next += 1;
    }
    found
}

/// Where groups of this process can be made; looked up once.
pub(super) fn place() -> Option<&'static PathBuf> {
    static PLACE: OnceLock<Option<PathBuf>> = OnceLock::new();
    PLACE.get_or_init(|| find_place(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"), works)).as_ref()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Whether a group can be made, entered and removed below a directory: a process of ours is let in and out again.
fn works(parent: &Path) -> bool {
    let group = Group { dir: parent.join(name("probe")) };
    if fs::create_dir(&group.dir).is_err() {
        return false;
    }
    let mut probe = Command::new("/bin/sh");
    probe.args(["-c", "exec cat"]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
    group.admit(&mut probe);
    let entered = probe.spawn().is_ok_and(|mut child| {
        let inside = Pid::from_raw(child.id().cast_signed()).is_some_and(|pid| group.members().contains(&pid));
        drop(child.stdin.take());
        let _reaped = child.wait();
        inside
    });
    group.remove().is_ok() && entered
}

/// The first directory of the caller's own control groups in which `works` succeeds: version 2 (also beside version 1),
/// then the hierarchies of version 1.
fn find_place(mountinfo: &str, own: &str, works: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let mounts: Vec<Mount<'_>> = mountinfo.lines().filter_map(Mount::parse).collect();
    let of = |controller: &str| own_path(own, controller);
    let unified = mounts.iter().filter(|mount| mount.kind == "cgroup2").filter_map(|mount| mount.below(of("")?));
    let first = FIRST.iter().flat_map(|controller| {
        let mounts = mounts.iter().filter(|m| m.kind == "cgroup" && m.options.split(',').any(|o| o == *controller));
        mounts.filter_map(|mount| mount.below(of(controller)?))
    });
    unified.chain(first).find(|dir| works(dir))
}

/// The caller's own path in a hierarchy: `""` is version 2. Lines are `id:controllers:path`.
fn own_path<'a>(own: &'a str, controller: &str) -> Option<&'a str> {
    own.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let ours = if controller.is_empty() {
            controllers.is_empty()
        } else {
            controllers.split(',').any(|c| c == controller)
        };
        ours.then_some(path)
    })
}

/// A line of mountinfo.
struct Mount<'a> {
    root: &'a str,
    point: &'a str,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    /// `36 35 98:0 /root /point rw,noatime [tags…] - type source options`.
    fn parse(line: &'a str) -> Option<Self> {
        let (head, tail) = line.split_once(" - ")?;
        let mut head = head.split(' ').skip(3);
        let mut tail = tail.split(' ');
        let (root, point) = (head.next()?, head.next()?);
        let kind = tail.next()?;
        Some(Self { root, point, kind, options: tail.nth(1)? })
    }

    /// The directory of a path of this hierarchy; `None` where it is mounted nowhere that we see.
    fn below(&self, path: &str) -> Option<PathBuf> {
        let inside = Path::new(path).strip_prefix(self.root).ok()?;
        let point = Path::new(self.point);
        Some(if inside.as_os_str().is_empty() { point.to_owned() } else { point.join(inside) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime shared:5 - cgroup cgroup rw,freezer\n\
        33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
    const HYBRID_OWN: &str = "6:freezer:/\n2:cpu,cpuacct:/batch\n0::/\n";

    fn places(mountinfo: &str, own: &str) -> Vec<String> {
        let seen = std::cell::RefCell::new(Vec::new());
        let none = find_place(mountinfo, own, |dir| {
            seen.borrow_mut().push(dir.display().to_string());
            false
        });
        assert_eq!(none, None);
        seen.into_inner()
    }

    #[test]
    fn a_hybrid_layout_offers_version_2_and_then_the_hierarchies_of_version_1() {
        let expected = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/freezer", "/sys/fs/cgroup/cpu,cpuacct/batch"];
        assert_eq!(places(HYBRID, HYBRID_OWN), expected);
    }

    #[test]
    fn version_2_alone_offers_the_own_group() {
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        let own = "0::/user.slice/user-1000.slice/session-2.scope\n";
        assert_eq!(places(mounts, own), ["/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope"]);
    }

    #[test]
    fn a_container_sees_only_what_is_below_its_root() {
        let mounts = "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        assert_eq!(places(mounts, "0::/docker/abc/job\n"), ["/sys/fs/cgroup/job"]);
        assert_eq!(places(mounts, "0::/elsewhere\n"), [""; 0]);
    }

    #[test]
    fn no_name_comes_again_and_each_says_whose_it_is() {
        let (one, two) = (name("g.1@p"), name("g.1@p"));
        assert_ne!(one, two);
        assert!(!one.contains(".0-"), "{one} does not say when its process was started");
        let whose = |name: &str| (Group::is_of(name, "g.1@p"), Group::is_of(name, "1@p"));
        assert_eq!(
            [whose(&one), whose("omk.7.0.g.1@p"), whose("omk.7.probe")],
            [(true, false), (true, false), (false, false)]
        );
    }

    #[test]
    fn a_system_without_control_groups_offers_nothing() {
        assert_eq!(places("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n", ""), [""; 0]);
    }
}
