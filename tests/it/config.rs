//! The user's configuration: what is read, what wins, what is refused.

use std::ffi::OsString;
use std::path::Path;

use omk::agents::settings::Templates;
use omk::app::config::{Config, Variables, load};
use omk::domain::budget::{Limits, Price, Spender};
use omk::domain::goal::Settings;
use omk::domain::review::Role;

fn variables(given: &[(&str, &str)]) -> Variables {
    given.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

fn read(text: &str, more: &[(&str, &str)]) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    let mut variables = variables(more);
    variables.insert("OMK_CONFIG".into(), path.into_os_string());
    load(&variables).map_err(|error| error.to_string().replace(&dir.path().display().to_string(), "DIR"))
}

#[test]
fn every_number_that_supervises_can_be_set_in_the_file_and_by_a_variable() {
    let file = "lease = \"1s\"\nstall = \"2s\"\nattempt_timeout = \"3s\"\ngrace = \"4s\"\nbackoff = \"5s\"\n\
                quarantine_after = 6\nwait_for_quota = false\nretries = 7\nstand_ins = [\"cmd:a\", \"cmd:b\"]\n\
                max_file_size = \"3MiB\"\nmax_attempt_size = \"2 GB\"\n";
    let settings = Settings {
        lease_ms: 1_000,
        stall_ms: 2_000,
        attempt_timeout_ms: 3_000,
        grace_ms: 4_000,
        backoff_ms: 5_000,
        quarantine_after: 6,
        wait_for_quota: false,
        retries: 7,
        max_file_size: 3 << 20,
        max_attempt_size: 2_000_000_000,
        ..Settings::default()
    };
    let stand_ins = vec!["cmd:a".to_owned(), "cmd:b".to_owned()];
    assert_eq!(read(file, &[]), Ok(Config { settings: settings.clone(), stand_ins, ..Config::default() }));

    let given = [
        ("OMK_LEASE", "10ms"),
        ("OMK_STALL", "20ms"),
        ("OMK_ATTEMPT_TIMEOUT", "30ms"),
        ("OMK_BACKOFF", "1ms"),
        ("OMK_QUARANTINE_AFTER", "9"),
        ("OMK_WAIT_FOR_QUOTA", "true"),
        ("OMK_STAND_INS", "cmd:x, cmd:y z,"),
        ("OMK_MAX_FILE_SIZE", "4096"),
        ("OMK_MAX_ATTEMPT_SIZE", "1g"),
    ];
    let settings = Settings {
        max_file_size: 4096,
        max_attempt_size: 1 << 30,
        lease_ms: 10,
        stall_ms: 20,
        attempt_timeout_ms: 30,
        backoff_ms: 1,
        quarantine_after: 9,
        wait_for_quota: true,
        ..settings
    };
    let stand_ins = vec!["cmd:x".to_owned(), "cmd:y z".to_owned()];
    assert_eq!(read(file, &given), Ok(Config { settings, stand_ins, ..Config::default() }));
}

#[test]
fn prices_and_limits_of_roles_are_exact() {
    let file = "[budget.roles.executor]\ntokens = 1000\nusd = 1.5\ntime = \"1h\"\n\
                [budget.roles.security]\nusd = \"0.25\"\n\
                [prices.\"m-1\"]\ninput = 3\ncached = 0.3\noutput = \"15.000001\"\nas_of = \"2026-11-01\"\n\
                [prices.free]\ninput = 0\noutput = 0.0\nas_of = \"2026-10-31\"\n";
    let config = read(file, &[]).unwrap();
    let executor = Limits { time_ms: Some(3_600_000), tokens: Some(1_000), usd_micros: Some(1_500_000) };
    let security = Limits { usd_micros: Some(250_000), ..Limits::default() };
    let roles = [(Spender::Executor, executor), (Spender::Reviewer(Role::Security), security)];
    assert_eq!(config.role_limits, roles.into_iter().collect());
    let price = |model: &str, [input, cached, output]: [u64; 3], as_of: &str| Price {
        model: model.to_owned(),
        input_micros: input,
        cached_micros: cached,
        output_micros: output,
        as_of: as_of.to_owned(),
    };
    let m1 = price("m-1", [3_000_000, 300_000, 15_000_001], "2026-11-01");
    assert_eq!(config.prices, [price("free", [0, 0, 0], "2026-10-31"), m1]);
}

