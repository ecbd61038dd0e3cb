#!/usr/bin/env bash
# What `omk` adds to an agent that speaks the Agent Client Protocol, here a shell script that answers at once.
#
# First: from a slice being offered to its prompt in the agent, the agent's own start (bash, some 3 ms) included; one
# slice at a time. Then: processor time of `omk` while eight agents send a thousand updates a second in all, and its memory
# after five seconds, in the middle and five seconds before the end: the bounds of what is kept of each agent are reached
# after a minute and a half, so that a longer run shows both sides of them.
#
# usage: adapter.sh OMK [SLICES [SECONDS]]
set -euo pipefail

readonly omk=$(realpath "$1") slices=${2:-30} seconds=${3:-30}
# shellcheck source=benches/scene.sh
. "$(dirname "$(realpath "$0")")/scene.sh"
enter_room

# It answers, in order: initialize, session/new, session/prompt. With EACH it says a word every so many microseconds of a
# turn of LASTS microseconds, and makes up for delays.
cat >"$ROOM/agent" <<'AGENT'
#!/usr/bin/env bash
read -r; printf '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}\n'
read -r; printf '{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}\n'
read -r; prompted=$EPOCHREALTIME
say() { printf '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":%s}}\n' "$1"; }
words='{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"words of an agent at work, a line a piece\n"}}'
tool='{"sessionUpdate":"tool_call_update","toolCallId":"t","title":"Edit src/main.rs","status":"in_progress"}'
say "$words"
if [[ ${EACH:-} ]]; then
    mkfifo "$ROOM/never.$$"
    exec 3<>"$ROOM/never.$$"
    begin=${prompted/./} said=0
    while now=${EPOCHREALTIME/./} && ((now - begin < LASTS)); do
        while ((said * EACH < now - begin)); do
            if ((said++ % 10 == 0)); then say "$tool"; else say "$words"; fi
        done
        read -rt 0.004 -u 3 || true
    done
    echo "$said" >>"$ROOM/said"
fi
echo "$OMK_SLICE_ID $prompted" >>"$ROOM/prompted"
echo done >"$OMK_SLICE_ID.txt"
printf '{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}\n'
read -r || true
AGENT
sed -i "2i ROOM=$ROOM" "$ROOM/agent"
chmod +x "$ROOM/agent"

plan() {
    for number in $(seq "$1"); do
        printf '[[slices]]\nid = "s%s"\ntitle = "Slice %s"\nwrites = ["s%s.txt"]\n' "$number" "$number" "$number"
    done
    printf '[[gates]]\nname = "gate"\ncommand = "sh gate.sh"\n'
}

run() {
    "$omk" goal run "Speak" --until-ready --quiet --sandbox off --max-agents "$1" --plan "$ROOM/plan.toml" --agent "acp:$2" >"$ROOM/out" 2>&1 ||
        { tail -n 20 "$ROOM/out" >&2; return 1; }
}

plan "$slices" >"$ROOM/plan.toml"
run 1 "$ROOM/agent"
offered() {
    local at slice
    sed -n 's/.*"ts":"\([^"]*\)".*"type":"attempt_offered".*"slice":"\(s[0-9]*\)".*/\1 \2/p' "$ROOM"/state/goals/*/events.jsonl |
        while read -r at slice; do echo "$slice $(date -d "$at" +%s%3N)"; done
}
# Of a slice that was offered more than once, nothing counts.
join <(offered | sort) <(sort "$ROOM/prompted") | awk '{ printf "%.1f\n", $3 * 1000 - $2 }' | sort -n | awk '
    { all[NR] = $1 }
    END { printf "from offer to prompt  median %s ms   p95 %s ms   worst %s ms   of %s\n", all[int((NR + 1) / 2)], all[int(NR * 0.95 + 0.5)], all[NR], NR }'

# Ticks of the processor and anonymous kilobytes of all processes of this binary that know the goal.
load() {
    local ticks=0 memory=0 stat pid
    for pid in /proc/[0-9]*; do
        pid=${pid#/proc/}
        [[ "/proc/$pid/exe" -ef "$omk" ]] || continue
        grep -qzF "HOME=$ROOM" "/proc/$pid/environ" 2>/dev/null || continue
        read -ra stat <"/proc/$pid/stat" || continue
        ticks=$((ticks + stat[13] + stat[14]))
        memory=$((memory + $(awk '/^RssAnon/ { print $2 }' "/proc/$pid/status")))
    done
    echo "$ticks $memory"
}

rm -rf "$ROOM/state" "$ROOM/prompted"
plan 8 >"$ROOM/plan.toml"
run 8 "env EACH=8000 LASTS=$((seconds * 1000000)) $ROOM/agent" &
sleep 5
read -r ticks memory <<<"$(load)"
from=$EPOCHREALTIME
sleep "$(((seconds - 10) / 2))"
read -r _ half <<<"$(load)"
sleep "$(((seconds - 10) / 2))"
read -r later grown <<<"$(load)"
to=$EPOCHREALTIME
wait
awk -v ticks=$((later - ticks)) -v hz="$(getconf CLK_TCK)" -v from="$from" -v to="$to" -v memory="$memory" -v half="$half" -v grown="$grown" -v seconds="$seconds" '
    { said += $1 }
    END { printf "%.0f updates a second of %d agents  %.1f %% of one core   anonymous memory %.1f, %.1f, %.1f MB\n",
        said / seconds, NR, ticks / hz / (to - from) * 100, memory / 1024, half / 1024, grown / 1024 }' "$ROOM/said"
