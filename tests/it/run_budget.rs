//! A budget that is used up, and more of it.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::omk::{Place, Ran};
use crate::support::scene::{GATE, Scene, slice, until};

#[test]
fn a_goal_whose_time_is_used_up_goes_on_with_more() {
    let scene = Scene::new();
    // Whatever the machine's load: the agent never ends before the budget does.
    let plan = slice("slow", "writes = [\"slow.txt\"]", &format!("{}; echo x > slow.txt", scene.wait_for("on", "go")));
    let ran = scene.run(&(plan + GATE), &["--budget-time", "1s", "--json"]);
    let settled = ran.json();
    assert_eq!((ran.code(), &settled["status"]), (Some(7), &json!("needs_more_budget")), "{settled}");
    assert_eq!(settled["next"][0], json!(format!("omk goal budget-add {} --time …", scene.id())));

    let added = scene.omk(&["goal", "budget-add", &scene.id(), "--time", "10m", "--json"]);
    let document = added.json();
    assert_eq!((added.code(), &document["schema"]), (Some(0), &json!("omk.budget-add/v1")), "{document}");
    assert_eq!(document["limits"], json!({"time_ms": 601_000}));

    scene.make("go");
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}{}", resumed.stdout(), resumed.stderr());
    assert_eq!(scene.integrated("slow.txt"), "x");
}

#[test]
fn more_budget_has_to_be_of_some_kind() {
    let ran = Place::new().run(&["goal", "budget-add"]);
    assert_eq!(ran.code(), Some(2));
    assert!(ran.stderr().contains("--time"), "{}", ran.stderr());
}

#[test]
fn a_final_goal_takes_no_more_budget() {
    let scene = Scene::new();
    scene.run(&(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE), &[]);
    let before = scene.everything();
    let ran = scene.omk(&["goal", "budget-add", "--time", "1m"]);
    assert_eq!(ran.code(), Some(2), "{}", ran.stderr());
    scene.everything().assert_as(&before);
}

/// A line in which an agent says that it used so many tokens.
fn says(tokens: u64) -> String {
    format!("echo '{{\"type\":\"usage\",\"output_tokens\":{tokens}}}'")
}

fn assert_ready(ran: &Ran) {
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
}

#[test]
fn tokens_stop_an_agent_in_the_middle_of_its_work_and_more_of_them_let_the_goal_go_on() {
    let scene = Scene::new();
    let run = format!("{}\n{}\n{}; echo x > one.txt", says(700), says(600), scene.wait_for("on", "go"));
    let plan = slice("one", "writes = [\"one.txt\"]", &run);
    let ran = scene.run(&(plan + GATE), &["--budget-tokens", "1000", "--json"]);
    let settled = ran.json();
    assert_eq!((ran.code(), &settled["status"]), (Some(7), &json!("needs_more_budget")), "{settled}");
    assert_eq!(settled["reason"], "the budget of tokens is used up");
    assert_eq!(settled["next"][0], json!(format!("omk goal budget-add {} --tokens …", scene.id())));
    let said = |kind: &str| scene.records_of(kind);
    assert_eq!(said("budget_noticed")[0], json!({"budget": "tokens", "spent": 700, "limit": 1000}));
    assert_eq!(said("budget_exhausted"), [json!({"budget": "tokens", "spent": 1300, "limit": 1000})]);
    assert_eq!(said("attempt_finished")[0]["outcome"]["kind"], "interrupted");

    // What is derived is made again from the journal.
    let derived = ["cost.jsonl", "budget-checkpoints.jsonl"].map(|name| scene.goal().join(name));
    derived.iter().for_each(|file| std::fs::remove_file(file).unwrap());
    let added = scene.omk(&["goal", "budget-add", "--tokens", "10000", "--json"]);
    assert_eq!(added.json()["limits"], json!({"tokens": 11_000}));
    let lines = derived.map(|file| std::fs::read_to_string(file).unwrap());
    let cost: Value = serde_json::from_str(lines[0].lines().next().unwrap()).unwrap();
    assert_eq!((&cost["slice"], &cost["usage"]["output_tokens"]), (&json!("one"), &json!(1300)), "{cost}");
    assert_eq!((&cost["agent"], &cost["usd_micros"]), (&json!("script"), &Value::Null), "{cost}");
    assert!(lines[1].contains("\"usd_complete\":false"), "{}", lines[1]);

    scene.make("go");
    assert_ready(&scene.omk(&["goal", "resume"]));
    let budget = scene.json("budget");
    assert_eq!((&budget["schema"], &budget["status"]), (&json!("omk.budget/v1"), &json!("ready")));
    assert_eq!(budget["goal"]["usage"]["output_tokens"], 2600);
    assert_eq!(budget["goal"]["left"], json!({"tokens": 8_400}));
    assert_eq!((&budget["reservations"], &budget["goal"]["lost"]), (&json!([]), &json!({})));
    assert_eq!(budget["attempts"].as_array().unwrap().len(), 2);
}