#[test]
fn what_cannot_be_is_refused_and_says_where() {
    let price = |fields: &str| format!("[prices.m]\n{fields}\n");
    let cases = [
        ("lease = \"9ms\"".to_owned(), "`lease`: `9ms` is out of range: it has to be at least 10ms"),
        ("stall = \"soon\"".to_owned(), "`stall`: `soon` is no duration"),
        ("max_file_size = \"1.5G\"".to_owned(), "`max_file_size`: `1.5G` is no size: write bytes, or a whole number"),
        ("max_attempt_size = \"99999999T\"".to_owned(), "`max_attempt_size`: `99999999T` is no size"),
        (price("input = -1\noutput = 1\nas_of = \"2026-11-01\""), "line 2: [prices.\"m\"], `input`: `-1` is no amount"),
        (price("input = 1\noutput = 0.0000001\nas_of = \"2026-11-01\""), "`output`: `0.0000001` is no amount"),
        (price("input = 1\noutput = 1\nas_of = \"2026-02-30\""), "`as_of`: `2026-02-30` is no day"),
        (price("input = 1\noutput = 1"), "missing field `as_of`"),
        (
            "[budget.roles.boss]\ntokens = 1".to_owned(),
            "line 1: [budget.roles]: `boss` is no role; there are executor, planner",
        ),
        ("[budget.roles.code]\ntokens = 0".to_owned(), "[budget.roles.code]: `tokens` is 0"),
        ("[budget]\ntokens = 5".to_owned(), "unknown field `tokens`"),
        ("[roles]\nsecurity = \"kimi\"".to_owned(), "[roles]: `security` takes no agent: reviewers use no agents yet"),
        ("[roles]\nboss = \"kimi\"".to_owned(), "[roles]: `boss` is no role; there are executor, planner"),
        ("agent = \"a\"\n[roles]\nexecutor = \"b\"".to_owned(), "`agent` is `a` and [roles] `executor` is `b`"),
        ("[roles]\nexecutor = 3".to_owned(), "executor = 3"),
        (
            "[agents.fast]\nlike = \"kimi\"\nmodle = \"k2\"".to_owned(),
            "[agents.fast]: there is no field `modle`; did you mean `model`?",
        ),
        (
            "[agents.fast]\nlike = \"kimmi\"".to_owned(),
            "[agents.fast]: `like`: there is no agent `kimmi`; there are kimi, ",
        ),
        ("[agents.fast]\nlike = \"kimmi\"".to_owned(), "did you mean `kimi`?"),
        ("[agents.fast]\ncommand = [\"x\"]\nprotocol = \"acpp\"".to_owned(), "did you mean `acp`?"),
        (
            "[agents.x]\nlike = \"y\"\n[agents.y]\nlike = \"x\"".to_owned(),
            "[agents.x], [agents.y]: each is like another",
        ),
        ("[agents.x]\nlike = \"kimi\"\nhome = { private = \"a\", variable = 3 }".to_owned(), "`home.variable`"),
    ];
    for (file, said) in cases {
        let error = read(&file, &[]).unwrap_err();
        assert!(error.contains(said) && error.contains("DIR/config.toml"), "{file}\n{error}");
    }
    for (name, value) in [("OMK_STALL", "1ms"), ("OMK_WAIT_FOR_QUOTA", "maybe"), ("OMK_QUARANTINE_AFTER", "-1")] {
        let error = read("", &[(name, value)]).unwrap_err();
        assert!(error.contains(&format!("${name}")) && error.contains(value), "{error}");
    }
}

