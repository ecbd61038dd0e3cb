#!/bin/sh
# install.sh DIRECTORY [AGENT]...: installs real agents, by their names in the table, at pinned versions, each below a
# directory of its own; without names all of them. What is there in its version is kept; half of one is never left.
# Needs npm; kimi-cli also needs Python 3.12 or later, and is left out where there is none.
set -eu
cache=${1:?the directory to install into}
shift
[ $# -gt 0 ] || set -- kimi claude claude-code codex codex-exec opencode gemini kimi-cli
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
making=$(mktemp -d "$cache/.making.XXXXXX")
trap 'rm -rf "$making"' EXIT
trap 'exit 1' HUP INT TERM

# npm_install DIRECTORY PACKAGE VERSION
npm_install() {
    if [ -f "$cache/$1/.done-$3" ]; then return 0; fi
    echo "installing $2@$3" >&2
    npm install --silent --no-audit --no-fund --prefix "$making/$1" "$2@$3"
    touch "$making/$1/.done-$3"
    rm -rf "${cache:?}/$1"
    mv "$making/$1" "$cache/$1"
}

# The Python CLI. Its virtual environment cannot be moved. A later version only prints that it is retired.
kimi_cli() {
    if [ -f "$cache/kimi-cli/VERSION" ]; then return 0; fi
    # What pyenv has is not in PATH unless it is chosen.
    for python in python3.14 python3.13 python3.12 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python3 none; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then break; fi
    done
    if [ "$python" = none ]; then
        echo "*** kimi-cli $1 is left out: there is no Python 3.12 or later ***" >&2
        return 0
    fi
    echo "installing kimi-cli $1" >&2
    if "$python" -m venv --clear "$cache/kimi-cli" && "$cache/kimi-cli/bin/pip" install -q "kimi-cli==$1"; then
        echo "$1" > "$cache/kimi-cli/VERSION"
    else
        rm -rf "$cache/kimi-cli"
        echo "*** kimi-cli $1 is left out: it cannot be installed ***" >&2
    fi
}

# Some of them need a newer Node than systems have; it comes first in their PATH.
npm_install node24 node 24.21.0
PATH="$cache/node24/node_modules/node/bin:$PATH"
export PATH

for agent in "$@"; do
    case $agent in
    kimi) npm_install kimi @moonshot-ai/kimi-code 2.1.0 ;;
    claude) npm_install claude-acp @agentclientprotocol/claude-agent-acp 0.100.0 ;;
    claude-code) npm_install claude @anthropic-ai/claude-code 2.1.329 ;;
    codex) npm_install codex-acp @agentclientprotocol/codex-acp 2.6.0 ;;
    codex-exec) npm_install codex @openai/codex 0.169.0 ;;
    opencode) npm_install opencode opencode-ai 1.18.33 ;;
    gemini) npm_install gemini @google/gemini-cli 0.61.0 ;;
    kimi-cli) kimi_cli 1.51.0 ;;
    *)
        echo "install.sh: there is no agent $agent" >&2
        exit 1
        ;;
    esac
done