#[test]
fn a_slice_that_spends_its_own_budget_is_given_up_and_the_rest_goes_on() {
    let scene = Scene::new();
    let run = format!("{}\n{}; echo x > greedy.txt", says(120), scene.wait_for("on", "go"));
    let greedy = slice("greedy", "writes = [\"greedy.txt\"]\nbudget = { tokens = 100, usd = 1.5 }", &run);
    let modest = slice("modest", "writes = [\"modest.txt\"]", "echo y > modest.txt");
    let ran = scene.run(&(greedy + &modest + GATE), &["--json"]);
    let settled = ran.json();
    assert_eq!((ran.code(), &settled["status"]), (Some(7), &json!("needs_more_budget")), "{settled}");
    let reason = settled["reason"].as_str().unwrap();
    assert!(reason.starts_with("slice `greedy` was given up: its budget of 100 tokens is used up"), "{reason}");
    let add = format!("omk goal budget-add {} --slice greedy --tokens …", scene.id());
    assert_eq!(settled["next"][0], json!(add));
    assert_eq!(scene.records_of("slice_integrated")[0]["slice"], "modest");

    // Without more, it is left as it is.
    assert_eq!(scene.omk(&["goal", "resume"]).code(), Some(7));
    assert_eq!(scene.records_of("slice_reopened"), Vec::<Value>::new());
    let unknown = scene.omk(&["goal", "budget-add", "--slice", "nobody", "--tokens", "1"]);
    assert_eq!(unknown.code(), Some(2), "{}", unknown.stderr());
    let added = scene.omk(&["goal", "budget-add", "--slice", "greedy", "--tokens", "1000", "--json"]);
    let (account, limits) = (json!({"slice": "greedy"}), json!({"tokens": 1100, "usd_micros": 1_500_000}));
    assert_eq!((&added.json()["account"], &added.json()["limits"]), (&account, &limits), "{}", added.stdout());
    scene.make("go");
    assert_ready(&scene.omk(&["goal", "resume"]));
    assert_eq!(scene.integrated("greedy.txt"), "x");
    assert_eq!(scene.records_of("slice_integrated").len(), 2);
}

#[test]
fn a_role_that_spends_its_budget_stops_the_goal() {
    let scene = Scene::new();
    configure(&scene, "[budget.roles.executor]\ntokens = 100\n");
    let run = format!("{}\n{}; echo x > one.txt", says(120), scene.wait_for("on", "go"));
    let ran = scene.run(&(slice("one", "writes = [\"one.txt\"]", &run) + GATE), &["--json"]);
    let settled = ran.json();
    assert_eq!((ran.code(), &settled["reason"]), (Some(7), &json!("the budget of tokens of role executor is used up")));
    let add = format!("omk goal budget-add {} --role executor --tokens …", scene.id());
    assert_eq!(settled["next"][0], json!(add));
    assert_eq!(scene.omk(&["goal", "budget-add", "--role", "executor", "--tokens", "1000"]).code(), Some(0));
    scene.make("go");
    assert_ready(&scene.omk(&["goal", "resume"]));
}

/// Writes the user's configuration.
fn configure(scene: &Scene, text: &str) {
    let dir = scene.place.path(".config/omk");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("config.toml"), text).unwrap();
}

