//! What a session offers to choose among: its configuration options, as the answer that opens it lists them.

use serde_json::Value;

/// The option of a category, by that or by its id: `mode`, `model`.
pub(super) fn option<'a>(opened: &'a Value, category: &str) -> Option<&'a Value> {
    let options = opened.get("configOptions")?.as_array()?;
    let by_category = options.iter().find(|option| option["category"] == category);
    by_category.or_else(|| options.iter().find(|option| option["id"] == category))
}

/// Id and name of each value in a list of them, which may come in groups. `id` is the field that holds the id.
pub(super) fn offered<'a>(list: &'a Value, id: &str) -> Vec<(&'a str, &'a str)> {
    let listed = list.as_array().into_iter().flatten();
    let single = listed.flat_map(|one| one["options"].as_array().map_or(std::slice::from_ref(one), Vec::as_slice));
    single.filter_map(|one| Some((one[id].as_str()?, one["name"].as_str().unwrap_or_default()))).collect()
}
