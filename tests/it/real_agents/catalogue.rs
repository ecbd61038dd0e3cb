//! The real agents: where they are installed, and how each is pointed to a model server on loopback.
//!
//! Everything here was seen to work with the versions that `tests/real_agents/install.sh` pins.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The name of the model for agents that do not care.
const MODEL: &str = "scripted-model";

/// When another process of an agent finds its session again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resumes {
    AtOnce,
    /// Its files are named by the minute, and in the minute of their beginning it does not find them.
    AfterAMinute,
}

/// Whether the operator's words reach a running turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steers {
    Yes,
    No,
}

/// Where one run of an agent takes place.
pub(crate) struct Site<'a> {
    /// The model server.
    pub(crate) url: &'a str,
    /// A home of its own.
    pub(crate) home: &'a Path,
    /// A directory of its own that is not below the temporary directory.
    pub(crate) lasting: &'a Path,
}

/// An agent as it is tested.
pub(crate) struct Agent {
    /// Its name in the table and for `--agent`.
    pub(crate) name: &'static str,
    /// The built-in profile that it is like.
    pub(crate) like: &'static str,
    /// Its directory in the cache, and its package there.
    package: (&'static str, &'static str),
    /// Its program in that directory.
    program: &'static str,
    pub(crate) resumes: Resumes,
    pub(crate) steers: Steers,
    settings: fn(&Site<'_>) -> Vec<(&'static str, String)>,
}

/// All of them.
pub(crate) const AGENTS: &[Agent] = &[
    Agent {
        name: "kimi",
        like: "kimi",
        package: ("kimi", "@moonshot-ai/kimi-code"),
        program: "node_modules/.bin/kimi",
        resumes: Resumes::AtOnce,
        steers: Steers::No,
        settings: kimi,
    },
    Agent {
        name: "claude",
        like: "claude",
        package: ("claude-acp", "@agentclientprotocol/claude-agent-acp"),
        program: "node_modules/.bin/claude-agent-acp",
        resumes: Resumes::AtOnce,
        steers: Steers::Yes,
        settings: claude,
    },
    Agent {
        name: "claude-code",
        like: "claude-code",
        package: ("claude", "@anthropic-ai/claude-code"),
        program: "node_modules/.bin/claude",
        resumes: Resumes::AtOnce,
        steers: Steers::Yes,
        settings: claude,
    },
    Agent {
        name: "codex",
        like: "codex",
        package: ("codex-acp", "@agentclientprotocol/codex-acp"),
        program: "node_modules/.bin/codex-acp",
        resumes: Resumes::AtOnce,
        steers: Steers::Yes,
        settings: codex,
    },
    Agent {
        name: "codex-exec",
        like: "codex-exec",
        package: ("codex", "@openai/codex"),
        program: "node_modules/.bin/codex",
        resumes: Resumes::AtOnce,
        steers: Steers::No,
        settings: codex,
    },
    Agent {
        name: "opencode",
        like: "opencode",
        package: ("opencode", "opencode-ai"),
        program: "node_modules/.bin/opencode",
        resumes: Resumes::AtOnce,
        steers: Steers::Yes,
        settings: opencode,
    },
    Agent {
        name: "gemini",
        like: "gemini",
        package: ("gemini", "@google/gemini-cli"),
        program: "node_modules/.bin/gemini",
        resumes: Resumes::AfterAMinute,
        steers: Steers::No,
        settings: gemini,
    },
    Agent {
        name: "kimi-cli",
        like: "kimi-cli",
        package: ("kimi-cli", "kimi-cli"),
        program: "bin/kimi",
        resumes: Resumes::AtOnce,
        steers: Steers::Yes,
        settings: kimi_wire,
    },
];

impl Agent {
    /// Whether it is installed in the cache.
    pub(crate) fn is_in(&self, cache: &Path) -> bool {
        cache.join(self.package.0).join(self.program).exists()
    }

    /// Its version, as its package says.
    pub(crate) fn version(&self, cache: &Path) -> String {
        let place = cache.join(self.package.0);
        let manifest = fs::read_to_string(place.join("node_modules").join(self.package.1).join("package.json"));
        let manifest: Option<Value> = manifest.ok().and_then(|text| serde_json::from_str(&text).ok());
        let version = manifest.and_then(|manifest| manifest["version"].as_str().map(str::to_owned));
        version.or_else(|| fs::read_to_string(place.join("VERSION")).ok()).unwrap_or_else(|| "?".to_owned())
    }

