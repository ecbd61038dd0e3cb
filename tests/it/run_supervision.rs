//! Agents that hang, and providers that refuse, under the real program.

use std::path::Path;

use omk::domain::ids::Timestamp;
use serde_json::{Value, json};

use crate::support::acp_goal::configure;
use crate::support::git_repo::write_executable;
use crate::support::omk::Ran;
use crate::support::scene::{GATE, Scene, Session, until};

/// A scene with agents that follow scripts; `$M` is where marks are.
struct Bench(Scene);

impl Bench {
    fn agent(&self, name: &str, script: &str) -> String {
        let head = format!("#!/bin/sh\nM={}\n", self.0.place.path("marks").display());
        write_executable(&self.0.place.path("."), name, &(head + script));
        format!("cmd:{}", self.0.place.path(name).display())
    }

    fn plan(&self, slices: &[&str]) -> String {
        let slice = |id: &&str| format!("[[slices]]\nid = \"{id}\"\ntitle = \"{id}\"\nwrites = [\"{id}.txt\"]\n");
        self.0.plan(&(slices.iter().map(slice).collect::<String>() + GATE))
    }

    fn run(&self, slices: &[&str], agent: &str, variables: &[(&str, &str)]) -> Ran {
        let plan = self.plan(slices);
        let words = ["goal", "run", "Do it", "--until-ready", "--json", "--plan", &plan, "--agent", agent];
        let mut command = self.0.command(&words);
        Ran(command.envs(variables.iter().copied()).output().unwrap())
    }
}

fn assert_ready(ran: &Ran) {
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
}

