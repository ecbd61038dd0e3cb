#!/usr/bin/env bash
# For so many seconds: runs a goal, kills -9 `omk`, its keepers, or an agent at random moments, resumes until it is ready,
# checks it, begins again. Prints counts, and the median time from the kill of `omk` to an agent at work again.
#
# usage: OMK=target/release/omk benches/soak.sh [SECONDS] [SEED]
set -uo pipefail
readonly here=$(dirname "$(readlink -f "$0")")
OMK=$(readlink -f "${OMK:-target/debug/omk}")
# shellcheck source=benches/scene.sh
. "$here/scene.sh"
readonly most_kills=6
length=${1:-180}
RANDOM=${2:-1}
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
export OMK GIT_CONFIG_GLOBAL=/dev/null OMK_RETRIES=100 OMK_GRACE=1s

# The keepers that a process has started.
keepers_of() {
    grep -l __keeper $(printf '/proc/%s/cmdline ' $(cat "/proc/$1/task/"*/children 2>/dev/null)) 2>/dev/null | cut -d/ -f3
}

# Kills what the dice say; sets `what`. Stops `omk` first where several die, so that they die together.
strike() {
    local omk=$1 keepers agents
    keepers=$(keepers_of "$omk")
    agents=$(for keeper in $keepers; do cat "/proc/$keeper/task/"*/children 2>/dev/null; done)
    case $((RANDOM % 6)) in
    0) what=agent && kill -9 $(printf '%s\n' $agents | head -n 1) 2>/dev/null ;;
    1) what=keeper && kill -9 $(printf '%s\n' $keepers | head -n 1) 2>/dev/null ;;
    2 | 3) what=omk+keepers && kill -STOP "$omk" && { kill -9 $keepers; kill -9 "$omk"; } 2>/dev/null ;;
    *) what=omk && kill -9 "$omk" 2>/dev/null ;;
    esac
}

# The shell's word on every child that was killed.
exec 2>"$room/stderr"
declare -A kills=([agent]=0 [keeper]=0 [omk]=0 [omk+keepers]=0)
goals=0 resumes=0 bad=0 lost=0 tree=-
: >"$room/times"
until=$((SECONDS + length))
while [ $SECONDS -lt $until ]; do
    place=$room/goal
    rm -rf "$place"
    set_scene "$place" 0.3
    command=("$OMK" goal run "Do it" --until-ready -C "$place/user" --plan "$place/plan.toml" --state-dir "$place/state")
    struck=0
    for ((round = 0; ; round++)); do
        "${command[@]}" >"$place/out" 2>&1 &
        omk=$!
        while kill -0 $omk 2>/dev/null && [ $struck -lt $most_kills ]; do
            sleep "0.$(printf '%03d' $((RANDOM % 900)))"
            [ -s "$(journal_of "$place")" ] || continue
            kill -0 $omk 2>/dev/null || break
            strike $omk
            kills[$what]=$((kills[$what] + 1)) struck=$((struck + 1))
            [[ $what == omk* ]] && break
        done
        [[ ${what:-} == omk* ]] && at=$(date +%s%N)
        { wait $omk; } 2>/dev/null
        code=$?
        # Killed after its last record, it has nothing left to do.
        grep -qs '"status":"ready"' "$(journal_of "$place")" && break
        if [ $round -gt 20 ]; then
            echo "goal $goals does not get ready (exit $code):"
            tail -n 5 "$place/out"
            bad=$((bad + 1))
            break
        fi
        [ -n "$(goal_of "$place")" ] || continue
        # No record that was there at the kill may be missing at the end.
        grep -c . "$(journal_of "$place")" >/dev/null && sed '$!b;/}$/!d' "$(journal_of "$place")" >"$place/journal.$round"
        [ -s "$place/began" ] && before=$(wc -l <"$place/began") || before=0
        command=("$OMK" goal resume -C "$place/user" --state-dir "$place/state")
        resumes=$((resumes + 1))
        # How long until an agent is at work again, where one was needed.
        if [[ ${what:-} == omk* ]]; then
            (
                for try in $(seq 400); do
                    now=$(tail -n +$((before + 1)) "$place/began" 2>/dev/null | head -n 1)
                    [ -n "$now" ] && echo $(((now - at) / 1000000)) >>"$room/times" && break
                    sleep 0.01
                done
            ) &
        fi
        what=
    done
    wait
    faults=$(faults_of "$place" "$tree")
    for kept in "$place"/journal.*; do
        [ -e "$kept" ] || continue
        cmp -s <(head -c "$(stat -c %s "$kept")" "$(journal_of "$place")") "$kept" || { lost=$((lost + 1)); faults+=" records of $(basename "$kept") are lost"; }
    done
    if [ -n "$faults" ]; then
        bad=$((bad + 1))
        echo "goal $goals: $faults"
    fi
    [ "$tree" = - ] && tree=$(git -C "$place/user" rev-parse "omk/$(goal_of "$place")/integration^{tree}")
    goals=$((goals + 1))
done
sort -n "$room/times" >"$room/sorted"
count=$(wc -l <"$room/sorted")
median=$(sed -n "$(((count + 1) / 2))p" "$room/sorted")
echo "goals ready            $((goals - bad)) of $goals"
echo "kills -9               omk ${kills[omk]}, omk and its keepers ${kills[omk+keepers]}, a keeper ${kills[keeper]}, an agent ${kills[agent]}"
echo "resumes                $resumes"
echo "records lost           $lost"
echo "kill to agent at work  median ${median:-?} ms, longest $(tail -n 1 "$room/sorted") ms, of $count (resume begins at once)"
[ $bad -eq 0 ]
