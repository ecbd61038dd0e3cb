//! The keeper (`omk __keeper`): holds one program and everything that it starts.
//!
//! A small single-threaded process, one per attempt and per gate run. It is the subreaper of its tree, so that a
//! daemon made by double fork and setsid still belongs to it. It ends only when the tree is empty: after the program,
//! at a kill order, or when its channel closes because `omk` is gone, however that died. It never reads the
//! program's output and ignores the signals that people and programs send to groups. Timeouts are the parent's; the one
//! clock of its own is the lease: where no order has come for that long, `omk` stands still, and the tree ends.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, set_child_subreaper, setsid};

use super::contain::Group;
use super::direct::die_with_us;
use super::inherited::heed_all;
use super::keeper_channel::KeeperChannel;
use super::program::{Ended, Exit, Order, Program, Report};
use super::tree::Tree;

/// How long the rest of a tree may take to end by itself after its program, before it is killed and named.
const SETTLES: Duration = Duration::from_millis(20);
/// How often orphans that ended while the program runs are reaped.
const REAPS: Duration = Duration::from_secs(2);
/// How often the tree is looked at between SIGTERM and SIGKILL.
const LOOKS: Duration = Duration::from_millis(5);
/// The part of a grace that is kept for SIGKILL to do its work; at most a tenth.
const LAST: Duration = Duration::from_millis(250);

/// The hidden verb. To be called first thing in `main`, before anything is parsed or any thread started; standard
/// input is the channel. Exit status 0 when the tree is empty and its end is told, 70 when the
/// keeper itself could not work.
pub fn main() -> ExitCode {
    match keep() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_nobody_to_tell) => ExitCode::from(70),
    }
}

fn keep() -> std::io::Result<()> {
    let _leader_already = setsid();
    set_child_subreaper(Some(getpid()))?;
    heed_all();
    outlive_signals();
    keep_descriptors_in();
    let mut channel = KeeperChannel::inherited()?;
    let stdio = channel.receive_stdio()?;
    let Some(Order::Start { program, lease_ms, group }) = channel.next_order() else { return Ok(()) };
    let group = group.map(Group::at);
    match start(&program, stdio, group.as_ref()) {
        Ok(root) => watch(Tree::new(root, group), Duration::from_millis(lease_ms), &mut channel),
        Err(refused) => {
            let _left_for_the_next_resume = group.as_ref().map(Group::remove);
            channel.report(&refused);
            Ok(())
        }
    }
}

/// Installs handlers that do nothing. Not "ignore": that would be inherited by the program, handlers are not.
fn outlive_signals() {
    extern "C" fn nothing(_signal: c_int) {}
    for signal in
        [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2, libc::SIGTSTP]
    {
        let handler: extern "C" fn(c_int) = nothing;
        #[expect(unsafe_code, reason = "no safe binding installs a handler without a dependency for it")]
        // SAFETY: the handler touches nothing, so it is async-signal-safe; no other thread runs yet.
        unsafe {
            libc::signal(signal, handler as libc::sighandler_t);
        }
    }
}

/// Closes on exec whatever `omk` itself was started with: a lock or a pipe of its caller must not reach a program.
fn keep_descriptors_in() {
    #[expect(unsafe_code, reason = "neither std nor rustix has close_range")]
    // SAFETY: marks descriptors, closes none.
    let marked = unsafe { libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed()) } == 0;
    // An old kernel, or one that is told to be, has no such call.
    if !marked {
        let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        let open: Vec<c_int> = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        open.into_iter().filter(|descriptor| *descriptor > 2).for_each(close_on_exec);
    }
}

fn close_on_exec(descriptor: c_int) {
    #[expect(unsafe_code, reason = "nobody here owns what this process was started with")]
    // SAFETY: marks a descriptor and closes none; one that is closed already is refused.
    unsafe {
        libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC);
    }
}

/// Starts the program in a group of its own, within the keeper's session, which has no terminal.
fn start(program: &Program, [stdin, stdout, stderr]: [OwnedFd; 3], group: Option<&Group>) -> Result<Pid, Report> {
    let unstartable = |detail: String| Report::Unstartable { detail };
    if !program.cwd.is_dir() {
        return Err(unstartable(format!("its working directory {} is not there", program.cwd.display())));
    }
    let mut command = Command::new(&program.program);
    command.args(&program.args).env_clear().envs(program.env.iter().map(|(name, value)| (name, value)));
    command.current_dir(&program.cwd).process_group(0);
    command.stdin(Stdio::from(stdin)).stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr));
    if let Some(group) = group {
        group.admit(&mut command);
    }
    die_with_us(&mut command);
    let child = command.spawn().map_err(|error| match is_shortage(&error) {
        true => Report::Exhausted { detail: error.to_string() },
        false => unstartable(error.to_string()),
    })?;
    Pid::from_raw(child.id().cast_signed()).ok_or_else(|| unstartable("it has no process id".to_owned()))
}

