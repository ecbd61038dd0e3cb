//! Agents as real processes: what they are given, what is heard of them, how they end.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use omk::adapters::clock::SystemClock;
use omk::agents::environment::AgentEnvironment;
use omk::agents::host::{AgentHost, AgentSetup};
use omk::agents::settings::AgentSettings;
use omk::domain::agent::{AgentEnd, AgentEvent, AgentReport, AgentSign, AgentTask};
use omk::domain::budget::Usage;
use omk::domain::ids::{Attempt, CommitId, Epoch, GoalId};
use omk::domain::task::{Assignment, Feedback, FeedbackKind, SliceSpec, Surroundings};
use omk::ports::{Agents, Clock};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::kept::Kept;
use crate::process::{alive, kill_keeper_of, launcher, tells_of, until};

const DAY_MS: u64 = 86_400_000;

/// An operator who says nothing.
pub(crate) fn silence() -> UnboundedReceiver<String> {
    unbounded_channel().1
}

struct Bench {
    dir: tempfile::TempDir,
    kept: Kept,
    host: AgentHost,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let kept = Kept::default();
        for name in ["worktree", "invoked"] {
            std::fs::create_dir(dir.path().join(name)).expect("a directory");
        }
        let host = AgentHost::new(AgentSetup {
            launcher: launcher(),
            artifacts: Arc::new(kept.clone()),
            omk: PathBuf::from(env!("CARGO_BIN_EXE_omk")),
            cwd: dir.path().join("invoked"),
            tasks: dir.path().join("goal/tasks"),
            environment: AgentEnvironment::pick(std::env::vars_os(), &[]),
            clock: Arc::new(SystemClock),
            settings: AgentSettings::default(),
        });
        Self { dir, kept, host }
    }

    fn task(&self, agent: &str, run: Option<&str>) -> AgentTask {
        let spec = serde_json::from_value::<SliceSpec>(serde_json::json!({
            "id": "one", "title": "The first", "retries": 1, "run": run, "writes": ["a"], "gates": ["test"],
        }));
        let feedback = Feedback {
            kind: FeedbackKind::Gate,
            summary: "test is red".into(),
            detail: "it said no".into(),
            paths: Vec::new(),
        };
        AgentTask {
            goal: GoalId::parse("goal-1").expect("an id"),
            goal_text: "make it so".into(),
            criteria: Vec::new(),
            constraints: Vec::new(),
            assignment: Assignment {
                spec: spec.expect("a slice"),
                attempt: Attempt(2),
                epoch: Epoch(5),
                agent: agent.into(),
                start: CommitId::parse(&"a".repeat(40)).expect("an id"),
                content: None,
                feedback: vec![feedback],
                captured: None,
                keep: Vec::new(),
                session: None,
                around: Surroundings::default(),
                lapses: 0,
            },
            worktree: self.dir.path().join("worktree"),
            timeout_ms: 120_000,
            grace_ms: 60_000,
            pulse_ms: 5_000,
            lease_ms: 60_000,
        }
    }

    async fn run(&self, task: AgentTask) -> (AgentReport, Vec<AgentEvent>) {
        let (events, mut heard) = unbounded_channel();
        let report = self.host.run(task, events, silence(), CancellationToken::new()).await;
        let mut all = Vec::new();
        while let Some(sign) = heard.recv().await {
            match sign {
                AgentSign::Event(event) => all.push(event),
                AgentSign::Output | AgentSign::Vitals(_) => {}
            }
        }
        (report, all)
    }

    async fn command(&self, command: &str) -> (AgentReport, Vec<AgentEvent>) {
        self.run(self.task(&format!("cmd:{command}"), None)).await
    }

    fn log(&self, report: &AgentReport) -> String {
        self.kept.text(report.log.as_ref().expect("a log"))
    }
}

fn message(text: &str) -> AgentEvent {
    AgentEvent::Message { text: text.into() }
}

