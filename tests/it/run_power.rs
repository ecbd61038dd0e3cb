//! A loss of power on the real program: repository and state lie on a file system in a file, which is copied after each
//! record of a run. Each copy is what a machine that stopped at that moment finds: mounted and resumed, the goal becomes
//! the undisturbed one, and nothing that its journal names is lost.
//!
//! A sample of the copies is resumed; all of them with `OMK_POWER_EVERY=1`. Needs the right to mount file systems.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::orphan::names;
use crate::support::scene::{Scene, Session, slice, until};

/// How many of the copies are resumed without being asked for more.
const SAMPLE: usize = 8;

/// Three slices: one comes after another, two change one file, and one makes more objects than are synced one by one.
fn plan() -> String {
    let one =
        slice("one", "writes = [\"one.txt\"]\nmerges = [\"a.txt\"]", "sed -i s/alpha/one/ a.txt; echo 1 > one.txt");
    let many = "cat one.txt > two.txt; mkdir many; for i in $(seq 150); do echo $i > many/$i; done";
    let two = slice("two", "after = [\"one\"]\nwrites = [\"two.txt\", \"many/**\"]", many);
    let three =
        slice("three", "writes = [\"three.txt\"]\nmerges = [\"a.txt\"]", "sed -i s/gamma/3/ a.txt; echo 3 > three.txt");
    format!("{one}{two}{three}[[gates]]\nname = \"check\"\ncommand = \"sh gate.sh\"\n")
}

/// A file system in a file, which holds the repository and the state directory of a scene while it is mounted.
struct Disk {
    scene: Scene,
}

impl Disk {
    /// A disk with the scene's repository on it; `None`, said, where this user may not mount one.
    fn new() -> Option<Self> {
        let disk = Self { scene: Scene::new() };
        fs::create_dir_all(disk.scene.place.state()).unwrap();
        fs::create_dir_all(disk.path("mounted")).unwrap();
        fs::create_dir_all(disk.path("cuts")).unwrap();
        let made = format!(
            "truncate -s 48M {image} && mkfs.ext4 -q -F -b 1024 {image} && mount -o loop {image} {mounted} && \
             mkdir {mounted}/state && cp -a {user} {mounted}/user && umount {mounted}",
            image = disk.image().display(),
            mounted = disk.path("mounted").display(),
            user = disk.scene.repo.root.display(),
        );
        let made = Command::new("unshare").args(["-m", "sh", "-c", &made]).output();
        if made.as_ref().is_ok_and(|made| made.status.success()) {
            return Some(disk);
        }
        eprintln!("SKIPPED: no file system in a file can be mounted here, so a loss of power is not tried: {made:?}");
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scene.place.path(name)
    }

    fn image(&self) -> PathBuf {
        self.path("disk.img")
    }

    /// A shell script with `image` mounted for it, in the repository.
    fn mounted(&self, image: &Path, script: &str) -> Command {
        let (state, user) = (self.scene.place.state(), &self.scene.repo.root);
        let mount = format!(
            "mount -o loop {image} {at} && mount --bind {at}/state {state} && mount --bind {at}/user {user} && \
             cd {user} || exit 99\n{script}",
            image = image.display(),
            at = self.path("mounted").display(),
            state = state.display(),
            user = user.display(),
        );
        let like = self.scene.command(&[]);
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", &mount]).env_clear();
        command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("OMK", like.get_program());
        command
    }

    /// Runs the plan, and copies the disk after each record and at the end. Returns the tree that it came to, and the
    /// copies, the earliest first.
    fn run(&self) -> (String, Vec<PathBuf>) {
        let (pid, tree) = (self.path("pid"), self.path("tree"));
        let script = format!(
            "$OMK goal run 'Do it' --until-ready --plan {plan} & echo $! > {pid}.new; mv {pid}.new {pid}; wait $!; code=$?\n\
             cp --sparse=always {image} {last}\ngit rev-parse \"omk/$(ls {state}/goals)/integration^{{tree}}\" > {tree}\n\
             exit $code",
            plan = self.scene.plan(&plan()),
            pid = pid.display(),
            image = self.image().display(),
            last = self.cut(9999).display(),
            state = self.scene.place.state().display(),
            tree = tree.display(),
        );
        let mut session = Session::start(self.mounted(&self.image(), &script), self.path("session"));
        until("the run has begun", || pid.exists() || session.has_ended());
        let omk = Pid::from_raw(fs::read_to_string(&pid).unwrap().trim().parse().unwrap()).unwrap();
        self.cut_at_each_record(omk, &mut session);
        assert_eq!(session.code(), Some(0), "{}{}", session.stdout(), session.stderr());
        let cuts = names(&self.path("cuts")).into_iter().map(|name| self.path("cuts").join(name)).collect();
        (fs::read_to_string(tree).unwrap().trim().to_owned(), cuts)
    }

