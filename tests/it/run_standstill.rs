//! The program stands still for longer than a lease, under the real program: a suspended job, a debugger.

use rustix::process::Signal;
use serde_json::json;

use crate::support::git_repo::write_executable;
use crate::support::scene::{GATE, Scene, Session, until};

#[test]
fn agents_that_were_killed_while_omk_stood_still_have_not_failed() {
    let scene = Scene::new();
    let marks = scene.place.path("marks");
    let agent = format!(
        "#!/bin/sh\nM={}\necho $$ > $M/pid.$OMK_SLICE_ID.$OMK_ATTEMPT\ntouch $M/on.$OMK_SLICE_ID\n\
         while [ ! -e $M/go ]; do sleep 0.01; done\necho 1 > $OMK_SLICE_ID.txt\n",
        marks.display()
    );
    write_executable(&scene.place.path("."), "agent.sh", &agent);
    let slice = |id: &str| format!("[[slices]]\nid = \"{id}\"\nwrites = [\"{id}.txt\"]\nretries = 0\n");
    let plan = scene.plan(&(["a", "b", "c"].map(slice).concat() + GATE));
    let agent = format!("cmd:exec {}", scene.place.path("agent.sh").display());
    let words = ["goal", "run", "Do it", "--until-ready", "--max-agents", "3", "--plan", &plan, "--agent", &agent];
    let mut command = scene.command(&words);
    // Long enough that on a loaded machine, too, the ends of the agents are heard within one more lease.
    command.env("OMK_LEASE", "3s");
    let mut session = Session::start(command, scene.place.path("session"));
    ["a", "b", "c"].iter().for_each(|id| scene.see(&format!("on.{id}")));
    let pids = ["a", "b", "c"].map(|id| std::fs::read_to_string(scene.mark(&format!("pid.{id}.1"))).unwrap());
    session.signal(Signal::STOP);
    until("their keepers have ended them", || {
        pids.iter().all(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        })
    });
    scene.make("go");
    session.signal(Signal::CONT);
    assert_eq!(session.code(), Some(0), "{}{}", session.stdout(), session.stderr());
    let mut outcomes: Vec<_> =
        scene.records_of("attempt_finished").iter().map(|it| it["outcome"]["kind"].clone()).collect();
    outcomes.sort_by_key(ToString::to_string);
    assert_eq!(
        outcomes,
        ["interrupted", "interrupted", "interrupted", "passed", "passed", "passed"].map(|it| json!(it))
    );
    assert_eq!(scene.records_of("profile_quarantined"), Vec::<serde_json::Value>::new());
}
