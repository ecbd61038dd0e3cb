#!/bin/sh
# try.sh DIRECTORY [ARGUMENT]...: takes the real agents that are installed below a directory through the scenarios of
# tests/it/real_agents. Further arguments go to the test program. See README.md.
set -eu
cd "$(dirname "$0")/../.."
OMK_REAL_AGENTS=$(cd "${1:?the directory where they are installed}" && pwd)
export OMK_REAL_AGENTS
shift
cargo test --test it --no-run

# In a network of its own, where only loopback is and names are asked of the tests themselves: whatever an agent looks
# up is seen, and nothing gets out. Where that is not allowed, the scenarios run all the same.
alone='ip link set lo up && mount --bind "$1" /etc/resolv.conf && shift && OMK_REAL_AGENTS_ALONE=1 exec "$@"'
resolv=$(mktemp)
trap 'rm -f "$resolv"' EXIT
trap 'exit 1' HUP INT TERM
echo "nameserver 127.0.0.1" > "$resolv"
set -- cargo test --offline --test it real_agents -- --nocapture --test-threads=1 "$@"
if [ "$(id -u)" = 0 ]; then own="unshare --net --mount"; else own="unshare --map-root-user --net --mount"; fi
if refused=$($own sh -c "$alone" sh "$resolv" true 2>&1); then
    $own sh -c "$alone" sh "$resolv" "$@"
else
    echo "*** SKIPPED: which names agents look up is not seen, there is no network namespace here: $refused ***" >&2
    "$@"
fi
