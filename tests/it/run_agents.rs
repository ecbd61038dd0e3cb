//! Agents that are any program: what they are told, what they say, and what becomes of what they did.

use serde_json::{Value, json};

use crate::support::acp_goal;
use crate::support::git_repo::write_executable;
use crate::support::omk::Ran;
use crate::support::scene::{GATE, Scene};

/// A plan of one slice without a `run`.
const ONE: &str = "[[slices]]\nid = \"one\"\ntitle = \"The one\"\ndescription = \"Write it\"\nwrites = [\"one.txt\"]\n";

/// A scene with an agent that follows a script; `$M` is where marks are.
struct Bench {
    scene: Scene,
    agent: String,
}

impl Bench {
    fn new(script: &str) -> Self {
        let scene = Scene::new();
        let head = format!("#!/bin/sh\nM={}\n", scene.place.path("marks").display());
        write_executable(&scene.place.path("."), "agent.sh", &(head + script));
        let agent = format!("cmd:{}", scene.place.path("agent.sh").display());
        Self { scene, agent }
    }

    fn run(&self, plan: &str, more: &[&str]) -> Ran {
        self.scene.run(&(plan.to_owned() + GATE), &[&["--agent", &self.agent][..], more].concat())
    }

    /// The task of an attempt, which the script saved as a mark.
    fn task(&self, attempt: u32) -> Value {
        let text = std::fs::read_to_string(self.scene.mark(&format!("task.{attempt}"))).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

fn assert_ready(ran: &Ran) {
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
}

#[test]
fn an_agent_has_its_task_on_stdin_and_in_a_file_and_its_names_in_variables() {
    let bench = Bench::new(
        "cat > $M/task.1; cmp $OMK_TASK_FILE $M/task.1 || exit 9\n\
         echo $OMK_GOAL_ID $OMK_SLICE_ID $OMK_ATTEMPT $SECRET > $M/names; pwd > $M/pwd; echo 1 > one.txt\n",
    );
    assert_ready(&bench.run(ONE, &[]));
    let (task, scene) = (bench.task(1), &bench.scene);
    let acceptance = ["every required gate is green on the integrated tree", "no reviewer blocks"];
    let goal = json!({"id": scene.id(), "text": "Do it", "acceptance": acceptance});
    assert_eq!((&task["schema"], &task["goal"], &task["attempt"]), (&json!("omk.task/v1"), &goal, &json!(1)));
    assert_eq!((&task["slice"]["title"], &task["slice"]["writes"]), (&json!("The one"), &json!(["one.txt"])));
    let read = |name: &str| std::fs::read_to_string(scene.mark(name)).unwrap();
    assert_eq!(read("names"), format!("{} one 1\n", scene.id()));
    let goal = scene.goal().canonicalize().unwrap();
    assert_eq!(read("pwd").trim_end(), goal.join("worktrees/one.1").to_str().unwrap());
}

#[test]
fn what_an_agent_reports_to_have_used_is_counted() {
    let bench = Bench::new(
        "echo '{\"type\":\"usage\",\"input_tokens\":1000,\"cached_tokens\":200,\"output_tokens\":50}'\n\
         echo '{\"type\":\"usage\",\"output_tokens\":7,\"usd_micros\":1500}'\n\
         echo '{\"type\":\"message\",\"text\":\"at work\"}'; echo 1 > one.txt\n",
    );
    assert_ready(&bench.run(ONE, &[]));
    let usage = json!({"input_tokens": 1000, "cached_tokens": 200, "output_tokens": 57, "usd_micros": 1500});
    assert_eq!(bench.scene.json("show")["budget"]["usage"], usage);
}

#[test]
fn a_question_blocks_the_goal_until_it_is_answered() {
    let bench = Bench::new(
        "cat > $M/task.$OMK_ATTEMPT\n\
         if grep -q 'use blue' $OMK_TASK_FILE; then echo blue > one.txt; exit 0; fi\n\
         echo '{\"type\":\"ask\",\"text\":\"Which colour?\"}'\n",
    );
    let ran = bench.run(ONE, &["--no-input", "--json"]);
    let settled = ran.json();
    assert_eq!((ran.code(), &settled["status"]), (Some(3), &json!("blocked_on_human")), "{settled}");
    assert!(settled["reason"].as_str().unwrap().contains("Which colour?"), "{settled}");
    let next = settled["next"][0].as_str().unwrap().to_owned();
    assert!(next.starts_with(&format!("omk goal answer {}.a1", bench.scene.id())), "{next}");

    let answered = bench.scene.omk(&["goal", "answer", "a1", "--text", "use blue"]);
    assert_eq!(answered.code(), Some(0), "{}", answered.stderr());
    assert_ready(&bench.scene.omk(&["goal", "resume"]));
    assert_eq!(bench.scene.integrated("one.txt"), "blue");
    assert_eq!(bench.task(2)["feedback"][0]["kind"], "operator");
}

#[test]
fn an_agent_whose_program_is_missing_blocks_the_goal_without_retries() {
    // Only the shell can say what this runs, so it is found out in the first attempt.
    let bench = Bench::new("exec \"$M\"/no-such-program\n");
    let ran = bench.run(ONE, &["--json"]);
    assert_eq!((ran.code(), &ran.json()["status"]), (Some(4), &json!("blocked_on_external")), "{}", ran.stdout());
    assert!(ran.json()["reason"].as_str().unwrap().contains("no-such-program"), "{}", ran.json());
    assert_eq!(bench.scene.records_of("attempt_offered").len(), 1);
}

#[test]
fn an_agent_that_fails_is_tried_again_and_told_what_it_said() {
    let bench = Bench::new(
        "cat > $M/task.$OMK_ATTEMPT\n\
         [ $OMK_ATTEMPT = 1 ] && { echo 'the disk is on fire' >&2; exit 1; }; echo 1 > one.txt\n",
    );
    assert_ready(&bench.run(ONE, &[]));
    let feedback = &bench.task(2)["feedback"][0];
    assert_eq!(feedback["kind"], "agent");
    assert!(feedback.to_string().contains("exit status 1") && feedback.to_string().contains("on fire"), "{feedback}");
}

#[test]
fn work_outside_of_the_write_set_fails_the_attempt_and_the_next_is_told_where() {
    let bench = Bench::new(
        "cat > $M/task.$OMK_ATTEMPT\n\
         [ $OMK_ATTEMPT = 1 ] && echo 1 > elsewhere.txt; echo 1 > one.txt\n",
    );
    assert_ready(&bench.run(ONE, &[]));
    let feedback = &bench.task(2)["feedback"][0];
    assert_eq!((&feedback["kind"], &feedback["paths"]), (&json!("policy"), &json!(["elsewhere.txt"])), "{feedback}");
    let files = bench.scene.repo.git(&["ls-tree", "-r", "--name-only", &format!("omk/{}/one", bench.scene.id())]);
    assert_eq!(files, "a.txt\ngate.sh\none.txt");
}

#[test]
fn a_gate_that_an_agent_bends_outside_of_its_write_set_stays_as_it_was() {
    let bench = Bench::new("echo 'exit 0' > gate.sh; echo 1 > one.txt\n");
    bench.scene.repo.write("gate.sh", "test ! -e one.txt\n");
    bench.scene.repo.commit_all("a gate that is red on the work");
    let ran = bench.run(ONE, &[]);
    assert_eq!(ran.code(), Some(5), "{}", ran.stdout());
    assert!(ran.stdout().contains("gate.sh"), "{}", ran.stdout());
    assert_eq!(bench.scene.branches(), ["main"]);
}

#[test]
fn an_agent_that_changes_nothing_has_done_nothing() {
    let bench = Bench::new("exit 0\n");
    let ran = bench.run(ONE, &["--json"]);
    let settled = ran.json();
    assert_eq!((ran.code(), &settled["status"]), (Some(3), &json!("blocked_on_human")), "{settled}");
    let reason = settled["reason"].as_str().unwrap();
    assert!(reason.contains("`one`") && reason.contains("changed nothing"), "{reason}");
    assert_eq!((bench.scene.records_of("attempt_offered").len(), bench.scene.branches()), (1, vec!["main".to_owned()]));
}

#[test]
fn ignored_files_are_left_out_and_listed() {
    let bench = Bench::new("mkdir -p out; echo x > out/junk.o; echo 1 > one.txt; echo y > keep.log\n");
    bench.scene.repo.write(".gitignore", "out/\n*.log\n");
    bench.scene.repo.commit_all("ignore");
    let plan = ONE.replace("\"one.txt\"", "\"one.txt\", \"keep.log\"");
    let ran = bench.run(&plan, &[]);
    assert_ready(&ran);
    assert!(ran.stdout().contains("left out") && ran.stdout().contains("out"), "{}", ran.stdout());
    // What `writes` names literally is taken in although it is ignored.
    assert_eq!(bench.scene.integrated("keep.log"), "y");
    let files = bench.scene.repo.git(&["ls-tree", "-r", "--name-only", &format!("omk/{}/one", bench.scene.id())]);
    assert!(!files.contains("junk"), "{files}");
}

/// The names of the variables that an agent like `claude-code` sees of a user who has set these.
fn seen_of(set: &[(&str, &str)]) -> Vec<String> {
    let scene = Scene::new();
    let command = json!([
        "sh",
        "-c",
        "env | cut -d= -f1 | grep -E '^(CLAUDE|CODEX|ANTHROPIC|AWS|GOOGLE|CLOUD)' | sort > one.txt"
    ]);
    let agent = json!({"like": "claude-code", "protocol": "cmd", "command": command});
    acp_goal::configure(&scene, &json!({"agents": {"inner": agent}}));
    let plan = scene.plan(&(ONE.to_owned() + GATE));
    let mut command = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan, "--agent", "inner"]);
    let ran = Ran(command.envs(set.iter().copied()).output().unwrap());
    assert_ready(&ran);
    // What its profile sets.
    let set_for_it = ["CLAUDE_CODE_DISABLE_", "CLAUDE_CODE_ENABLE_", "CLAUDE_CODE_MAX_"];
    let names = scene.integrated("one.txt");
    names.lines().filter(|name| !set_for_it.iter().any(|it| name.starts_with(it))).map(str::to_owned).collect()
}

