#!/usr/bin/env bash
# What a careful engineer would type instead of `omk`: N slices, P at a time, each in a git worktree of its own with an
# agent, a commit and a gate; then every slice merged in order, without a checkout, with the gate on each merged tree.
# No journal, no supervision, no retry, no proof. The result is the branch `by-hand` of REPOSITORY.
#
# usage: by_hand.sh N P REPOSITORY AGENT GATE
#        AGENT and GATE are shell commands; AGENT finds the slice's number in $SLICE.
set -euo pipefail

readonly slices=$1 at_once=$2 repository=$3
export AGENT=$4 GATE=$5 REPOSITORY=$repository
BASE=$(git -C "$repository" rev-parse --verify HEAD)
ROOM=$(mktemp -d)
export BASE ROOM

tidy() {
    rm -rf "$ROOM"
    git -C "$repository" worktree prune
}
trap tidy EXIT

work() {
    local tree=$ROOM/slice-$1
    # Adding worktrees at once makes git read its own half-written entries now and then: one at a time.
    flock "$ROOM/adding" git -C "$REPOSITORY" worktree add --quiet --detach "$tree" "$BASE"
    cd "$tree"
    SLICE=$1 sh -c "$AGENT" >"$tree.log" 2>&1
    git add --all
    git commit --quiet --message "slice $1"
    git rev-parse HEAD >"$tree.commit"
    sh -c "$GATE" >>"$tree.log" 2>&1
}
export -f work
seq "$slices" | xargs -P "$at_once" -I '{}' bash -euo pipefail -c 'work {}'

tip=$BASE
for number in $(seq "$slices"); do
    commit=$(<"$ROOM/slice-$number.commit")
    tree=$(git -C "$repository" merge-tree --write-tree "$tip" "$commit")
    mkdir "$ROOM/merged"
    GIT_INDEX_FILE=$ROOM/index git -C "$repository" --work-tree "$ROOM/merged" read-tree -u --reset "$tree"
    (cd "$ROOM/merged" && sh -c "$GATE" >"$ROOM/merged.log" 2>&1)
    rm -rf "$ROOM/merged"
    tip=$(git -C "$repository" commit-tree "$tree" -p "$tip" -p "$commit" -m "merge slice $number")
done
git -C "$repository" update-ref refs/heads/by-hand "$tip"
for number in $(seq "$slices"); do
    git -C "$repository" worktree remove --force "$ROOM/slice-$number"
done
