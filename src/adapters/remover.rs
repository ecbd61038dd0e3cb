//! The one owner of what attempts and gates leave behind: it is set aside at once and removed later.
//!
//! Setting aside is a rename, so a path is free the moment its user has ended, however much lies below it. One thread
//! removes what was set aside, in the order in which it came. Invariants: a directory is removed by one owner, once
//! (whoever removes holds a lock on the place of what was set aside); a path that is gone already is no error. What is
//! left when the run ends is removed by whoever calls [`remove_set_aside`], or by the next run.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FlockOperation, flock};

use super::removal::remove_or_move_until;

/// Where things are set aside, below the goal's directory.
pub const SET_ASIDE: &str = "discarded";
/// Where things go of which something cannot be removed, below the goal's directory: there they hold nobody up.
pub const UNREMOVABLE: &str = "unremovable";

/// Sets things aside and removes them. Clones share the thread, which ends with the last of them.
#[derive(Clone, Debug)]
pub struct Remover {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    places: Places,
    next: AtomicU64,
    /// The way to the thread, once it is needed.
    thread: Mutex<Option<Sender<PathBuf>>>,
    halted: Arc<AtomicBool>,
}

/// Where things go.
#[derive(Clone, Debug)]
struct Places {
    aside: PathBuf,
    unremovable: PathBuf,
}

impl Places {
    fn of(goal_directory: &Path) -> Self {
        Self { aside: goal_directory.join(SET_ASIDE), unremovable: goal_directory.join(UNREMOVABLE) }
    }
}

impl Remover {
    /// A remover for one goal; used by the holder of the goal's lock alone. Touches nothing yet.
    pub fn new(goal_directory: &Path) -> Self {
        let inner = Inner {
            places: Places::of(goal_directory),
            next: AtomicU64::new(1),
            thread: Mutex::new(None),
            halted: Arc::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Takes a path, whatever it is, out of the way and has it removed. Blocks for as long as a rename takes. A path
    /// that is not there is no error.
    pub fn set_aside(&self, path: &Path) -> io::Result<()> {
        let is_gone = || fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
        while !is_gone() {
            let place = self.inner.free_place()?;
            match rename(path, &place.join(path.file_name().unwrap_or(OsStr::new("it")))) {
                Ok(()) => {
                    self.inner.hand_over(place);
                    break;
                }
                // It is gone already, or the place is: whoever removes what an earlier run left takes an empty one too.
                Err(error) if error.kind() == ErrorKind::NotFound => drop(fs::remove_dir(&place)),
                Err(error) => {
                    drop(fs::remove_dir(&place));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Lets the thread end soon: the run is over. What it leaves is left to [`remove_set_aside`].
    pub fn halt(&self) {
        self.inner.halted.store(true, Ordering::Relaxed);
    }
}

impl Inner {
    /// A new directory in the place of what was set aside.
    fn free_place(&self) -> io::Result<PathBuf> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.places.aside)?;
        loop {
            let place = self.places.aside.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
            match DirBuilder::new().mode(0o700).create(&place) {
                // An earlier run has left it.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return made.map(|()| place),
            }
        }
    }

    /// Gives something that was set aside to the thread. Without a thread it stays until the run is over.
    fn hand_over(&self, place: PathBuf) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = thread.get_or_insert_with(|| {
            let (sender, receiver) = mpsc::channel();
            let (places, halted) = (self.places.clone(), Arc::clone(&self.halted));
            let started = std::thread::Builder::new()
                .name("omk-remover".to_owned())
                .spawn(move || work(&places, &receiver, &halted));
            if let Err(error) = started {
                tracing::warn!(%error, "what attempts leave is removed when the run is over");
            }
            sender
        });
        let _removed_when_the_run_is_over = sender.send(place);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.halted.store(true, Ordering::Relaxed);
    }
}

/// The thread: removes what an earlier run left, then what it is given, until it is halted.
fn work(places: &Places, given: &Receiver<PathBuf>, halted: &AtomicBool) {
    let _one_at_a_time = lock(&places.aside);
    let left = listed(&places.aside).into_iter();
    for place in left.chain(given.iter()) {
        if halted.load(Ordering::Relaxed) {
            return;
        }
        match remove(&place, places, halted) {
            Err(error) if !halted.load(Ordering::Relaxed) => {
                tracing::warn!(place = %place.display(), %error, "something that was set aside was not removed");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// Removes all that was set aside below a goal's directory, after whoever else removes it has ended. What cannot be
/// removed is moved to the unremovable things. Anybody may call it at any time; it blocks as long as it takes.
pub fn remove_set_aside(goal_directory: &Path) -> io::Result<()> {
    let places = Places::of(goal_directory);
    let _one_at_a_time = lock(&places.aside);
    let removed: Vec<_> =
        listed(&places.aside).iter().map(|place| remove(place, &places, &AtomicBool::new(false))).collect();
    removed.into_iter().collect()
}

/// Whether something was set aside below a goal's directory and is still there.
pub fn is_anything_set_aside(goal_directory: &Path) -> bool {
    !listed(&Places::of(goal_directory).aside).is_empty()
}

/// Removes one place of something that was set aside.
fn remove(place: &Path, places: &Places, halted: &AtomicBool) -> io::Result<()> {
    for path in listed(place) {
        if let Some(stays) = remove_or_move_until(&path, &places.unremovable, halted)? {
            tracing::warn!(place = %stays.display(), "something in a directory cannot be removed");
        }
    }
    match fs::remove_dir(place) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Waits for the lock on a directory. Without one (it is not there, the file system has none) nobody is kept out.
fn lock(directory: &Path) -> Option<File> {
    let file = File::open(directory).ok()?;
    flock(&file, FlockOperation::LockExclusive).ok()?;
    Some(file)
}

fn listed(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Renames a path. A directory that moves to another parent has to be writable itself, and so has the one it leaves.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            for directory in from.parent().into_iter().chain([from]) {
                if fs::symlink_metadata(directory).is_ok_and(|found| found.is_dir()) {
                    fs::set_permissions(directory, Permissions::from_mode(0o700))?;
                }
            }
            fs::rename(from, to)
        }
        renamed => renamed,
    }
}