#[tokio::test]
async fn a_command_gets_its_task_on_stdin_and_in_a_private_file_outside_the_worktree() {
    let bench = Bench::new();
    let command = r#"cat > stdin; cat "$OMK_TASK_FILE" > file; stat -c %a "$OMK_TASK_FILE" > mode; echo "$OMK_TASK_FILE" > where; echo "$OMK_GOAL_ID $OMK_SLICE_ID $OMK_ATTEMPT" > ids"#;
    let (report, events) = bench.command(command).await;
    assert_eq!((&report.end, events), (&AgentEnd::Finished, vec![]));
    let read = |name: &str| std::fs::read_to_string(bench.dir.path().join("worktree").join(name)).expect("a file");
    assert_eq!((read("mode").trim(), read("ids").trim()), ("600", "goal-1 one 2"));
    let file = bench.dir.path().join("goal/tasks/one.2.json");
    assert_eq!(read("where").trim(), file.to_str().expect("text"));
    assert!(!file.exists(), "it is gone with the attempt");
    assert_eq!(read("stdin"), read("file"));
    let task: serde_json::Value = serde_json::from_str(&read("stdin")).expect("JSON");
    assert_eq!(
        task,
        serde_json::json!({
            "schema": "omk.task/v1",
            "goal": {"id": "goal-1", "text": "make it so"},
            "slice": {"id": "one", "title": "The first", "description": "", "acceptance": [], "risk": "medium",
                      "writes": ["a"]},
            "attempt": 2,
            "workspace": "fresh",
            "start": "a".repeat(40),
            "gates": ["test"],
            "feedback": [{"kind": "gate", "summary": "test is red", "detail": "it said no"}],
        })
    );
}

#[tokio::test]
async fn events_are_heard_as_they_come_and_everything_is_in_the_log() {
    let bench = Bench::new();
    let command = r#"echo '{"type":"message","text":"hi"}'; echo plain; echo oops >&2;
        echo '{"type":"usage","input_tokens":5,"usd_micros":7}'; echo '{"type":"usage","output_tokens":2}';
        echo '{"type":"propose","title":"more"}'; echo '{"type":"done","summary":"did it"}'"#;
    let (report, events) = bench.command(command).await;
    let usage =
        |input_tokens, output_tokens, usd_micros| Usage { input_tokens, output_tokens, usd_micros, ..Usage::default() };
    assert_eq!((&report.end, report.usage), (&AgentEnd::Finished, usage(5, 2, Some(7))));
    let expected = vec![
        message("hi"),
        AgentEvent::Usage { usage: usage(5, 0, Some(7)), id: None, model: None },
        AgentEvent::Usage { usage: usage(0, 2, None), id: None, model: None },
        AgentEvent::Propose { title: "more".into(), description: String::new() },
        AgentEvent::Done { summary: "did it".into() },
    ];
    assert_eq!(events, expected);
    let log = bench.log(&report);
    assert!(log.contains("plain\n") && log.contains("oops\n") && log.contains("did it"), "{log}");
    assert_eq!(report.log.expect("a log").path, "agent-runs/one.2.log");
}

