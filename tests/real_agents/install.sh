#!/bin/sh
# Installs the real agents at pinned versions, each into a directory of its own below $1. What is there is kept.
# Needs npm; kimi-cli also needs Python 3.12 or later, and is left out where there is none.
set -eu
cache=${1:?the directory to install into}
mkdir -p "$cache"

npm_install() { npm install --silent --no-audit --no-fund --prefix "$1" "$2"; }

# agent DIRECTORY PACKAGE VERSION
agent() {
    manifest="$cache/$1/node_modules/$2/package.json"
    if [ -f "$manifest" ] && [ -f "$cache/$1/.done-$3" ]; then return 0; fi
    echo "installing $2@$3" >&2
    npm_install "$cache/$1" "$2@$3" && touch "$cache/$1/.done-$3"
}

# Some of them need a newer Node than systems have; it comes first in their PATH.
node="$cache/node24/node_modules/node/bin"
[ -x "$node/node" ] || npm_install "$cache/node24" node@24.21.0
PATH="$node:$PATH"
export PATH

agent kimi @moonshot-ai/kimi-code 2.1.0
agent claude @anthropic-ai/claude-code 2.1.329
agent claude-acp @agentclientprotocol/claude-agent-acp 0.100.0
agent codex @openai/codex 0.169.0
agent codex-acp @agentclientprotocol/codex-acp 2.6.0
agent opencode opencode-ai 1.18.33
agent gemini @google/gemini-cli 0.61.0

# The Python CLI. A later version only prints that it is retired.
kimi_cli=1.51.0
if [ ! -f "$cache/kimi-cli/VERSION" ]; then
    python=
    for candidate in python3.14 python3.13 python3.12 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "*** kimi-cli $kimi_cli is left out: there is no Python 3.12 or later ***" >&2
    elif "$python" -m venv "$cache/kimi-cli" && "$cache/kimi-cli/bin/pip" install -q "kimi-cli==$kimi_cli"; then
        echo "$kimi_cli" > "$cache/kimi-cli/VERSION"
    else
        rm -rf "$cache/kimi-cli"
        echo "*** kimi-cli $kimi_cli is left out: it cannot be installed ***" >&2
    fi
fi