fn is_gone(pid_file: &Path) -> bool {
    let pid = std::fs::read_to_string(pid_file).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

fn outcomes(scene: &Scene) -> Vec<Value> {
    scene.records_of("attempt_finished").iter().map(|it| it["outcome"]["kind"].clone()).collect()
}

#[test]
fn an_agent_that_hangs_is_killed_with_all_that_it_started_and_a_stand_in_finishes_its_slice() {
    let bench = Bench(Scene::new());
    let hang = bench.agent(
        "hang.sh",
        "echo '{\"type\":\"tool\",\"id\":\"1\",\"title\":\"shell: make\"}'\n\
         setsid sh -c \"echo \\$\\$ > $M/child; exec sleep 1000\" &\n\
         while :; do sleep 0.01; done\n",
    );
    let works = bench.agent("works.sh", "echo 1 > one.txt\n");
    assert_ready(&bench.run(&["one"], &hang, &[("OMK_STALL", "1s"), ("OMK_RETRIES", "1"), ("OMK_STAND_INS", &works)]));
    let scene = &bench.0;
    assert!(is_gone(&scene.mark("child")), "what the agent started lives");
    assert_eq!(outcomes(scene), [json!("expired"), json!("passed")]);
    let quiet = scene.records_of("attempt_quiet");
    assert_eq!((quiet.len(), &quiet[0]["tool_call"]), (1, &json!("shell: make")), "{quiet:?}");
    let detail = "no message, no output and no change in its worktree for 1s";
    assert_eq!(scene.records_of("attempt_finished")[0]["outcome"]["detail"], detail);
    let wanted = json!({"slice": "one", "agent": hang, "ends": 1, "reason": detail, "successor": works});
    assert_eq!(scene.records_of("worker_quarantined"), [wanted]);
}

#[test]
fn an_agent_that_says_nothing_and_changes_its_worktree_is_left_alone() {
    let bench = Bench(Scene::new());
    let slow = bench.agent("slow.sh", "for i in 1 2 3 4 5 6 7 8; do echo $i >> one.txt; sleep 0.3; done\n");
    assert_ready(&bench.run(&["one"], &slow, &[("OMK_STALL", "1s"), ("OMK_RETRIES", "0")]));
    assert_eq!(outcomes(&bench.0), [json!("passed")]);
}

#[test]
fn an_agent_that_is_stopped_loses_its_lease_and_the_next_attempt_does_the_work() {
    let bench = Bench(Scene::new());
    let stops = bench.agent(
        "stops.sh",
        "[ $OMK_ATTEMPT = 1 ] && { echo $$ > $M/stopped; kill -STOP $$; }; echo $OMK_ATTEMPT > one.txt\n",
    );
    let stops = stops.replace("cmd:", "cmd:exec ");
    assert_ready(&bench.run(&["one"], &stops, &[("OMK_LEASE", "1s"), ("OMK_ATTEMPT_TIMEOUT", "20s")]));
    let scene = &bench.0;
    assert!(is_gone(&scene.mark("stopped")), "the stopped agent is still there");
    assert_eq!(outcomes(scene), [json!("expired"), json!("passed")]);
    let detail = "its lease ran out: no sign of life for 1s";
    assert_eq!(scene.records_of("attempt_finished")[0]["outcome"]["detail"], detail);
    assert_eq!(scene.integrated("one.txt"), "2");
}

#[test]
fn an_agent_that_is_stopped_behind_the_shell_that_started_it_loses_its_lease_too() {
    let bench = Bench(Scene::new());
    let stops = bench.agent("stops.sh", "echo $$ > $M/stopped; kill -STOP $$\n");
    let variables = [("OMK_LEASE", "1s"), ("OMK_RETRIES", "1"), ("OMK_ATTEMPT_TIMEOUT", "60s")];
    let ran = bench.run(&["one"], &format!("{stops} with words"), &variables);
    assert_eq!(ran.json()["status"], json!("not_ready"), "{}{}", ran.stdout(), ran.stderr());
    let scene = &bench.0;
    assert!(is_gone(&scene.mark("stopped")), "the stopped agent is still there");
    let detail = "its lease ran out: no sign of life for 1s";
    assert_eq!(scene.records_of("attempt_finished")[0]["outcome"]["detail"], detail);
}

#[test]
fn agents_that_print_without_end_are_ended_at_their_deadlines_and_cost_nobody_a_lease() {
    let bench = Bench(Scene::new());
    let script = "if [ $OMK_SLICE_ID = calm ]; then sleep 4; echo 1 > calm.txt; exit; fi\nyes\n";
    let flood = bench.agent("flood.sh", script);
    let variables = [
        ("OMK_LEASE", "3s"),
        ("OMK_ATTEMPT_TIMEOUT", "6s"),
        ("OMK_RETRIES", "1"),
        ("OMK_MAX_AGENTS", "3"),
        ("OMK_GRACE", "1s"),
    ];
    let ran = bench.run(&["one", "two", "calm"], &flood, &variables);
    assert_eq!(ran.json()["status"], json!("not_ready"), "{}{}", ran.stdout(), ran.stderr());
    let ends = bench.0.records_of("attempt_finished");
    let mut ends: Vec<_> = ends.iter().map(|it| it["outcome"].clone()).collect();
    ends.sort_by_key(|it| it["kind"].to_string());
    let over = json!({"kind": "expired", "detail": "the agent did not end within 6s"});
    assert_eq!(ends, [over.clone(), over, json!({"kind": "passed"})]);
}

#[test]
fn an_answer_lets_a_slice_go_on_in_the_run_that_asks() {
    let bench = Bench(Scene::new());
    let asks = bench.agent(
        "asks.sh",
        "if [ $OMK_SLICE_ID = two ]; then while [ ! -e $M/go ]; do sleep 0.01; done; echo 2 > two.txt; exit; fi\n\
         if grep -q 'use blue' $OMK_TASK_FILE; then echo blue > one.txt; exit; fi\n\
         echo '{\"type\":\"ask\",\"text\":\"Which colour?\"}'\n",
    );
    let scene = &bench.0;
    let plan = bench.plan(&["one", "two"]);
    let mut session = scene.start(&["goal", "run", "Do it", "--until-ready", "--plan", &plan, "--agent", &asks]);
    scene.see_record("question_asked");
    let wrong = scene.omk(&["goal", "answer", "a7", "--text", "use red"]);
    assert!(wrong.code() != Some(0) && wrong.stderr().contains("a7"), "{}", wrong.stderr());
    let answered = scene.omk(&["goal", "answer", "a1", "--text", "use blue"]);
    assert_eq!(answered.code(), Some(0), "{}", answered.stderr());
    until("it goes on", || !scene.records_of("slice_integrated").is_empty());
    scene.make("go");
    assert_eq!(session.code(), Some(0), "{}", session.stderr());
    let said: Vec<_> = scene.records().into_iter().filter(|it| it["type"] == "question_answered").collect();
    assert_eq!((said.len(), &said[0]["actor"]), (1, &json!("operator")));
    assert_eq!((scene.records_of("run_started").len(), scene.integrated("one.txt")), (1, "blue".to_owned()));
}

#[test]
fn at_its_providers_limit_an_agent_parks_uses_up_no_attempt_and_goes_on_by_itself() {
    let bench = Bench(Scene::new());
    let agent = bench.agent(
        "limited.sh",
        "if [ ! -e $M/refused ]; then touch $M/refused\n\
         echo \"{\\\"type\\\":\\\"limited\\\",\\\"provider\\\":\\\"kimi\\\",\\\"until\\\":\\\"$(date -u -d '+2 seconds' +%Y-%m-%dT%H:%M:%S.000Z)\\\",\\\"detail\\\":\\\"429\\\"}\"\n\
         exit 75; fi\n\
         echo 1 > $OMK_SLICE_ID.txt\n",
    );
    assert_ready(&bench.run(
        &["one", "two"],
        &agent,
        &[("OMK_RETRIES", "0"), ("OMK_MAX_AGENTS", "1"), ("OMK_LEASE", "1s")],
    ));
    let scene = &bench.0;
    assert_eq!(outcomes(scene), [json!("limited"), json!("passed"), json!("passed")]);
    let opened = scene.records_of("breaker_opened");
    assert_eq!((opened.len(), &opened[0]["provider"], &opened[0]["stated"]), (1, &json!("kimi"), &json!(true)));
    assert_eq!(scene.records_of("breaker_closed"), [json!({"provider": "kimi"})]);
}

#[test]
fn a_slice_waits_until_the_time_of_day_that_its_agent_states_in_its_own_zone() {
    let bench = Bench(Scene::new());
    // In three hours, as Codex says it.
    let agent = bench.agent(
        "codex.sh",
        "case $* in --version|login*) exit;; esac; cat > /dev/null\n\
         at=$(( $(date +%s) / 60 * 60 + 10800 )); echo $at > $M/at\n\
         echo '{\"type\":\"thread.started\",\"thread_id\":\"t\"}'\n\
         words=\"You have hit your usage limit. Try again at $(date -d @$at '+%-I:%M %p').\"\n\
         echo \"{\\\"type\\\":\\\"turn.failed\\\",\\\"error\\\":{\\\"message\\\":\\\"$words\\\"}}\"; exit 1\n",
    );
    let scene = &bench.0;
    let command = [agent.strip_prefix("cmd:").unwrap()];
    configure(scene, &json!({"agents": {"it": {"like": "codex-exec", "command": command}}}));
    let plan = bench.plan(&["one"]);
    let mut run = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan, "--agent", "it"]);
    run.env("TZ", "NST3:30");
    let mut session = Session::start(run, scene.place.path("session"));
    scene.see_record("breaker_opened");
    let at: u64 = std::fs::read_to_string(scene.mark("at")).unwrap().trim().parse().unwrap();
    let next = format!("goes on by itself at {}", Timestamp(at * 1000));
    let waiting = &scene.json("show")["slices"][0]["waiting_for"][0];
    assert_eq!(
        (&waiting["kind"], &waiting["ref"], &waiting["next"]),
        (&json!("quota"), &json!("openai"), &json!(next))
    );
    let status = scene.omk(&["goal", "status"]).stdout();
    assert!(status.contains("quota of openai") && status.contains(&next), "{status}");
    assert_eq!(scene.omk(&["goal", "cancel"]).code(), Some(0));
    session.code();
}

