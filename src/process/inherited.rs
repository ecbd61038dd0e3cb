//! What this process inherited from whoever started it, put right before anything else happens.
//!
//! Ignored signals and blocked ones stay so over an exec. Where SIGCHLD is ignored the kernel throws every exit status
//! away, so that no end of any program is known; a blocked SIGTERM is never heard. Never touches what is the user's to
//! choose: an ignored SIGHUP (`nohup`) stays ignored for `omk` itself.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use rustix::thread::set_name;

/// To be called first thing in `main`, before any thread is started. What this process starts inherits it.
pub fn put_right() {
    heed(libc::SIGCHLD);
    unblock();
    // The kernel names a process by the path of its start, which need not say what runs (see `binary`).
    let _only_a_name = set_name(c"omk");
}

/// Heeds every signal that whoever started `omk` ignores, so that a program under a keeper ignores none. SIGPIPE stays
/// as it is here: it is given back to whatever is started.
pub(super) fn heed_all() {
    (1..=libc::SIGRTMAX()).filter(|signal| *signal != libc::SIGPIPE).for_each(heed);
}

/// Gives an ignored signal its default action; a handler stays.
fn heed(signal: c_int) {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    #[expect(unsafe_code, reason = "neither std nor rustix has signal dispositions")]
    // SAFETY: the pointer is to a whole sigaction, of which all zeros are a valid value where the call fails; no other
    // thread runs yet that could set another disposition in between.
    unsafe {
        libc::sigaction(signal, null(), action.as_mut_ptr());
        if action.assume_init().sa_sigaction == libc::SIG_IGN {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
}

/// Blocks no signal any more.
fn unblock() {
    let mut none = MaybeUninit::<libc::sigset_t>::zeroed();
    #[expect(unsafe_code, reason = "neither std nor rustix has the signal mask")]
    // SAFETY: the first call fills the set that the second reads; the old mask is not asked for.
    unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), null_mut());
    }
}