#[tokio::test]
async fn a_command_that_asks_and_ends_waits_for_a_person() {
    let (report, _) = Bench::new().command(r#"echo '{"type":"ask","text":"which one?"}'; exit 1"#).await;
    assert_eq!(report.end, AgentEnd::Asked { question: "which one?".into() });
    let script = r#"echo '{"type":"ask","text":"which one?"}'; echo '{"type":"done"}'"#;
    let (report, _) = Bench::new().command(script).await;
    assert_eq!(report.end, AgentEnd::Finished, "whoever is done has no question left");
}

#[tokio::test]
async fn a_command_whose_last_word_is_its_providers_limit_ends_limited_whatever_its_status() {
    let bench = Bench::new();
    let until = SystemClock.now().plus(29 * DAY_MS);
    let limited = format!(r#"echo '{{"type":"limited","provider":"kimi","until":"{until}","detail":"429"}}'"#);
    let until = Some(until);
    let end = AgentEnd::Limited { provider: Some("kimi".into()), until, detail: "429".into() };
    for after in ["exit 75", "exit 0", r#"echo '{"type":"usage","input_tokens":1}'; echo bye; exit 1"#] {
        let (report, _) = bench.command(&format!("{limited}; {after}")).await;
        assert_eq!(report.end, end, "{after}");
    }
    let (report, _) = bench.command(&format!("{limited}; echo '{{\"type\":\"done\"}}'")).await;
    assert_eq!(report.end, AgentEnd::Finished, "whoever goes on was not stopped by it");
    let (report, _) =
        bench.command(&format!("{limited}; echo '{{\"type\":\"message\",\"text\":\"on\"}}'; exit 3")).await;
    assert!(matches!(report.end, AgentEnd::Failed { .. }), "{:?}", report.end);
}

#[tokio::test]
async fn a_stated_end_of_a_limit_that_cannot_be_true_is_none() {
    let bench = Bench::new();
    let far = SystemClock.now().plus(31 * DAY_MS).to_string();
    for until in [
        r#""9999-12-31T23:59:59Z""#,
        r#""+99999-01-01T00:00:00Z""#,
        r#""-0001-01-01T00:00:00Z""#,
        r#""0000-00-00T00:00:00Z""#,
        r#""1969-12-31T23:59:59Z""#,
        r#""2001-01-01T00:00:00Z""#,
        &format!("{far:?}"),
        r#""never""#,
        r#""NaN""#,
        r#""""#,
        "NaN",
        "-1",
        "1e400",
        "18446744073709551615",
        "null",
        "[]",
        "{}",
        "true",
    ] {
        // JSON has no such numbers: that line is no event.
        let is_json = !["NaN", "1e400"].contains(&until);
        let line = format!(r#"{{"type":"limited","until":{until},"detail":"429"}}"#);
        let (report, events) = bench.command(&format!("echo '{line}'; exit 1")).await;
        let limited = AgentEnd::Limited { provider: None, until: None, detail: "429".into() };
        assert_eq!(report.end == limited, is_json, "{until}: {:?}", report.end);
        assert_eq!(events.len(), usize::from(is_json), "{until}");
    }
}

#[tokio::test]
async fn a_failure_tells_its_status_and_its_last_words() {
    let (report, _) = Bench::new().command("echo working; echo 'no such luck' >&2; exit 9").await;
    assert_eq!(report.end, AgentEnd::Failed { detail: "exit status 9\nno such luck".into() });
    let (report, _) = Bench::new().command("kill -9 $$").await;
    assert_eq!(report.end, AgentEnd::Failed { detail: "killed by signal 9".into() });
}

#[tokio::test]
async fn no_secret_that_an_agent_prints_is_passed_on_or_kept() {
    let bench = Bench::new();
    let command = r#"echo '{"type":"message","text":"uses sk-abcdefghijklmnop"}'
        echo 'DB_PASS=abcdefgh'; printf 'cannot clone https://me:abcdefgh@host/x' >&2; exit 9"#;
    let (report, events) = bench.command(command).await;
    assert_eq!(events, [message("uses [redacted]")]);
    let detail = "exit status 9\ncannot clone https://me:[redacted]@host/x".to_owned();
    assert_eq!(report.end, AgentEnd::Failed { detail });
    let log = bench.log(&report);
    assert!(!log.contains("abcdefgh") && log.contains("DB_PASS=[redacted]\n"), "{log}");
    let asks = r#"echo '{"type":"ask","text":"is sk-abcdefghijklmnop right?"}'; exit 1"#;
    assert_eq!(bench.command(asks).await.0.end, AgentEnd::Asked { question: "is [redacted] right?".into() });
    let limited = r#"echo '{"type":"limited","detail":"key sk-abcdefghijklmnop is used up"}'; exit 1"#;
    let end = AgentEnd::Limited { provider: None, until: None, detail: "key [redacted] is used up".into() };
    assert_eq!(bench.command(limited).await.0.end, end);
}

#[tokio::test]
async fn a_command_that_is_not_there_is_unavailable_and_one_that_fails_later_is_not() {
    let (report, _) = Bench::new().command("omk-no-such-agent").await;
    let AgentEnd::Unavailable { detail } = report.end else { panic!("{:?}", report.end) };
    assert!(detail.contains("omk-no-such-agent"), "{detail}");
    let (report, _) = Bench::new().command("exit 126").await;
    assert_eq!(report.end, AgentEnd::Unavailable { detail: "the agent cannot be run: exit status 126".into() });
    let (report, _) = Bench::new().command("echo begun; omk-no-such-tool").await;
    assert!(matches!(report.end, AgentEnd::Failed { .. }), "{:?}", report.end);
}

#[tokio::test]
async fn garbage_on_stdout_is_narrative_and_the_log_is_harmless() {
    let bench = Bench::new();
    let command = r#"printf '\377\376{"type"\n\033[2J{"type":"nope"}\n{"type":"ask"}\n'; head -c 3000000 /dev/zero; printf '\n{"type":"message","text":"a\\u001b[0mb"}'"#;
    let (report, events) = bench.command(command).await;
    assert_eq!((&report.end, events), (&AgentEnd::Finished, vec![message("ab")]));
    let log = bench.log(&report);
    assert!(!log.contains('\u{1b}') && log.contains("is left out ...]") && log.len() < 8 << 20);
}

#[tokio::test]
async fn a_timeout_and_a_stop_end_the_whole_tree() {
    let bench = Bench::new();
    let mut task = bench.task("cmd:setsid sleep 1000 & echo $! > pid; wait", None);
    (task.timeout_ms, task.grace_ms) = (300, 20);
    let (report, _) = bench.run(task).await;
    assert_eq!(report.end, AgentEnd::TimedOut);

    let bench = Bench::new();
    let (stop, file) = (CancellationToken::new(), bench.dir.path().join("worktree/pid"));
    let task = bench.task("cmd:echo $$ > pid; echo >> pid; exec sleep 1000", None);
    let (report, ()) = tokio::join!(bench.host.run(task, unbounded_channel().0, silence(), stop.clone()), async {
        until("it runs", || std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with("\n\n"))).await;
        stop.cancel();
    });
    assert_eq!(report.end, AgentEnd::Stopped);
    let pid = std::fs::read_to_string(&file).expect("a pid").trim().parse().expect("a pid");
    assert!(!alive(pid));
}

#[tokio::test]
async fn a_run_that_is_stopped_before_it_begins_starts_nothing() {
    let bench = Bench::new();
    let stop = CancellationToken::new();
    stop.cancel();
    let report = bench.host.run(bench.task("cmd:touch began", None), unbounded_channel().0, silence(), stop).await;
    assert_eq!((report.end, bench.dir.path().join("worktree/began").exists()), (AgentEnd::Stopped, false));
}

#[tokio::test]
async fn who_outlives_an_agent_is_named() {
    let (report, _) = Bench::new().command("setsid sleep 1000 & exit 0").await;
    assert_eq!(report.end, AgentEnd::Finished);
    let [survivor] = &report.survivors[..] else { panic!("{:?}", report.survivors) };
    assert!(survivor.ends_with(" sleep") || survivor.ends_with(" setsid") || survivor.ends_with(" sh"), "{survivor}");
}

#[tokio::test]
async fn the_script_agent_runs_the_slice_s_command_in_the_worktree() {
    let bench = Bench::new();
    let run =
        "\n  grep -c 'it said no' \"$OMK_TASK_FILE\" > seen\n  cat; pwd; echo '{\"type\":\"message\",\"text\":\"hi\"}'";
    let (report, events) = bench.run(bench.task("script", Some(run))).await;
    assert_eq!(report.end, AgentEnd::Finished);
    assert_eq!(events, vec![message("runs grep -c 'it said no' \"$OMK_TASK_FILE\" > seen"), message("hi")]);
    let worktree = bench.dir.path().join("worktree");
    assert_eq!(std::fs::read_to_string(worktree.join("seen")).expect("a file"), "1\n");
    assert!(bench.log(&report).contains(worktree.to_str().expect("text")));
}

#[tokio::test]
async fn a_script_that_fails_or_is_missing_says_so() {
    let bench = Bench::new();
    let (report, _) = bench.run(bench.task("script", Some("echo bad >&2; exit 3"))).await;
    assert_eq!(report.end, AgentEnd::Failed { detail: "exit status 3\nbad".into() });
    let (report, _) = bench.run(bench.task("script", None)).await;
    let said = "exit status 70\nscript agent: its slice has no `run`; give it one, or name another agent";
    assert_eq!(report.end, AgentEnd::Failed { detail: said.into() });
    let (report, _) = bench.run(bench.task("nobody", None)).await;
    let said = "agent `nobody` is not known; known agents: script, cmd:<command>, acp:<command>, kimi, \
                claude-code, claude, codex, codex-exec, opencode, gemini, kimi-cli";
    assert_eq!(report.end, AgentEnd::Unavailable { detail: said.into() });
}

#[tokio::test]
async fn a_relative_agent_is_the_one_where_omk_was_invoked_and_probing_finds_it() {
    let bench = Bench::new();
    let program = bench.dir.path().join("invoked/agent.sh");
    assert!(bench.host.probe("cmd:./agent.sh --x").await.expect_err("a cause").contains("is not there"));
    std::fs::write(&program, "#!/bin/sh\necho from the invoking directory: $1\n").expect("a script");
    assert!(bench.host.probe("cmd:./agent.sh --x").await.expect_err("a cause").contains("chmod +x"));
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    assert_eq!(bench.host.probe("cmd:./agent.sh --x").await, Ok(()));
    assert_eq!(bench.host.probe("script").await, Ok(()));
    let (report, _) = bench.command("./agent.sh --x").await;
    assert_eq!(bench.log(&report), "from the invoking directory: --x\n");
}

#[tokio::test]
async fn a_line_of_a_hundred_megabytes_and_bytes_that_are_no_text_leave_a_small_harmless_log() {
    let bench = Bench::new();
    let command =
        r"printf '\033]0;mine\007\377\376 begins\n'; head -c 100000000 /dev/zero | tr '\0' x; printf '\nends\n'";
    let (report, events) = bench.command(command).await;
    assert_eq!((&report.end, events), (&AgentEnd::Finished, vec![]));
    let log = bench.log(&report);
    assert!(log.len() < 3 << 20, "{} bytes", log.len());
    assert!(!log.contains('\u{1b}') && !log.contains('\u{7}'), "{:?}", &log[..60]);
    assert!(log.contains("begins") && log.contains("is left out ...]") && log.ends_with("ends\n"), "{:?}", &log[..60]);
}

#[tokio::test]
async fn an_agent_whose_keeper_is_killed_has_failed_with_all_that_was_heard_of_it_and_nothing_is_left() {
    let bench = Bench::new();
    let command = r#"cmd:echo '{"type":"usage","input_tokens":5}'; setsid sleep 1000 & exec sleep 1001"#;
    let mut task = bench.task(command, None);
    task.pulse_ms = 10;
    let (signs, mut heard) = unbounded_channel();
    let (report, stray) = tokio::join!(bench.host.run(task, signs, silence(), CancellationToken::new()), async {
        loop {
            if let AgentSign::Vitals(vitals) = heard.recv().await.expect("a sign") {
                let names: Vec<_> = vitals.processes.iter().map(|process| process.name.as_str()).collect();
                if names == ["sleep", "sleep"] {
                    kill_keeper_of(vitals.processes[0].pid);
                    break vitals.processes[1].pid;
                }
            }
        }
    });
    let AgentEnd::Failed { detail } = &report.end else { panic!("{:?}", report.end) };
    assert!(detail.starts_with("its keeper died; "), "{detail}");
    assert_eq!(report.usage.input_tokens, 5);
    assert!(!alive(stray));
    assert!(tells_of(&report.survivors, stray), "{:?}", report.survivors);
    assert!(bench.log(&report).contains("input_tokens"));
}

#[tokio::test]
async fn a_flood_of_words_does_not_drown_what_an_agent_says_that_it_used() {
    let command = r#"yes '{"type":"message","text":"x"}' | head -20000; echo '{"type":"usage","input_tokens":5}'"#;
    let (report, events) = Bench::new().command(command).await;
    assert_eq!((events.len(), report.usage.input_tokens), (10_001, 5));
    assert!(matches!(events.last(), Some(AgentEvent::Usage { .. })));
}

#[tokio::test]
async fn what_lives_of_an_agent_and_that_it_prints_are_told_as_signs() {
    let bench = Bench::new();
    let mut task = bench.task("cmd:echo one; read never < fifo", None);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        bench.dir.path().join("worktree/fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .expect("a fifo");
    (task.pulse_ms, task.grace_ms) = (10, 20);
    let (signs, mut heard) = unbounded_channel();
    let stop = CancellationToken::new();
    let (report, ()) = tokio::join!(bench.host.run(task, signs, silence(), stop.clone()), async {
        let (mut printed, mut lived) = (false, false);
        while !(printed && lived) {
            match heard.recv().await.expect("a sign") {
                AgentSign::Output => printed = true,
                AgentSign::Vitals(vitals) => lived = vitals.alive && vitals.processes[0].name == "sh",
                AgentSign::Event(event) => panic!("{event:?}"),
            }
        }
        stop.cancel();
    });
    assert_eq!(report.end, AgentEnd::Stopped);
}
