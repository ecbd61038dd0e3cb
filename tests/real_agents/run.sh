#!/bin/sh
# run.sh [DIRECTORY [ARGUMENT]...]: installs the real agents into a directory (default: ~/.cache/omk-real-agents) and
# takes them through the scenarios of tests/it/real_agents. Further arguments go to the test program. See README.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/omk-real-agents}
[ $# -eq 0 ] || shift
"$here/install.sh" "$cache"
"$here/try.sh" "$cache" "$@"
