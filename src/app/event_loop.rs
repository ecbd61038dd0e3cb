//! The event loop of a command, made so that it needs no further thread to work.
//!
//! tokio panics when work that blocks finds no thread and none can be started, as at a limit of processes. So the first
//! such thread is started here, where its absence is an error, and stays. The same goes for descriptors.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// Longer than any run: threads for work that blocks are kept.
const KEPT: Duration = Duration::from_secs(365 * 86_400);

/// How many descriptors an event loop and its signals take, and some more.
const DESCRIPTORS: usize = 16;

/// Tries whether there are enough descriptors: where there are not, tokio panics.
fn have_descriptors() -> std::io::Result<()> {
    let first = std::fs::File::open("/dev/null")?;
    (1..DESCRIPTORS).map(|_| first.try_clone()).collect::<std::io::Result<Vec<_>>>().map(drop)
}

/// Makes an event loop on this thread. An error means that the system gives no descriptors or no thread.
pub(super) fn event_loop() -> std::io::Result<Runtime> {
    have_descriptors()?;
    let runtime = Builder::new_current_thread().enable_all().thread_keep_alive(KEPT).build()?;
    // A thread of our own says whether there can be one; tokio's would panic.
    let probe = std::thread::Builder::new().spawn(|| ())?;
    drop(probe.join());
    drop(runtime.spawn_blocking(|| ()));
    Ok(runtime)
}
