//! The user's repository as the user's own git sees it: who commits, what is trusted, in which modes files are shared, and
//! that an agent leaves the checkout alone.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::git_repo::git;
use crate::support::omk::Ran;
use crate::support::scene::{GATE, Scene, slice};

/// A scene whose repository says nothing of who commits, with this configuration of the user.
fn configured(global: &str) -> Scene {
    let scene = Scene::new();
    scene.repo.git(&["config", "--remove-section", "user"]);
    fs::write(scene.place.path(".gitconfig"), global).unwrap();
    scene
}

fn ready(ran: &Ran) {
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
}

fn run(scene: &Scene, plan: &str, variables: &[(&str, &str)]) -> Ran {
    let plan = scene.plan(plan);
    let mut command = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    Ran(command.envs(variables.iter().copied()).output().unwrap())
}

/// Author and committer of the integrated slice's commit.
fn people(scene: &Scene) -> String {
    let branch = format!("omk/{}/one", scene.id());
    scene.repo.git(&["log", "-1", "--format=%an <%ae> %cn <%ce>", &branch])
}

#[test]
fn conditional_includes_name_the_author_for_omk_and_for_an_agent_that_commits_itself() {
    let scene = configured(
        "[user]\n\tname = Ada\n\temail = ada@home.example\n\
         [includeIf \"hasconfig:remote.*.url:https://git.work.example/**\"]\n\tpath = work\n",
    );
    fs::write(scene.place.path("work"), "[user]\n\temail = ada@work.example\n").unwrap();
    scene.repo.git(&["remote", "add", "origin", "https://git.work.example/team/app.git"]);
    let plan = slice("one", "writes = [\"one.txt\"]", "git config user.email > one.txt") + GATE;
    ready(&run(&scene, &plan, &[]));
    assert_eq!(people(&scene), "Ada <ada@work.example> Ada <ada@work.example>");
    assert_eq!(scene.integrated("one.txt"), "ada@work.example");
}

#[test]
fn author_and_committer_of_the_environment_count() {
    let scene = configured("[user]\n\tname = Ada\n\temail = ada@home.example\n");
    let variables = [("GIT_AUTHOR_NAME", "Grace \"G\" H"), ("GIT_COMMITTER_EMAIL", "bot@ci.example")];
    ready(&run(&scene, &(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE), &variables));
    assert_eq!(people(&scene), "Grace \"G\" H <ada@home.example> Ada <bot@ci.example>");
}

#[test]
fn a_user_without_a_name_is_not_made_up() {
    let scene = configured("");
    ready(&run(&scene, &(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE), &[]));
    assert_eq!(people(&scene), "omk <omk@localhost> omk <omk@localhost>");
}

#[test]
fn commits_that_the_user_would_sign_are_said_to_be_unsigned() {
    let scene = configured("[user]\n\tname = Ada\n\temail = a@b\n[commit]\n\tgpgsign = true\n");
    let ran = run(&scene, &(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE), &[]);
    ready(&ran);
    assert!(ran.stderr().contains("commit.gpgsign is set, but the commits of omk are not signed"), "{}", ran.stderr());
}

fn below(root: &Path, found: &mut Vec<(PathBuf, u32, bool)>) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let meta = entry.metadata().unwrap();
        found.push((entry.path(), meta.permissions().mode() & 0o7777, meta.is_dir()));
        if meta.is_dir() {
            below(&entry.path(), found);
        }
    }
}

#[test]
fn a_shared_repository_stays_usable_by_its_group() {
    let scene = Scene::new();
    scene.repo.git(&["init", "-q", "--shared=group"]);
    let plan =
        scene.plan(&(slice("one", "writes = [\"x\"]", "mkdir x; for i in 1 2 3; do echo $i > x/$i; done") + GATE));
    let omk = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    let mut masked = Command::new("sh");
    masked.args(["-c", "umask 077; exec \"$@\"", "sh"]).arg(omk.get_program()).args(omk.get_args()).env_clear();
    masked.envs(omk.get_envs().filter_map(|(name, value)| Some((name, value?))));
    ready(&Ran(masked.current_dir(&scene.repo.root).output().unwrap()));
    let mut found = Vec::new();
    let git_dir = scene.repo.root.join(".git");
    ["refs", "logs", "objects/pack"].iter().for_each(|name| below(&git_dir.join(name), &mut found));
    let closed = |(path, mode, is_dir): &(PathBuf, u32, bool)| {
        let needed = if *is_dir { 0o2070 } else { 0o040 };
        let ours = path.to_string_lossy().contains("omk") || path.starts_with(git_dir.join("objects"));
        ours && mode & needed != needed
    };
    assert!(found.iter().any(|(path, ..)| path.to_string_lossy().contains("logs/refs/heads/omk")), "{found:?}");
    assert_eq!(found.into_iter().filter(closed).collect::<Vec<_>>(), []);
}