#[test]
fn the_others_go_on_as_soon_as_the_model_of_the_one_that_probes_has_answered() {
    let bench = Bench(Scene::new());
    let agent = bench.agent(
        "limited.sh",
        "if [ ! -e $M/refused.$OMK_SLICE_ID ]; then touch $M/refused.$OMK_SLICE_ID\n\
         echo '{\"type\":\"limited\",\"provider\":\"kimi\",\"detail\":\"429\"}'; exit 75; fi\n\
         echo '{\"type\":\"usage\",\"output_tokens\":1}'\n\
         if mkdir $M/probe; then while [ ! -e $M/other ]; do sleep 0.01; done; else touch $M/other; fi\n\
         echo 1 > $OMK_SLICE_ID.txt\n",
    );
    let variables = [
        ("OMK_RETRIES", "0"),
        ("OMK_MAX_AGENTS", "2"),
        ("OMK_LEASE", "1s"),
        ("OMK_BACKOFF", "1s"),
        ("OMK_ATTEMPT_TIMEOUT", "20s"),
    ];
    assert_ready(&bench.run(&["one", "two"], &agent, &variables));
    assert_eq!(bench.0.records_of("breaker_closed").last(), Some(&json!({"provider": "kimi"})));
    assert!(bench.0.mark("other").exists(), "nobody worked beside the one that probes");
}

#[test]
fn a_run_that_is_not_to_wait_for_a_provider_ends_naming_it_and_can_be_resumed() {
    let bench = Bench(Scene::new());
    let agent = bench.agent(
        "limited.sh",
        "if [ ! -e $M/open ]; then\n\
         echo '{\"type\":\"limited\",\"provider\":\"kimi\",\"detail\":\"quota exceeded\"}'; exit 75; fi\n\
         echo 1 > one.txt\n",
    );
    let ran =
        bench.run(&["one"], &agent, &[("OMK_WAIT_FOR_QUOTA", "false"), ("OMK_BACKOFF", "1s"), ("OMK_RETRIES", "0")]);
    let settled = ran.json();
    assert_eq!((ran.code(), &settled["status"]), (Some(4), &json!("blocked_on_external")), "{settled}");
    let reason = settled["reason"].as_str().unwrap();
    let until = bench.0.records_of("breaker_opened")[0]["until"].as_str().unwrap().to_owned();
    assert_eq!(reason, format!("`kimi` takes no requests until {until}: quota exceeded"));
    bench.0.make("open");
    let waiting = &bench.0.json("show")["slices"][0]["waiting_for"][0];
    assert_eq!((&waiting["kind"], &waiting["ref"]), (&json!("quota"), &json!("kimi")), "{waiting}");
    let mut resumed = bench.0.omk(&["goal", "resume"]);
    // Before the time has come the run ends as it did; the goal stays resumable.
    while resumed.code() == Some(4) {
        resumed = bench.0.omk(&["goal", "resume"]);
    }
    assert_ready(&resumed);
}