#[test]
fn an_agent_sees_settings_and_credentials_and_nothing_of_an_outer_session() {
    let outer = [
        "CLAUDECODE",
        "CLAUDE_CODE_ENTRYPOINT",
        "CLAUDE_CODE_SSE_PORT",
        "CLAUDE_CODE_SESSION_ID",
        "CLAUDE_PROJECT_DIR",
        "CLAUDE_ENV_FILE",
        "CODEX_SANDBOX",
    ];
    let settings = ["ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CONFIG_DIR"];
    let set: Vec<_> = outer.iter().chain(&settings).map(|name| (*name, "1")).collect();
    assert_eq!(seen_of(&set), settings);
}

#[test]
fn an_agent_sees_the_variables_of_the_cloud_that_serves_its_model() {
    let aws = [("AWS_ACCESS_KEY_ID", "k"), ("AWS_PROFILE", "p"), ("AWS_REGION", "r"), ("AWS_VAULT", "v")];
    let google = [("CLOUD_ML_REGION", "r"), ("GOOGLE_APPLICATION_CREDENTIALS", "f"), ("GOOGLE_CLOUD_PROJECT", "p")];
    let with = |switch: (&'static str, &'static str)| seen_of(&[&[switch], &aws[..], &google[..]].concat());
    let (bedrock, vertex) = ("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX");
    assert_eq!(with((bedrock, "1")), ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_REGION", bedrock]);
    assert_eq!(with((bedrock, "0")), [bedrock]);
    let names = [vertex, "CLOUD_ML_REGION", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"];
    assert_eq!(with((vertex, "true")), names);
}

#[test]
fn an_agent_that_is_only_a_command_gets_the_keys_of_providers_and_says_which_it_lacks() {
    let scene = Scene::new();
    let error = r#"{"id":1,"error":{"code":-32000,"message":"Authentication required"}}"#;
    let script = format!(
        "#!/bin/sh\nread -r _\nenv | grep -c '^MISTRAL_API_KEY=' > {}\necho '{error}'\n",
        scene.mark("has").display()
    );
    write_executable(&scene.place.path("."), "agent.sh", &script);
    let agent = format!("acp:{}", scene.place.path("agent.sh").display());
    let plan = scene.plan(&(ONE.to_owned() + GATE));
    let words = ["goal", "run", "Do it", "--until-ready", "--no-input", "--json", "--plan", &plan, "--agent", &agent];
    let blocked = |set: &[(&str, &str)]| {
        let ran = Ran(scene.command(&words).envs(set.iter().copied()).output().unwrap());
        assert_eq!(ran.code(), Some(4), "{}{}", ran.stdout(), ran.stderr());
        (ran.stdout() + &ran.stderr(), std::fs::read_to_string(scene.mark("has")).unwrap())
    };
    let (said, has) = blocked(&[("MISTRAL_API_KEY", "k"), ("ACME_API_KEY", "k")]);
    assert!(said.contains("it sees MISTRAL_API_KEY, and not ACME_API_KEY"), "{said}");
    assert_eq!(has, "1\n");
    let (said, has) = blocked(&[]);
    assert!(said.contains("no key of a provider that it may see is set here"), "{said}");
    assert_eq!(has, "0\n");
}

#[test]
fn an_agent_whose_profile_is_gone_is_named_with_the_file_where_it_has_to_be() {
    let bench = acp_goal::Bench::new(Scene::new(), &json!([acp_goal::shell("echo 1 > one.txt")]));
    let scene = &bench.scene;
    let plan = scene.plan(&(acp_goal::slice("one", "") + GATE));
    let planned = scene.omk(&["goal", "run", "Do it", "--plan", &plan, "--agent", "it"]);
    assert_eq!(planned.code(), Some(0), "{}", planned.stderr());

    let file = scene.place.path(".config/omk/config.toml");
    let aside = scene.place.path("aside.toml");
    std::fs::rename(&file, &aside).unwrap();
    let settled = scene.omk(&["goal", "resume", "--json"]).json();
    assert_eq!((&settled["status"], &settled["exit"]), (&json!("blocked_on_external"), &json!(4)), "{settled}");
    let reason = settled["reason"].as_str().unwrap();
    let mend = format!("agent `it` is not known any more: put [agents.it] back into {}, then resume", file.display());
    assert!(reason.starts_with(&mend), "{reason}");

    std::fs::rename(&aside, &file).unwrap();
    assert_ready(&scene.omk(&["goal", "resume"]));
}
