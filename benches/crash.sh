#!/usr/bin/env bash
# Kills `omk` at its n-th fsync, fdatasync and rename, for n = 1, 2, … until a run ends undisturbed; resumes, and compares
# with an undisturbed run: the same tree, each slice integrated once, no worktree and no process left, a proof that holds.
# Calls are counted per thread, as strace does. Prints a table; exits 1 where anything differs.
#
# usage: OMK=target/release/omk benches/crash.sh [CALLS…]     (needs strace; default: fdatasync fsync rename,renameat,renameat2)
set -uo pipefail
readonly here=$(dirname "$(readlink -f "$0")")
OMK=$(readlink -f "${OMK:-target/debug/omk}")
# shellcheck source=benches/scene.sh
. "$here/scene.sh"
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
export OMK GIT_CONFIG_GLOBAL=/dev/null

run_in() {
    local place=$1
    shift
    "$@" "$OMK" goal run "Do it" --until-ready -C "$place/user" --plan "$place/plan.toml" --state-dir "$place/state" >"$place/out" 2>&1
}

set_scene "$room/whole" 0
run_in "$room/whole" env || { cat "$room/whole/out"; exit 1; }
tree=$(git -C "$room/whole/user" rev-parse "omk/$(goal_of "$room/whole")/integration^{tree}")
printf 'undisturbed: %s records, tree %s\n\n' "$(wc -l <"$(journal_of "$room/whole")")" "${tree:0:12}"
printf '%-28s %6s %8s %8s %8s\n' calls points same unborn wrong

# The shell's word on every child that was killed.
exec 2>/dev/null
bad=0
for calls in "${@:-fdatasync fsync rename,renameat,renameat2}"; do
    for call in $calls; do
        same=0 unborn=0 wrong=0
        for ((n = 1; ; n++)); do
            place=$room/$n
            rm -rf "$place"
            set_scene "$place" 0
            run_in "$place" strace -f -qq -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$n"
            code=$?
            [ "$code" -eq 0 ] && break
            # Killed before the first record: there is no goal, and the same command makes one.
            if ! [ -s "$(journal_of "$place")" ]; then
                unborn=$((unborn + 1))
                rm -rf "$place/state"
                run_in "$place" env
            elif ! grep -q '"status":"ready"' "$(journal_of "$place")"; then
                "$OMK" goal resume -C "$place/user" --state-dir "$place/state" >"$place/out" 2>&1
            fi
            code=$?
            faults=$(faults_of "$place" "$tree")
            if [ "$code" -eq 0 ] && [ -z "$faults" ]; then
                same=$((same + 1))
            else
                wrong=$((wrong + 1)) bad=1
                printf '  %s %d: exit %d: %s\n' "$call" "$n" "$code" "$faults"
                tail -n 5 "$place/out" | sed 's/^/    /'
            fi
        done
        printf '%-28s %6d %8d %8d %8d\n' "$call" $((n - 1)) "$same" "$unborn" "$wrong"
    done
done
exit $bad
