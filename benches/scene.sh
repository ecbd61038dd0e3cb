# What the by-hand scripts share: a repository, a plan, and what has to hold at the end. To be sourced.
# shellcheck shell=bash

# Makes a directory of its own, ROOM, that goes with the script, and in it a home, a state directory and a repository with a
# green gate; the script goes on in the repository.
enter_room() {
    ROOM=$(mktemp -d)
    trap 'rm -rf "$ROOM"' EXIT
    export OMK_STATE_DIR=$ROOM/state HOME=$ROOM
    git init --quiet --initial-branch main "$ROOM/repository"
    cd "$ROOM/repository"
    echo 'exit 0' >gate.sh
    git add --all
    git -c user.name=bench -c user.email=bench@localhost commit --quiet --message base
}

# A repository with a gate and a plan of four slices below $1. An agent says when it began in the file `began`, and
# works for $2 seconds.
set_scene() {
    local room=$1 work=$2
    mkdir -p "$room/user" "$room/state"
    git -C "$room/user" init -q -b main
    printf 'exit 0\n' >"$room/user/gate.sh"
    printf 'alpha\n' >"$room/user/a.txt"
    git -C "$room/user" add -A
    git -C "$room/user" -c user.name=Ada -c user.email=ada@example.org commit -qm start
    {
        for slice in one two three four; do
            printf '[[slices]]\nid = "%s"\nwrites = ["%s.txt"]\n' "$slice" "$slice"
            [ "$slice" = four ] && printf 'after = ["one", "two"]\n'
            printf 'run = """date +%%s%%N >> %s/began; sleep %s; echo %s > %s.txt"""\n' "$room" "$work" "$slice" "$slice"
        done
        printf '[[gates]]\nname = "check"\ncommand = "sh gate.sh"\n'
    } >"$room/plan.toml"
}

goal_of() {
    find "$1/state/goals" -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | head -n 1
}

journal_of() {
    echo "$1/state/goals/$(goal_of "$1")/events.jsonl"
}

# The processes that have to do with a goal: by their working directory or their arguments.
processes_of() {
    local room=$1 of pid
    for of in /proc/[0-9]*; do
        pid=${of#/proc/}
        [ "$pid" = "$$" ] && continue
        if [[ $(readlink "$of/cwd" 2>/dev/null) == "$room/state/"* ]] ||
            { tr '\0' ' ' <"$of/cmdline"; } 2>/dev/null | grep -qF "$room/state/goals/"; then
            echo "$pid"
        fi
    done
}

# Waits up to five seconds until no process of the goal is left; says those that are.
left_of() {
    local room=$1 try left
    for try in $(seq 100); do
        left=$(processes_of "$room")
        [ -z "$left" ] && return 0
        sleep 0.05
    done
    for pid in $left; do
        { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null
    done | tr '\n' ' '
    return 1
}

# Prints what is wrong with a goal that should be `ready`; nothing where all is well. $2 is the expected tree, `-` for any.
faults_of() {
    local room=$1 expected=$2 goal journal tree slices
    goal=$(goal_of "$room")
    journal=$(journal_of "$room")
    tree=$(git -C "$room/user" rev-parse -q --verify "omk/$goal/integration^{tree}")
    [ "$expected" = - ] || [ "$tree" = "$expected" ] || echo "tree ${tree:-none} instead of $expected"
    slices=$(grep -o '"type":"slice_integrated","data":{"slice":"[a-z]*"' "$journal" | sed 's/.*"slice":"//; s/"//' | sort | tr '\n' ' ')
    [ "$slices" = "four one three two " ] || echo "integrated: $slices"
    [ -z "$(ls -A "$room/state/goals/$goal/worktrees" 2>/dev/null)" ] || echo "worktrees are left"
    left=$(left_of "$room") || echo "processes are left: $left"
    "$OMK" goal proof --verify -C "$room/user" --state-dir "$room/state" >"$room/verified" 2>&1 || echo "the proof does not hold: $(head -c 300 "$room/verified")"
}
