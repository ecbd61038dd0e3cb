#!/bin/sh
# install.sh DIRECTORY [AGENT]...: installs real agents, by their names in the table, at pinned versions, each below a
# directory of its own; without names all of them. What is there in its version is kept; half of one is never left.
# Needs npm; kimi-cli also needs a Python that it starts on (3.13 is one), or uv, or pip to get uv, which may fetch one.
# Where there is none it is left out, which this says.
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

# kimi_cli_with PYTHON VERSION: the Python CLI in a virtual environment of its own, which cannot be moved. Fails where that
# Python is not there, or is one that the program does not start on: 1.51.0 dies on 3.12.1, which its package allows.
kimi_cli_with() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null || return 1
    tried="$tried $("$1" -c 'import platform, sys; print(sys.executable + " " + platform.python_version())'),"
    echo "installing kimi-cli $2 with $1" >&2
    if command -v uv >/dev/null; then
        uv venv -q --clear --python "$1" "$cache/kimi-cli" || return 1
        uv pip install -q --python "$cache/kimi-cli/bin/python" "kimi-cli==$2" 'lxml[html_clean]' || return 1
    else
        "$1" -m venv --clear "$cache/kimi-cli" || return 1
        "$cache/kimi-cli/bin/pip" install -q "kimi-cli==$2" 'lxml[html_clean]' || return 1
    fi
    kimi_cli_starts
}

# Whether it starts for work; its version it prints on any Python.
kimi_cli_starts() {
    "$cache/kimi-cli/bin/python" -c 'import kimi_cli.app, kimi_cli.tools.web.fetch' >/dev/null 2>"$making/kimi-cli.err"
}

# A Python that uv finds or fetches; prints its path.
uv_python() {
    if ! command -v uv >/dev/null; then
        python3 -m venv "$making/uv" >&2 && "$making/uv/bin/pip" install -q uv >&2 || return 1
        PATH="$making/uv/bin:$PATH"
    fi
    uv python find --no-python-downloads 3.13 2>/dev/null && return 0
    if ! UV_PYTHON_INSTALL_DIR="$cache/python" uv python install 3.13; then
        rm -rf "$cache/python"
        return 1
    fi
    UV_PYTHON_INSTALL_DIR="$cache/python" uv python find 3.13
}

# kimi_cli VERSION: a later one only prints that it is retired.
kimi_cli() {
    if [ -f "$cache/kimi-cli/VERSION" ] && kimi_cli_starts; then return 0; fi
    tried=
    # What pyenv has is not in PATH unless it is chosen.
    pyenv=${PYENV_ROOT:-$HOME/.pyenv}/versions
    for python in python3.13 "$pyenv"/3.13*/bin/python3 python3.14 "$pyenv"/3.14*/bin/python3 \
        python3.12 "$pyenv"/3.12*/bin/python3 python3 uv; do
        if [ "$python" = uv ]; then
            python=$(uv_python 2>"$making/uv.err") || python=none
        fi
        if kimi_cli_with "$python" "$1"; then
            echo "$1" > "$cache/kimi-cli/VERSION"
            return 0
        fi
    done
    rm -rf "$cache/kimi-cli"
    cat "$making"/*.err >&2 2>/dev/null || true
    echo "*** SKIPPED: kimi-cli $1 is left out: it starts on no Python here (tried:${tried:- none of 3.12 or later,} uv) ***" >&2
}

# Some of them need a newer Node than systems have; it comes first in their PATH.
npm_install node24 node 24.21.0
PATH="$cache/node24/node_modules/node/bin:$PATH"
export PATH

for agent in "$@"; do
    case $agent in
    kimi) npm_install kimi @moonshot-ai/kimi-code 2.1.0 ;;
    claude) npm_install claude-acp @agentclientprotocol/claude-agent-acp 0.101.0 ;;
    claude-code) npm_install claude @anthropic-ai/claude-code 2.1.332 ;;
    codex) npm_install codex-acp @agentclientprotocol/codex-acp 2.6.0 ;;
    codex-exec) npm_install codex @openai/codex 0.171.0 ;;
    opencode) npm_install opencode opencode-ai 1.18.33 ;;
    gemini) npm_install gemini @google/gemini-cli 0.61.0 ;;
    kimi-cli) kimi_cli 1.51.0 ;;
    *)
        echo "install.sh: there is no agent $agent" >&2
        exit 1
        ;;
    esac
done