/// Whether the machine, or a limit of this user, had no process, memory or descriptor left: that says nothing about the
/// program.
fn is_shortage(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE))
}

fn watch(mut tree: Tree, lease: Duration, channel: &mut KeeperChannel) -> std::io::Result<()> {
    let pidfd = pidfd_open(tree.root(), PidfdFlags::empty()).ok();
    channel.report(&Report::Started { pid: tree.root().as_raw_pid().cast_unsigned() });
    let mut until = later(lease);
    let mut lapsed = false;
    while tree.exit().is_none() && !tree.is_empty() && !channel.is_closed() && !lapsed {
        if wait_for_news(channel, pidfd.as_ref(), until) {
            channel.read();
        }
        if obey(&mut tree, channel) {
            until = later(lease);
        }
        tree.reap();
        lapsed = Instant::now() >= until;
    }
    if !channel.is_closed() && !lapsed {
        tree.settle(SETTLES);
    }
    tree.kill_all();
    let lapsed = lapsed && tree.was_killed();
    if let Some(exit) = tree.exit() {
        channel.report(&Report::Exited(ended(&tree, exit, lapsed)));
    }
    tree.close();
    tree.exit().map(drop).ok_or_else(|| std::io::Error::other("its program's status is not to be had"))
}

/// Sleeps until the channel, the program or the clock has something. Says whether it is the channel.
fn wait_for_news(channel: &KeeperChannel, pidfd: Option<&OwnedFd>, until: Instant) -> bool {
    // Without a descriptor of the program (an old kernel) its end is found by looking often.
    let patience = if pidfd.is_some() { REAPS } else { LOOKS };
    let patience = patience.min(until.saturating_duration_since(Instant::now()));
    let mut ready = vec![PollFd::from_borrowed_fd(channel.descriptor(), PollFlags::IN)];
    ready.extend(pidfd.map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)));
    let polled = poll(&mut ready, Timespec::try_from(patience).ok().as_ref());
    polled.is_ok() && ready.first().is_some_and(|fd| !fd.revents().is_empty())
}

/// Does what it was told; says whether it was told anything.
fn obey(tree: &mut Tree, channel: &mut KeeperChannel) -> bool {
    let mut told = false;
    while let Some(order) = channel.pending() {
        told = true;
        match order {
            Order::Ask => channel.report(&Report::Vitals(tree.vitals())),
            Order::Kill { grace_ms } => stop(tree, channel, Duration::from_millis(grace_ms)),
            Order::Start { .. } => {}
        }
    }
    told
}

/// The kill ladder: SIGTERM, most of the grace, SIGKILL, empty: when the grace is over, nothing is left. A further kill order, or the end of `omk`, shortens the grace.
fn stop(tree: &mut Tree, channel: &mut KeeperChannel, grace: Duration) {
    tree.signal(Signal::TERM);
    tree.signal(Signal::CONT);
    let mut deadline = later(grace - LAST.min(grace / 10));
    tree.settle(grace.min(LOOKS));
    while !tree.is_empty() && Instant::now() < deadline && !channel.is_closed() {
        if wait_for_order(channel, LOOKS) {
            channel.read();
        }
        while let Some(order) = channel.pending() {
            if let Order::Kill { grace_ms } = order {
                deadline = deadline.min(later(Duration::from_millis(grace_ms)));
            }
        }
        tree.reap();
    }
    tree.kill_all();
}

fn wait_for_order(channel: &KeeperChannel, patience: Duration) -> bool {
    let mut ready = [PollFd::from_borrowed_fd(channel.descriptor(), PollFlags::IN)];
    poll(&mut ready, Timespec::try_from(patience).ok().as_ref()).is_ok_and(|count| count > 0)
}

/// The moment after `grace`; one that no clock can say is a year.
fn later(grace: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(grace).unwrap_or(now + Duration::from_secs(365 * 86_400))
}

fn ended(tree: &Tree, exit: Exit, lapsed: bool) -> Ended {
    let (user, system, max_rss_kb) = used_by_children();
    Ended { exit, cpu_user_ms: user, cpu_system_ms: system, max_rss_kb, survivors: tree.survivors(), lapsed }
}

/// Processor time in milliseconds (user, system) and largest resident set in KiB of all children waited for.
fn used_by_children() -> (u64, u64, u64) {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    #[expect(unsafe_code, reason = "rustix has no getrusage")]
    // SAFETY: the pointer is to a whole rusage, which the call fills; all zeros are a valid value where it fails.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    let ms = |time: libc::timeval| u64::try_from(time.tv_sec * 1000 + time.tv_usec / 1000).unwrap_or(0);
    (ms(usage.ru_utime), ms(usage.ru_stime), u64::try_from(usage.ru_maxrss).unwrap_or(0))
}
