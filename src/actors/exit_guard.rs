//! Reports the end of an actor, whichever way it came: the guard is a field of the actor, and its drop speaks.

use actix::Recipient;

use crate::messages::lifecycle::{Child, ChildExited, Exit};

/// Tells the supervisor when it is dropped.
#[derive(Debug)]
pub struct ExitGuard {
    child: Child,
    generation: u32,
    supervisor: Recipient<ChildExited>,
}

impl ExitGuard {
    /// A guard for one child of one generation of the tree.
    pub fn new(child: Child, generation: u32, supervisor: Recipient<ChildExited>) -> Self {
        Self { child, generation, supervisor }
    }
}

impl Drop for ExitGuard {
    #[expect(clippy::disallowed_methods, reason = "a drop guard has nobody to return an error to")]
    fn drop(&mut self) {
        let exit = if std::thread::panicking() { Exit::Panic } else { Exit::Normal };
        let child = self.child.clone();
        self.supervisor.do_send(ChildExited { child, generation: self.generation, exit });
    }
}