#[test]
fn what_the_command_line_and_plans_refuse_is_refused_in_the_file_and_as_a_variable_too() {
    let gate = |name: &str| format!("[[gates]]\nname = \"{name}\"\ncommand = \"true\"\n");
    let range = |count: u32| format!("`{count}` is out of range: it has to be between 1 and 1024");
    let cases = [
        (gate("a") + &gate("b") + &gate("a"), "line 8: [[gates]]: there are two gates called `a`".to_owned()),
        (
            "[[gates]]\nname = \"a\"\ncommand = \" \"".to_owned(),
            "[[gates]]: the `command` of `a` is empty, and would always be green".to_owned(),
        ),
        (
            "[[gates]]\nname = \"a\"\ncommand = []".to_owned(),
            "[[gates]]: the `command` of `a` is empty, and would always be green".to_owned(),
        ),
        ("retries = 1001".to_owned(), "`retries`: `1001` is out of range: it has to be between 0 and 1000".to_owned()),
        ("\nmax_agents = 0".to_owned(), format!("line 2: `max_agents`: {}", range(0))),
        ("max_agents = 5000".to_owned(), format!("`max_agents`: {}", range(5_000))),
        ("prompt = \"rel.jinja\"".to_owned(), "line 1: `prompt`: `rel.jinja` is not absolute".to_owned()),
        ("prompt = \"/no/such.jinja\"".to_owned(), "`prompt`: /no/such.jinja cannot be read: No such file".to_owned()),
        ("prompt = \"/\"".to_owned(), "`prompt`: / is no file".to_owned()),
    ];
    for (file, said) in cases {
        let error = read(&file, &[]).unwrap_err();
        assert!(error.contains(&said) && error.contains("DIR/config.toml"), "{file}\n{error}");
    }
    for (name, value) in [("OMK_MAX_AGENTS", "0"), ("OMK_MAX_AGENTS", "5000"), ("OMK_RETRIES", "1001")] {
        let error = read("", &[(name, value)]).unwrap_err();
        assert!(error.contains(&format!("${name} cannot be used: `{value}` is out of range")), "{error}");
    }
    let sound = gate("a") + &gate("b") + "[agents]\n";
    assert_eq!(read(&sound, &[("OMK_MAX_AGENTS", "1024")]).unwrap().max_agents, Some(1024));
}

#[test]
fn the_executor_is_the_agent_of_slices_and_agents_may_be_like_later_ones() {
    let file = "[roles]\nexecutor = \"a\"\n[agents.a]\nlike = \"b\"\n[agents.b]\nlike = \"c\"\n\
                [agents.c]\nlike = \"kimi\"\nmodel = \"k2\"\n";
    let config = read(file, &[]).unwrap();
    assert_eq!((config.agent.as_deref(), config.own_agents.join(" ")), (Some("a"), "a b c".to_owned()));
    let model = |name: &str| config.agents.profiles.find(name).and_then(|profile| profile.model.clone());
    assert_eq!(model("a"), Some("k2".to_owned()));
    assert_eq!(read(file, &[("OMK_AGENT", "b")]).unwrap().agent.as_deref(), Some("b"));
}