#[test]
fn money_comes_from_the_users_prices_and_is_unknown_where_there_is_none() {
    let scene = Scene::new();
    configure(&scene, "[prices.\"m-1\"]\ninput = 3\ncached = 0.3\noutput = 15\nas_of = \"2026-11-01\"\n");
    let said = |model: &str, id: &str, input: u64, output: u64| {
        format!(
            "echo '{{\"type\":\"usage\",\"model\":\"{model}\",\"id\":\"{id}\",\"input_tokens\":{input},\
             \"cached_tokens\":100000,\"output_tokens\":{output}}}'"
        )
    };
    // The same message twice: its second report has more of what it wrote.
    let one = format!("{}\n{}\necho 1 > one.txt", said("m-1", "a", 400_000, 1), said("m-1", "a", 400_000, 10_000));
    let two = format!("{}\necho 2 > two.txt", said("m-2", "a", 200_000, 5_000));
    let plan = slice("one", "writes = [\"one.txt\"]", &one) + &slice("two", "writes = [\"two.txt\"]", &two);
    let ran = scene.run(&(plan + GATE), &["--budget-usd", "25"]);
    assert_ready(&ran);
    let cost = 900_000 + 30_000 + 150_000;
    let budget = scene.json("budget");
    let slices: Vec<_> = budget["slices"].as_array().unwrap().iter().collect();
    assert_eq!((&slices[0]["usage"]["usd_micros"], &slices[0]["usd_complete"]), (&json!(cost), &json!(true)));
    assert_eq!((&slices[1]["usage"]["usd_micros"], &slices[1]["usd_complete"]), (&Value::Null, &json!(false)));
    assert_eq!(
        (&budget["goal"]["usage"]["usd_micros"], &budget["goal"]["usd_complete"]),
        (&json!(cost), &json!(false))
    );
    assert_eq!(budget["unpriced_models"], json!(["m-2"]));
    assert_eq!(budget["prices"][0]["as_of"], "2026-11-01");

    let text = scene.omk(&["goal", "budget"]).stdout();
    for shown in ["$1.08 + unknown", "unknown: no price for m-2", "m-1", "$0.30", "2026-11-01", "one", "executor"] {
        assert!(text.contains(shown), "{shown}:\n{text}");
    }
    let markdown = scene.omk(&["goal", "budget", "--format", "md"]).stdout();
    assert!(markdown.contains("| two | ") && markdown.contains("| unknown |"), "{markdown}");
    let status = scene.omk(&["goal", "status"]).stdout();
    assert!(status.contains("$1.08 + unknown of $25.00"), "{status}");
    assert!(ran.stdout().contains("$1.08 + unknown of $25.00"), "{}", ran.stdout());
}

#[test]
fn what_an_agent_held_when_omk_was_killed_counts_as_spent() {
    let scene = Scene::new();
    let plan = slice("one", "writes = [\"one.txt\"]", &format!("{}; echo x > one.txt", scene.wait_for("on", "go")));
    let mut session = scene.start_plan(&(plan + GATE), &["--budget-tokens", "1000", "--max-agents", "1"]);
    scene.see("on");
    session.signal(Signal::KILL);
    session.end();
    let held = json!([{"slice": "one", "tokens": 500, "usd_micros": 0}]);
    assert_eq!(scene.records_of("budget_reserved"), *held.as_array().unwrap());
    assert_eq!(scene.json("budget")["reservations"], held);

    scene.make("go");
    assert_ready(&scene.omk(&["goal", "resume"]));
    let goal = &scene.json("budget")["goal"];
    assert_eq!((&goal["lost"], &goal["left"]), (&json!({"tokens": 500}), &json!({"tokens": 500})), "{goal}");
    let text = scene.omk(&["goal", "budget"]).stdout();
    assert!(text.contains("500 tokens reserved by attempts that ended without a word count as spent"), "{text}");
}

#[test]
fn without_a_limit_the_journal_holds_nothing_about_reservations() {
    let scene = Scene::new();
    let ran = scene.run(&(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE), &[]);
    assert_ready(&ran);
    let kinds: Vec<_> = scene.records().iter().map(|it| it["type"].as_str().unwrap().to_owned()).collect();
    let of_reservations = ["budget_reserved", "budget_settled"];
    assert!(!kinds.iter().any(|kind| of_reservations.contains(&kind.as_str())), "{kinds:?}");
}

#[test]
fn what_has_no_limit_gets_none_by_an_addition() {
    let scene = Scene::new();
    let run = format!("{}\nexit 1", says(440));
    scene.run(&(slice("one", "writes = [\"one.txt\"]\nretries = 0", &run) + GATE), &[]);
    let before = scene.everything();
    let ran = scene.omk(&["goal", "budget-add", "--tokens", "100"]);
    assert_eq!(ran.code(), Some(2), "{}", ran.stdout());
    let refusal = "the goal has no limit of tokens, so there is nothing to add to: it goes on without";
    assert!(ran.stderr().contains(refusal), "{}", ran.stderr());
    scene.everything().assert_as(&before);
}

