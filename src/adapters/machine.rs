//! What the machine gives: room on a disk, whether what is written there stays, memory.
//!
//! Looks, and writes one small file that it removes again. Judges nothing.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a write has to survive: one block.
const BLOCK: [u8; 4096] = [b'.'; 4096];
/// File systems by the number that they are known by; statfs(2).
const KINDS: &[(u64, &str)] = &[
    (0xef53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x2fc1_2fc1, "zfs"),
    (0xf2f5_2010, "f2fs"),
    (0xca45_1a4e, "bcachefs"),
    (0x794c_7630, "overlay"),
    (0x0102_1994, "tmpfs"),
    (0x8584_58f6, "ramfs"),
    (0x6969, "nfs"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb"),
    (0x0102_1997, "9p"),
    (0x6573_5546, "fuse"),
    (0x4d44, "vfat"),
    (0x2011_bab0, "exfat"),
];

/// A directory as a place for files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// The directory that was looked at: the nearest that is there.
    pub dir: PathBuf,
    /// The file system, by name, or by its number.
    pub kind: String,
    /// What an ordinary user can still write, in bytes.
    pub free_bytes: u64,
    /// How many files can still be made; `None` where the file system has no such limit.
    pub free_files: Option<u64>,
}

/// Looks at the place of a directory, which need not be there yet.
pub fn storage(dir: &Path) -> Result<Storage, String> {
    let near = dir.ancestors().find(|dir| dir.exists()).unwrap_or(dir);
    if !near.is_dir() {
        return Err(format!("{} is no directory", near.display()));
    }
    let shown = |error: rustix::io::Errno| format!("{}: {error}", near.display());
    let space = rustix::fs::statvfs(near).map_err(shown)?;
    let kind = rustix::fs::statfs(near).map_err(shown)?.f_type.cast_unsigned();
    let known = KINDS.iter().find(|(number, _)| *number == kind).map(|(_, name)| (*name).to_owned());
    Ok(Storage {
        dir: near.to_owned(),
        kind: known.unwrap_or_else(|| format!("file system {kind:#x}")),
        free_bytes: space.f_bavail.saturating_mul(space.f_frsize),
        free_files: (space.f_files > 0).then_some(space.f_favail),
    })
}

/// Writes a file into a directory, makes it durable, removes it again; how long the write took to be durable.
pub fn durable_write(dir: &Path) -> std::io::Result<Duration> {
    let mut file = tempfile::Builder::new().prefix(".omk-doctor-").tempfile_in(dir)?;
    file.write_all(&BLOCK)?;
    let since = Instant::now();
    file.as_file().sync_all()?;
    std::fs::File::open(dir)?.sync_all()?;
    Ok(since.elapsed())
}

/// The memory that programs can still get, in bytes; `None` where the system does not say.
pub fn available_memory() -> Option<u64> {
    memory_of(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn memory_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_programs_can_still_get() {
        assert_eq!(memory_of("MemTotal: 9 kB\nMemAvailable:    2048 kB\nBuffers: 1 kB\n"), Some(2 << 20));
        assert_eq!(memory_of("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn a_place_that_is_not_there_yet_is_that_of_its_nearest_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let found = storage(&dir.path().join("not/there")).expect("a place");
        assert_eq!(found.dir, dir.path());
        assert!(found.free_bytes > 0 && !found.kind.is_empty());
        durable_write(dir.path()).expect("a write");
        assert_eq!(dir.path().read_dir().expect("a directory").count(), 0);
    }
}
