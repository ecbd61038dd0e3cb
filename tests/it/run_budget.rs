//! A budget that is used up, and more of it.

use serde_json::json;

use crate::support::omk::Place;
use crate::support::scene::{GATE, Scene, slice};

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