    fn cut_at_each_record(&self, omk: Pid, session: &mut Session) {
        let goals = PathBuf::from(format!("/proc/{omk}/root{}/goals", self.scene.place.state().display()));
        let mut known = 0;
        while !session.has_ended() {
            let now = records(&goals);
            if now > known {
                // Nothing else is written while the copy is made. One that has ended meanwhile is not stopped.
                let _ = kill_process(omk, Signal::STOP);
                known = records(&goals).max(now);
                let copy = Command::new("cp").arg("--sparse=always").args([self.image(), self.cut(known)]).status();
                assert!(copy.unwrap().success());
                let _ = kill_process(omk, Signal::CONT);
            }
            std::thread::yield_now();
        }
    }

    fn cut(&self, records: usize) -> PathBuf {
        self.path("cuts").join(format!("{records:04}.img"))
    }

    /// Takes the goal of a copy up. Returns what came of it, without what may differ; `None` where the goal was not born.
    fn resume(&self, cut: &Path) -> Option<Resumed> {
        let script = format!(
            "goal=$(ls {state}/goals | head -n 1); journal={state}/goals/$goal/events.jsonl; [ -s $journal ] || exit 98\n\
             if ! tail -n 1 $journal | grep -q '\"status\":\"ready\"'; then $OMK goal resume $goal || exit; fi\n\
             $OMK goal proof $goal --verify && git fsck --full --strict && cp $journal {copy} &&\n\
             git rev-parse omk/$goal/integration^{{tree}} > {tree}",
            state = self.scene.place.state().display(),
            copy = self.path("events").display(),
            tree = self.path("tree").display(),
        );
        let Output { status, stdout, stderr } = self.mounted(cut, &script).output().unwrap();
        if status.code() == Some(98) {
            return None;
        }
        let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
        assert_eq!(status.code(), Some(0), "{}: {said}", cut.display());
        let journal = fs::read_to_string(self.path("events")).unwrap();
        let tree = fs::read_to_string(self.path("tree")).unwrap().trim().to_owned();
        let lost = ["integration_lost", "slice_reopened"].map(|kind| journal.contains(&format!("\"type\":\"{kind}\"")));
        let merges = journal.matches("\"type\":\"slice_integrated\"").count();
        Some(Resumed { tree, lost, merges })
    }
}

/// What came of a goal that was resumed after a loss of power.
#[derive(Debug, PartialEq, Eq)]
struct Resumed {
    tree: String,
    /// Whether merges were lost, and captured work.
    lost: [bool; 2],
    merges: usize,
}

/// The records of the only goal's journal.
fn records(goals: &Path) -> usize {
    let journals = fs::read_dir(goals).into_iter().flatten().flatten().map(|goal| goal.path().join("events.jsonl"));
    journals
        .filter_map(|journal| fs::read(journal).ok())
        .map(|bytes| bytes.iter().filter(|&&b| b == b'\n').count())
        .sum()
}

#[test]
fn a_loss_of_power_after_any_record_costs_nothing_that_the_journal_names() {
    let Some(disk) = Disk::new() else { return };
    let (tree, cuts) = disk.run();
    let every = std::env::var("OMK_POWER_EVERY").ok().and_then(|every| every.parse().ok());
    let every = every.unwrap_or(cuts.len().div_ceil(SAMPLE)).max(1);
    // The last copy is of the moment in which `ready` was said.
    let mut tried: Vec<_> = cuts.iter().rev().step_by(every).collect();
    tried.reverse();
    let mut unborn = 0;
    for cut in &tried {
        match disk.resume(cut) {
            Some(resumed) => {
                let whole = Resumed { tree: tree.clone(), lost: [false; 2], merges: 3 };
                assert_eq!(resumed, whole, "{}", cut.display());
            }
            None => unborn += 1,
        }
    }
    eprintln!("resumed {} of {} copies; {unborn} of them had no goal yet", tried.len(), cuts.len());
    assert!(tried.len() > unborn + 1, "no copy was made of a goal at work");
}