    /// The variables that it gets, by which its profile's command is found as well; writes the files that it reads.
    pub(crate) fn settings(&self, site: &Site<'_>, cache: &Path) -> Vec<(String, String)> {
        let program = cache.join(self.package.0).join(self.program);
        let place = program.parent().expect("a directory").to_owned();
        let mut path = vec![place, cache.join("node24/node_modules/node/bin")];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let path = std::env::join_paths(path).unwrap().into_string().unwrap();
        let home = site.home.to_str().unwrap().to_owned();
        let all = (self.settings)(site).into_iter().chain([("PATH", path), ("HOME", home)]);
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn fixed(pairs: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

fn below(site: &Site<'_>, name: &str) -> String {
    site.home.join(name).to_str().unwrap().to_owned()
}

fn write(path: PathBuf, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn kimi(site: &Site<'_>) -> Vec<(&'static str, String)> {
    let mut all =
        fixed(&[("KIMI_MODEL_NAME", MODEL), ("KIMI_MODEL_API_KEY", "sk-test"), ("KIMI_MODEL_CAPABILITIES", "")]);
    all.push(("KIMI_MODEL_BASE_URL", format!("{}/v1", site.url)));
    all.push(("KIMI_CODE_HOME", below(site, "kimi")));
    all
}

fn kimi_wire(site: &Site<'_>) -> Vec<(&'static str, String)> {
    let mut all =
        fixed(&[("KIMI_MODEL_NAME", MODEL), ("KIMI_API_KEY", "sk-test"), ("KIMI_MODEL_MAX_CONTEXT_SIZE", "200000")]);
    all.push(("KIMI_BASE_URL", format!("{}/v1", site.url)));
    all.push(("KIMI_SHARE_DIR", below(site, "kimi-cli")));
    all
}

fn claude(site: &Site<'_>) -> Vec<(&'static str, String)> {
    let mut all = fixed(&[("ANTHROPIC_API_KEY", "sk-test"), ("ANTHROPIC_MODEL", "claude-sonnet-4-5")]);
    all.push(("ANTHROPIC_BASE_URL", site.url.to_owned()));
    all.push(("CLAUDE_CONFIG_DIR", below(site, "claude")));
    all
}

/// Its home is not below the temporary directory: there Codex makes no helper for its sandbox, and with bubblewrap
/// installed every command of it fails. Its adapter looks for plugins on the network before it reads `CODEX_CONFIG`: only this file keeps it from that.
fn codex(site: &Site<'_>) -> Vec<(&'static str, String)> {
    let config = format!(
        "model = \"gpt-5-codex\"\nmodel_provider = \"local\"\n[model_providers.local]\nname = \"local\"\n\
         base_url = \"{}/v1\"\nenv_key = \"CODEX_LOCAL_KEY\"\nwire_api = \"responses\"\nrequires_openai_auth = false\n\
         [features]\nplugins = false\napps = false\n",
        site.url
    );
    write(site.lasting.join("config.toml"), &config);
    let home = site.lasting.to_str().unwrap().to_owned();
    vec![("CODEX_HOME", home), ("CODEX_LOCAL_KEY", "sk-test".to_owned())]
}

/// At its first start in a home it fetches a package for plugins, and nothing turns that off: here it has it already.
fn opencode(site: &Site<'_>) -> Vec<(&'static str, String)> {
    let lock = json!({"packages": {"": {"dependencies": {"@opencode-ai/plugin": "*"}}}});
    write(site.home.join(".config/opencode/package-lock.json"), &lock.to_string());
    fs::create_dir(site.home.join(".config/opencode/node_modules")).unwrap();
    let model = format!("local/{MODEL}");
    let limits =
        json!({"limit": {"context": 200_000, "output": 8_000}, "cost": {"input": 1, "output": 2, "cache_read": 0.1}});
    let provider = json!({
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": format!("{}/v1", site.url), "apiKey": "sk-test"},
        "models": {MODEL: limits},
    });
    let config = json!({
        "model": model, "small_model": model, "enabled_providers": ["local"], "autoupdate": false,
        "share": "disabled", "provider": {"local": provider},
    });
    write(site.home.join(".config/opencode/opencode.json"), &config.to_string());
    Vec::new()
}

fn gemini(site: &Site<'_>) -> Vec<(&'static str, String)> {
    let settings = json!({
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": false},
        "general": {"enableAutoUpdate": false},
    });
    write(site.home.join(".gemini/settings.json"), &settings.to_string());
    let mut all = fixed(&[("GEMINI_API_KEY", "sk-test"), ("GEMINI_MODEL", "gemini-2.5-pro")]);
    all.push(("GOOGLE_GEMINI_BASE_URL", site.url.to_owned()));
    all
}