#[test]
fn an_addition_that_does_not_do_says_what_is_still_used_up_and_what_helps() {
    let scene = Scene::new();
    configure(&scene, "[budget.roles.executor]\ntokens = 1200\n");
    let run = format!("{}\n{}; echo x > one.txt", says(1_300), scene.wait_for("on", "go"));
    scene.run(&(slice("one", "writes = [\"one.txt\"]", &run) + GATE), &["--budget-tokens", "1000"]);
    let id = scene.id();
    let added = scene.omk(&["goal", "budget-add", "--tokens", "100"]);
    let (to_goal, to_role) = (
        format!("omk goal budget-add {id} --tokens 201"),
        format!("omk goal budget-add {id} --role executor --tokens 101"),
    );
    let said = [
        format!("{id} may spend 1.1k tokens in all"),
        format!("still used up: tokens of the goal: 1300 of 1100; needs at least: {to_goal}"),
        format!("still used up: tokens of role executor: 1300 of 1200; needs at least: {to_role}"),
        format!("next: {to_goal}"),
    ];
    assert_eq!(added.stdout().lines().collect::<Vec<_>>(), said);
    let document = scene.omk(&["goal", "budget-add", "--tokens", "5000", "--json"]).json();
    let role = json!([{"account": {"role": "executor"}, "budget": "tokens", "spent": 1300, "limit": 1200}]);
    assert_eq!((&document["used_up"], &document["next"]), (&role, &json!(to_role)));
    assert_eq!(scene.omk(&["goal", "resume"]).code(), Some(7));
    let document = scene.omk(&["goal", "budget-add", "--role", "executor", "--tokens", "5000", "--json"]).json();
    assert_eq!((&document["used_up"], &document["next"]), (&Value::Null, &json!(format!("omk goal resume {id}"))));
    scene.make("go");
    assert_ready(&scene.omk(&["goal", "resume"]));
}

#[test]
fn a_goal_that_is_resumed_with_its_budget_used_up_starts_nothing_and_says_so_again() {
    let scene = Scene::new();
    let run = format!("{}\n{}; echo x > one.txt", says(1_300), scene.wait_for("on", "go"));
    scene.run(&(slice("one", "writes = [\"one.txt\"]", &run) + GATE), &["--budget-tokens", "1000"]);
    assert_eq!(scene.omk(&["goal", "resume"]).code(), Some(7));
    assert_eq!(scene.records_of("attempt_offered").len(), 1);
    let status = scene.omk(&["goal", "status", "--json"]).json();
    assert_eq!((&status["status"], &status["budget"]["exhausted"]), (&json!("needs_more_budget"), &json!("tokens")));
    let text = scene.omk(&["goal", "status"]).stdout();
    assert!(text.contains("1.3k of 1.0k tok   tokens used up"), "{text}");
}

#[test]
fn use_that_no_agent_reports_is_unknown_and_never_zero() {
    let scene = Scene::new();
    let agent = "cmd:echo x > one.txt; echo '{\"type\":\"usage\",\"output_tokens\":\"many\"}'";
    let plan = "[[slices]]\nid = \"one\"\ntitle = \"The one\"\ndescription = \"Write it\"\nwrites = [\"one.txt\"]\n"
        .to_owned()
        + GATE;
    let ran = scene.run(&plan, &["--agent", agent, "--budget-usd", "2", "--budget-tokens", "1000"]);
    assert_ready(&ran);
    let note = "1 attempt reported no use; the limits of tokens and US dollars do not hold for them";
    for verb in ["budget", "status"] {
        let text = scene.omk(&["goal", verb]).stdout();
        assert!(text.contains("unknown") && text.contains(note) && !text.contains("$0.00"), "{text}");
    }
    for said in ["unknown of $2.00   unknown of 1.0k tok", note] {
        assert!(ran.stdout().contains(said), "{}", ran.stdout());
    }
    let budget = scene.json("budget");
    for account in [&budget["goal"], &budget["slices"][0], &budget["roles"][0]] {
        assert_eq!((&account["usd_complete"], &account["unreported"]), (&json!(false), &json!(1)), "{account}");
    }
    let list = scene.omk(&["goal", "list"]).stdout();
    assert!(list.contains("unknown"), "{list}");
}

