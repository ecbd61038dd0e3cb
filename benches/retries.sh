#!/usr/bin/env bash
# Runs goals whose gate is red and whose slice gets eight retries, many at once. Each attempt leaves 150 directories behind.
# Counts the attempts by how they ended: one that ended otherwise than by its gate was lost to `omk` itself. Exits 1 where
# one was, or where a goal ended otherwise than `not_ready`.
#
# usage: OMK=target/release/omk benches/retries.sh [GOALS] [AT_ONCE]     (default: 200 10)
set -uo pipefail
OMK=$(readlink -f "${OMK:-target/debug/omk}")
goals=${1:-200} at_once=${2:-10}
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
export OMK GIT_CONFIG_GLOBAL=/dev/null HOME=$room

mkdir "$room/user"
git -C "$room/user" init -q -b main
printf 'exit 1\n' >"$room/user/gate.sh"
git -C "$room/user" add -A
git -C "$room/user" -c user.name=Ada -c user.email=ada@example.org commit -qm start
cat >"$room/plan.toml" <<'PLAN'
[[slices]]
id = "one"
writes = ["one.txt", "left/**"]
retries = 8
run = """
i=0; while [ $i -lt 150 ]; do mkdir -p left/$i/in; : > left/$i/in/file; i=$((i+1)); done
date +%s%N > one.txt
"""
[[gates]]
name = "check"
command = "sh gate.sh"
PLAN

one() {
    local place=$1/$2
    mkdir "$place"
    "$OMK" goal run "Do it" --until-ready --no-input -C "$1/user" --plan "$1/plan.toml" --state-dir "$place/state" \
        >"$place/out" 2>&1
    echo "$?" >"$place/code"
    cat "$place"/state/goals/*/events.jsonl >"$place/events"
    rm -rf "$place/state"
}
export -f one

start=$(date +%s%N)
seq "$goals" | xargs -P "$at_once" -I{} bash -c 'one "$0" "$1"' "$room" {}
took=$((($(date +%s%N) - start) / 1000000))

ends() { cat "$room"/*/events | grep '"type":"attempt_finished"' | grep -c "$1"; }
offered=$(cat "$room"/*/events | grep -c '"type":"attempt_offered"')
judged=$(ends '"kind":"rejected".*"kind":"gate"')
errored=$(ends '"kind":"errored"')
codes=$(sort "$room"/*/code | uniq -c | awk '{ printf "%s of %s  ", $1, $2 }')
printf 'goals %s, %s at once, %s ms; load %s\n' "$goals" "$at_once" "$took" "$(cut -d' ' -f1-3 /proc/loadavg)"
printf 'attempts %s: judged by their gate %s, lost to omk itself %s, other ends %s\n' \
    "$offered" "$judged" "$errored" $((offered - judged - errored))
printf 'goals by exit code: %s\n' "$codes"
[ "$judged" -eq $((goals * 9)) ] && [ "$codes" = "$goals of 5  " ]
