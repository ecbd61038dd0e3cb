#!/bin/sh
# Installs the real agents into $1 (default: ~/.cache/omk-real-agents) and takes them through the scenarios of
# tests/it/real_agents. Further arguments go to the test program. See README.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/omk-real-agents}
[ $# -eq 0 ] || shift
"$here/install.sh" "$cache"
OMK_REAL_AGENTS=$(cd "$cache" && pwd)
export OMK_REAL_AGENTS
cd "$here/../.."
cargo test --test it --no-run

# In a network of its own, where only loopback is and names are asked of the tests themselves: whatever an agent looks
# up is seen, and nothing gets out. Where that is not allowed, the scenarios run all the same.
alone='ip link set lo up && mount --bind "$1" /etc/resolv.conf && shift && OMK_REAL_AGENTS_ALONE=1 exec "$@"'
resolv=$(mktemp)
trap 'rm -f "$resolv"' EXIT
echo "nameserver 127.0.0.1" > "$resolv"
set -- cargo test --offline --test it real_agents -- --nocapture --test-threads=1 "$@"
if [ "$(id -u)" = 0 ]; then own="unshare --net --mount"; else own="unshare --map-root-user --net --mount"; fi
if $own sh -c "$alone" sh "$resolv" true 2>/dev/null; then
    $own sh -c "$alone" sh "$resolv" "$@"
else
    echo "*** no network namespace here: names that agents look up are not seen ***" >&2
    "$@"
fi
