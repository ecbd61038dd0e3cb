#!/usr/bin/env bash
# `omk` against benches/by_hand.sh: the same repository (200 small files), agent (writes one file), gate (`sh gate.sh`) and
# number at once, in alternating pairs. Prints seconds (least, median, most) of both sides, and the ratio of the medians.
#
# Everything happens below $TMPDIR. On ext4 the files that earlier runs removed slow down later ones; tmpfs is steady.
#
# usage: pairs.sh [PAIRS [N …]]   5 pairs for each of N = 64 and 8 without arguments. AT_ONCE=8; OMK names the binary
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
omk=${OMK:-${CARGO_TARGET_DIR:-$here/../target}/release/omk}
[ -x "$omk" ] || { echo "$0: build omk first (cargo build --release), or name it in \$OMK" >&2; exit 2; }
pairs=${1:-5}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- 64 8
at_once=${AT_ONCE:-8}
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

readonly agent='mkdir -p out && echo "slice $SLICE" >"out/$SLICE.txt"'
readonly gate='sh gate.sh'

new_repository() {
    mkdir -p "$1/src"
    for number in $(seq 200); do echo "file $number" >"$1/src/$number.txt"; done
    echo 'test -f src/1.txt && test -f src/200.txt' >"$1/gate.sh"
    git -C "$1" init --quiet --initial-branch=main
    git -C "$1" config user.name Bench
    git -C "$1" config user.email bench@example.invalid
    git -C "$1" add --all
    git -C "$1" commit --quiet --message base
}

plan() {
    for number in $(seq "$1"); do
        printf '[[slices]]\nid = "s%s"\nwrites = ["out/%s.txt"]\n' "$number" "$number"
        printf "run = '''SLICE=%s; %s'''\n\n" "$number" "$agent"
    done
    printf '[[gates]]\nname = "gate"\ncommand = "%s"\n' "$gate"
}

# Runs a command and adds its seconds to a file.
timed() {
    local file=$1 begin end
    shift
    begin=$(date +%s%N)
    "$@" >"$room/out" 2>&1 || { tail -n 20 "$room/out" >&2; exit 1; }
    end=$(date +%s%N)
    awk -v ns=$((end - begin)) 'BEGIN { printf "%.3f\n", ns / 1e9 }' >>"$file"
}

by_omk() {
    timed "$room/omk.$1" "$omk" goal run "Write $1 files" --repo "$2" --state-dir "$room/state" --plan "$room/plan.toml" \
        --max-agents "$at_once" --sandbox off --until-ready --quiet
}

by_hand() {
    timed "$room/hand.$1" "$here/by_hand.sh" "$1" "$at_once" "$2" "$agent" "$gate"
}

# A new repository for each run, made before the clock starts; the one that is done goes at once.
run_one() {
    rm -rf "$room/repository" "$room/state"
    new_repository "$room/repository"
    sync
    "$1" "$2" "$room/repository"
}

summary() {
    sort -n "$1" | awk '{ s[NR] = $1 } END {
        m = NR % 2 ? s[(NR + 1) / 2] : (s[NR / 2] + s[NR / 2 + 1]) / 2
        printf "%.3f %.3f %.3f", s[1], m, s[NR] }'
}

printf '%4s  %-8s %8s %8s %8s   %s\n' N side min median max ratio
for slices; do
    plan "$slices" >"$room/plan.toml"
    rm -f "$room/omk.$slices" "$room/hand.$slices"
    for pair in $(seq "$pairs"); do
        if [ $((pair % 2)) -eq 1 ]; then order='by_omk by_hand'; else order='by_hand by_omk'; fi
        for side in $order; do run_one "$side" "$slices"; done
    done
    read -r omk_min omk_median omk_max <<<"$(summary "$room/omk.$slices")"
    read -r hand_min hand_median hand_max <<<"$(summary "$room/hand.$slices")"
    ratio=$(awk -v a="$omk_median" -v b="$hand_median" 'BEGIN { printf "%.2f", a / b }')
    printf '%4s  %-8s %8s %8s %8s\n' "$slices" by-hand "$hand_min" "$hand_median" "$hand_max"
    printf '%4s  %-8s %8s %8s %8s   %s\n' "$slices" omk "$omk_min" "$omk_median" "$omk_max" "$ratio"
done
