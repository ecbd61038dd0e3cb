#!/usr/bin/env bash
# How long it takes from the start of `omk goal pause` until an agent under way has its SIGTERM, and until the command
# returns. Each run is a goal of one slice whose agent notes when it is told.
#
# usage: pause.sh OMK RUNS
set -euo pipefail

readonly omk=$(realpath "$1") runs=$2
# shellcheck source=benches/scene.sh
. "$(dirname "$(realpath "$0")")/scene.sh"
enter_room

cat >"$ROOM/agent" <<AGENT
#!/usr/bin/env bash
trap 'echo \$EPOCHREALTIME >$ROOM/told; exit 1' TERM
touch $ROOM/at-work
while :; do sleep 1000 & wait; done
AGENT
chmod +x "$ROOM/agent"
cat >"$ROOM/plan.toml" <<PLAN
[[slices]]
id = "one"
writes = ["one.txt"]
[[gates]]
name = "check"
command = "sh gate.sh"
PLAN

milliseconds() {
    awk -v from="$1" -v to="$2" 'BEGIN { printf "%.1f\n", (to - from) * 1000 }'
}

for _ in $(seq "$runs"); do
    rm -f "$ROOM/told" "$ROOM/at-work"
    "$omk" goal run "Wait" --until-ready --plan "$ROOM/plan.toml" --agent "cmd:$ROOM/agent" >"$ROOM/out" 2>&1 &
    until [[ -e $ROOM/at-work ]]; do sleep 0.01; done
    from=$EPOCHREALTIME
    "$omk" goal pause >"$ROOM/paused" 2>&1
    to=$EPOCHREALTIME
    wait || true
    milliseconds "$from" "$(<"$ROOM/told")" >>"$ROOM/until-told"
    milliseconds "$from" "$to" >>"$ROOM/until-returned"
done

for what in told returned; do
    sort -n "$ROOM/until-$what" | awk -v what="$what" '
        { all[NR] = $1 }
        END { printf "until %-9s median %s ms   p95 %s ms   worst %s ms\n", what, all[int((NR + 1) / 2)], all[int(NR * 0.95 + 0.5)], all[NR] }'
done