#[test]
fn what_git_trusts_is_opened_wherever_that_is_said() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("SKIPPED: a repository of another user: this user cannot give files away");
    }
    let plan = slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE;
    let foreign = || {
        let scene = configured("");
        give_away(&scene.repo.root, 12_345);
        scene
    };
    let scene = foreign();
    let refused = run(&scene, &plan, &[]);
    assert_eq!(refused.code(), Some(2), "{}", refused.stderr());
    assert!(refused.stderr().contains("git config --global --add safe.directory"), "{}", refused.stderr());
    let count = [("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "safe.directory"), ("GIT_CONFIG_VALUE_0", "*")];
    ready(&run(&scene, &plan, &count));
    let scene = foreign();
    let other = scene.place.path("other");
    fs::write(&other, "[safe]\n\tdirectory = *\n").unwrap();
    ready(&run(&scene, &plan, &[("GIT_CONFIG_GLOBAL", other.to_str().unwrap())]));
    let scene = foreign();
    fs::write(scene.place.path("more"), format!("[safe]\n\tdirectory = {}\n", scene.repo.root.display())).unwrap();
    fs::write(scene.place.path(".gitconfig"), "[include]\n\tpath = more\n").unwrap();
    ready(&run(&scene, &plan, &[]));
    fs::write(scene.place.path("more"), "").unwrap();
    let resumed = scene.omk(&["goal", "verify"]);
    assert_ne!(resumed.code(), Some(101), "{}", resumed.stderr());
}

fn give_away(root: &Path, user: u32) {
    let mut found = Vec::new();
    below(root, &mut found);
    found.iter().map(|(path, ..)| path.as_path()).chain([root]).for_each(|path| chown(path, Some(user), None).unwrap());
}

#[test]
fn a_change_of_the_users_checkout_is_named_to_agent_and_operator() {
    let scene = Scene::new();
    let file = scene.repo.root.join("a.txt");
    let agent = format!("cmd:cat > {}; echo astray > {}", scene.mark("task").display(), file.display());
    let ran = scene.omk(&["goal", "run", "Do it", "--until-ready", "--agent", &agent, "--gate", "g=true"]);
    assert_eq!(ran.code(), Some(5), "{}", ran.stderr());
    let path = file.to_str().unwrap();
    assert_eq!(scene.records_of("checkout_changed")[0]["paths"], serde_json::json!([path]));
    assert!(
        ran.stderr().contains(&format!("your own checkout changed during the attempt: {path}")),
        "{}",
        ran.stderr()
    );
    let told = format!("it changed nothing in its worktree, while the user's own checkout changed: {path}");
    assert!(fs::read_to_string(scene.mark("task")).unwrap().contains(&told));
    assert_eq!(fs::read_to_string(file).unwrap(), "astray\n");
    assert_eq!(scene.json("proof")["repo"], scene.goal().join("repo.git").to_str().unwrap());
}

#[test]
fn what_the_user_keeps_untracked_in_the_checkout_may_change_by_itself() {
    let scene = Scene::new();
    let log = scene.repo.root.join("run.log");
    fs::write(&log, "begun\n").unwrap();
    let run = format!("echo more >> {}; echo 1 > one.txt", log.display());
    ready(&scene.run(&(slice("one", "writes = [\"one.txt\"]", &run) + GATE), &[]));
    assert!(scene.records_of("checkout_changed").is_empty());
}

#[test]
fn a_secret_variable_of_omk_is_kept_nowhere_and_names_no_file() {
    let secret = "correct-horse-4711-battery";
    let scene = Scene::with(&[("gate.sh", "cat kept; exit 0\n"), ("kept", &format!("it is {secret}.\n"))]);
    let plan =
        slice("one", "writes = [\"**\"]\nretries = 0", "cat kept; sh -c 'cat kept >&2'; echo 1 > one.txt") + GATE;
    ready(&run(&scene, &plan, &[("DEPLOY_TOKEN", secret)]));
    let mut found = Vec::new();
    below(&scene.goal(), &mut found);
    let holds = |path: &Path| fs::read_to_string(path).is_ok_and(|text| text.contains(secret));
    let kept: Vec<_> = found.iter().filter(|(path, _, is_dir)| !is_dir && holds(path)).collect();
    assert_eq!(kept, Vec::<&(PathBuf, u32, bool)>::new());
    let other = Scene::with(&[("gate.sh", "exit 0\n"), ("kept", secret)]);
    let ran = run(
        &other,
        &(slice("one", "writes = [\"**\"]\nretries = 0", "echo 1 > $(cat kept)") + GATE),
        &[("DEPLOY_TOKEN", secret)],
    );
    assert_eq!(ran.code(), Some(5), "{}", ran.stderr());
    let said = "[redacted]: its name holds what looks like a secret";
    assert!(ran.stderr().contains(said) && !ran.stderr().contains(secret), "{}", ran.stderr());
}

#[test]
fn the_goals_repository_and_worktrees_are_closed_to_others() {
    let scene = Scene::new();
    ready(&scene.run(&(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE), &[]));
    let open = |name: &str| fs::metadata(scene.goal().join(name)).unwrap().mode() & 0o777;
    assert_eq!(["repo.git", "worktrees"].map(open), [0o700, 0o700]);
    assert_eq!(["HEAD", "config", "identity"].map(|name| open(&format!("repo.git/{name}"))), [0o600; 3]);
}

#[test]
fn a_name_that_looks_like_one_of_the_plan_is_spelled_out() {
    let scene = Scene::with(&[("gate.sh", "exit 0\n"), ("cafe\u{301}.txt", "one\n")]);
    let writes = "writes = [\"caf\u{e9}.txt\"]\nretries = 0";
    let ran = scene.run(&(slice("one", writes, "echo two > cafe\u{301}.txt") + GATE), &[]);
    assert_eq!(ran.code(), Some(5), "{}", ran.stderr());
    assert!(ran.stderr().contains("(in Unicode: cafe\\u{301}.txt)"), "{}", ran.stderr());
}

#[test]
fn a_repository_whose_path_holds_a_line_end_is_refused_by_name() {
    let scene = Scene::new();
    let moved = scene.repo.beside("two\nlines");
    fs::rename(&scene.repo.root, &moved).unwrap();
    let ran = scene.place.run(&["goal", "run", "Do it", "-C", moved.to_str().unwrap(), "--gate", "g=true"]);
    assert_eq!(ran.code(), Some(2), "{}", ran.stderr());
    assert!(ran.stderr().contains("holds a line end"), "{}", ran.stderr());
    assert!(git(&moved, &["status", "--porcelain"]).is_empty());
}

/// Runs the program in a directory that is removed before it starts.
fn nowhere(scene: &Scene, words: &[&str]) -> Ran {
    let gone = scene.place.path("gone");
    fs::create_dir(&gone).unwrap();
    let omk = scene.command(words);
    let mut command = Command::new("sh");
    command.args(["-c", "rmdir \"$PWD\"; exec \"$@\"", "sh"]).arg(omk.get_program()).args(omk.get_args()).env_clear();
    command.envs(omk.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Ran(command.current_dir(&gone).output().unwrap())
}

#[test]
fn a_working_directory_that_is_gone_is_no_matter_where_none_is_needed() {
    let scene = Scene::new();
    let plan = slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE;
    ready(&scene.run(&plan, &[]));
    let (root, plan) = (scene.repo.root.to_str().unwrap().to_owned(), scene.plan(&plan));
    for words in [
        &["goal", "list"][..],
        &["goal", "status", "latest"],
        &["goal", "proof", "latest", "--verify"],
        &["goal", "run", "Again", "--until-ready", "-C", &root, "--plan", &plan],
    ] {
        ready(&nowhere(&scene, words));
    }
    let refused = nowhere(&scene, &["goal", "run", "Again", "--until-ready"]);
    assert_eq!(refused.code(), Some(2), "{}", refused.stderr());
}

#[test]
fn limits_of_processes_and_descriptors_end_no_command_by_a_panic() {
    let scene = Scene::new();
    let plan = scene.plan(&(slice("one", "writes = [\"one.txt\"]\nretries = 0", "echo 1 > one.txt") + GATE));
    let words = ["goal", "run", "Do it", "--until-ready", "--no-input", "--plan", &plan];
    let mut limits: Vec<String> = (4..=16).chain([20, 24]).map(|n| format!("ulimit -n {n}")).collect();
    let user = rustix::process::geteuid().is_root().then(|| 50_000 + std::process::id() % 9_000);
    if let Some(user) = user {
        fs::set_permissions(scene.place.path("."), fs::Permissions::from_mode(0o755)).unwrap();
        give_away(&scene.place.path("."), user);
        give_away(&scene.repo.beside("."), user);
        limits.extend((1..=12).map(|n| format!("ulimit -u {n}")));
    }
    for limit in limits {
        let omk = scene.command(&words);
        let mut command = match user.filter(|_| limit.contains("-u")) {
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args([&format!("--reuid={user}"), "--clear-groups", "bash"]);
                command
            }
            None => Command::new("bash"),
        };
        // The program is found below a directory that another user may not enter.
        let program = scene.place.path("omk");
        fs::copy(omk.get_program(), &program).unwrap();
        command.args(["-c", &format!("{limit}; exec \"$@\""), "bash"]).arg(&program).args(omk.get_args()).env_clear();
        command.envs(omk.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(&scene.repo.root);
        let ran = Ran(command.output().unwrap());
        assert!(!ran.stderr().contains("panicked"), "{limit}: {}", ran.stderr());
        assert!(!matches!(ran.code(), None | Some(101 | 134)), "{limit}: {:?} {}", ran.code(), ran.stderr());
    }
}