#[test]
fn what_attempts_lost_is_shown_beside_what_they_used() {
    let scene = Scene::new();
    let run = format!("{}\n{}; echo x > one.txt", says(300), scene.wait_for("on", "go"));
    let plan = slice("one", "writes = [\"one.txt\"]", &run) + GATE;
    let mut session = scene.start_plan(&plan, &["--budget-tokens", "10000", "--max-agents", "1"]);
    scene.see("on");
    scene.see_record("usage_recorded");
    session.signal(Signal::KILL);
    session.end();
    scene.make("go");
    let resumed = scene.omk(&["goal", "resume"]);
    assert_ready(&resumed);
    for text in [resumed.stdout(), scene.omk(&["goal", "status"]).stdout()] {
        assert!(text.contains("600 + 4.7k lost of 10k tok"), "{text}");
    }
    let text = scene.omk(&["goal", "budget"]).stdout();
    let columns = text.lines().find(|line| line.contains("may spend")).unwrap();
    assert!(columns.contains("cost     lost"), "{text}");
    assert!(text.contains("4.7k tokens"), "{text}");
}

#[test]
fn the_time_of_a_run_goes_on_between_its_records_and_never_back() {
    let scene = Scene::new();
    let plan = slice("one", "writes = [\"one.txt\"]", &format!("{}; echo x > one.txt", scene.wait_for("on", "go")));
    let mut session = scene.start_plan(&(plan + GATE), &["--budget-usd", "5"]);
    scene.see("on");
    let status = || scene.json("status")["budget"]["time_ms"].as_u64().unwrap();
    let mut before = status();
    until("the time goes on", || status() > before + 300);
    before = status();
    assert_eq!(scene.omk(&["goal", "budget-add", "--usd", "5"]).code(), Some(0));
    let after = status();
    let budget = scene.json("budget")["goal"]["time_ms"].as_u64().unwrap();
    assert!(before <= after && after <= budget, "{before}, {after}, {budget}");
    session.signal(Signal::STOP);
    until("it is seen to be stopped", || scene.json("status")["process"]["health"] == "stopped");
    assert_eq!(status(), status(), "nobody works");
    session.signal(Signal::CONT);
    scene.make("go");
    assert_eq!(session.code(), Some(0));
}

#[test]
fn an_attempt_may_take_as_long_as_what_was_added_to_its_slices_budget_lets_it() {
    let scene = Scene::new();
    let run = format!("{}; echo x > slow.txt", scene.wait_for("on", "go"));
    let plan = slice("slow", "writes = [\"slow.txt\"]\nbudget = { time = \"1s\" }", &run) + GATE;
    let ran = scene.run(&plan, &["--json"]);
    let settled = ran.json();
    assert_eq!((ran.code(), &settled["status"]), (Some(7), &json!("needs_more_budget")), "{settled}");
    assert_eq!(scene.records_of("attempt_finished")[0]["outcome"]["kind"], "interrupted");
    assert_eq!(scene.omk(&["goal", "budget-add", "--slice", "slow", "--time", "1h"]).code(), Some(0));
    let mut session = scene.start(&["goal", "resume"]);
    let worked = || scene.json("budget")["slices"][0]["time_ms"].as_u64().unwrap();
    until("it has worked for longer than the plan gave it, twice", || worked() > 2_500);
    scene.make("go");
    assert_eq!(session.code(), Some(0), "{}{}", session.stdout(), session.stderr());
    assert_eq!(scene.records_of("attempt_offered").len(), 2);
}

#[test]
fn what_an_agent_used_that_was_killed_with_omk_before_it_said_so_is_unknown() {
    for goes_on in [&["goal", "resume"][..], &["goal", "retry", "--slice", "one"]] {
        let scene = Scene::new();
        let agent = format!("cmd:{}; echo x > one.txt; {}", scene.wait_for("on", "go"), says(5));
        let plan = "[[slices]]\nid = \"one\"\ntitle = \"The one\"\ndescription = \"Write it\"\nwrites = [\"one.txt\"]\n"
            .to_owned() + GATE;
        let mut session = scene.start_plan(&plan, &["--agent", &agent]);
        scene.see("on");
        session.signal(Signal::KILL);
        session.end();
        scene.make("go");
        assert_ready(&scene.omk(goes_on));
        let budget = scene.json("budget");
        for account in [&budget["goal"], &budget["slices"][0], &budget["roles"][0]] {
            assert_eq!(account["unreported"], json!(1), "{account}");
        }
    }
}