#[test]
fn what_can_be_read_and_not_used_is_refused_with_its_line() {
    let cases = [
        ("lease = \"1s\"\n\n[agents.fast]\nlike = \"kimi\"\nmodle = \"k2\"\n", 5),
        ("[agents.fast]\n# why\nlike = \"kimmi\"\n", 3),
        ("[agents.fast]\nlike = \"kimi\"\n[agents.fast.quirks]\nexit_ms = 5\nhandshake = 1\n", 5),
        ("[agents.fast]\nlike = \"kimi\"\nquirks = { handshake = 1 }\n", 3),
        ("agents = { fast = { env = { A = \"b\" } } }\n", 1),
        ("\n[agents]\n\"a b\" = { command = [\"x\"] }\n", 3),
        ("[agents.x]\ncommand = [\"x\"]\nprotocol = \"cmd\"\nmodel = \"m\"\n", 4),
        ("[roles]\nexecutor = \"kimi\"\nboss = \"kimi\"\n", 3),
        ("agent = \"a\"\n[roles]\nexecutor = \"b\"\n", 3),
        ("[commands]\ndenied = [\"x\"]\nunatended = \"ask\"\n", 3),
        ("retries = 1\nstall = \"soon\"\n", 2),
        ("retries = 1\nresumed_prompt = \"mine.jinja\"\n", 2),
    ];
    for (file, line) in cases {
        let error = read(file, &[]).unwrap_err();
        let lines = [format!("line {line}:"), format!("line {line},")];
        assert!(lines.iter().any(|line| error.contains(line)) && error.contains("DIR/config.toml"), "{file}\n{error}");
    }
}

#[test]
fn a_value_within_a_list_or_a_table_of_tables_is_named_with_the_line_that_it_stands_in() {
    let price = "[prices.m]\nas_of = \"2026-11-01\"\n";
    let gate = "[[gates]]\nname = \"a\"\ncommand = \"true\"\n[[gates]]\nname = \"b\"\n";
    let cases = [
        (format!("{price}input = 1\noutput = -1\n"), "line 4: [prices.\"m\"], `output`: "),
        (format!("{price}input = 1\ncached = -1\noutput = 1\n"), "line 4: [prices.\"m\"], `cached`: "),
        ("[prices]\n\nm = { input = 1, output = 1, as_of = \"x\" }\n".to_owned(), "line 3: [prices.\"m\"], `as_of`: "),
        ("[budget.roles.code]\ntime = \"1h\"\ntokens = 0\n".to_owned(), "line 3: [budget.roles.code]: `tokens` is 0"),
        ("[budget.roles.code]\ntokens = 1\nusd = 0\n".to_owned(), "line 3: [budget.roles.code]: `usd` is 0"),
        ("[budget.roles]\n\ncode.usd = -1\n".to_owned(), "line 3: [budget.roles.code]: `usd`: `-1` is no amount"),
        ("[budget.roles.code]\n\ntime = \"soon\"\n".to_owned(), "line 3: [budget.roles.code]: `time`: `soon` is no"),
        (format!("{gate}command = \"\"\n"), "line 6: [[gates]]: the `command` of `b` is empty"),
        (format!("{gate}command = \"x\"\ntimeout = \"0s\"\n"), "line 7: gate `b`: `0s` is out of range"),
        ("gates = [\n{ name = \"a\", command = \"x\" },\n{ name = \"a\", command = \"y\" }]\n".to_owned(), "line 3: "),
    ];
    for (file, said) in cases {
        let error = read(&file, &[]).unwrap_err();
        assert!(error.contains(said) && error.contains("DIR/config.toml"), "{file}\n{error}");
    }
}

#[test]
fn each_prompt_has_a_template_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let [a, b] = ["a.jinja", "b.jinja"].map(|name| dir.path().join(name));
    [&a, &b].iter().for_each(|path| std::fs::write(path, "").unwrap());
    let text = format!("prompt = \"{}\"\nresumed_prompt = \"{}\"\n", a.display(), b.display());
    let config = read(&text, &[]).unwrap();
    let templates = Templates { prompt: Some(a), resumed: Some(b) };
    assert_eq!(config.agents.templates, templates);
}

#[test]
fn a_file_that_is_named_has_to_be_there() {
    let named = variables(&[("OMK_CONFIG", "/nowhere/config.toml")]);
    assert!(load(&named).unwrap_err().to_string().contains("/nowhere/config.toml"));
    let default = variables(&[("HOME", "/nowhere")]);
    assert_eq!(load(&default).ok(), Some(Config::default()), "{}", Path::new("/nowhere").exists());
}
