#!/usr/bin/env bash
# Two slices that cannot both be right: each rewrites the same line of a file that both may change (`merges`). Shows what
# is said, what is kept, and how the operator goes on. Ends `ready`, after a first run that ends `not_ready` (5).
#
# usage: conflict.sh [DIR]        DIR is made and kept; without it, a new temporary directory
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
omk=${OMK:-$(command -v omk || echo "${CARGO_TARGET_DIR:-$here/../target}/release/omk")}
[ -x "$omk" ] || { echo "$0: build omk first (cargo build --release), or name it in \$OMK" >&2; exit 2; }
dir=${1:-$(mktemp -d "${TMPDIR:-/tmp}/omk-conflict-XXXXXX")}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
export OMK_STATE_DIR=$dir/state

"$here/repository.sh" "$dir/repository"

# The agent of both slices. It believes that the changelog's last line is its own, until a person tells it otherwise.
cat >"$dir/agent.sh" <<'END'
line="- $OMK_SLICE_ID: limits are checked"
if grep -q '"kind": *"operator"' "$OMK_TASK_FILE"; then
    echo '{"type":"message","text":"told by a person: adding a line"}'
    grep -qxF -e "$line" CHANGELOG.md || echo "$line" >>CHANGELOG.md
else
    sed -i "\$s/.*/$line/" CHANGELOG.md
fi
echo "//! Limits of $OMK_SLICE_ID." >"src/$OMK_SLICE_ID.rs"
END

cat >"$dir/plan.toml" <<'END'
[[slices]]
id = "reader"
title = "Check the limits of readers"
writes = ["src/reader.rs"]
merges = ["CHANGELOG.md"]

[[slices]]
id = "writer"
title = "Check the limits of writers"
writes = ["src/writer.rs"]
merges = ["CHANGELOG.md"]

[[gates]]
name = "check"
command = ["cargo", "check", "--offline", "--locked"]
kind = "build"
timeout = "10m"
END

cd "$dir/repository"
exit_code=0
"$omk" goal run "Check all limits" --plan "$dir/plan.toml" --agent "cmd:sh $dir/agent.sh" --until-ready || exit_code=$?
[ "$exit_code" -eq 5 ] || { echo "$0: expected exit code 5 (not_ready), not $exit_code" >&2; exit 1; }
goal=$("$omk" goal list --json | grep -o '"id": *"[^"]*"' | head -n 1 | cut -d '"' -f 4)

echo
echo "== it ended with exit code 5; what is known of it:"
"$omk" goal status
echo
echo "== both sides, and what they started from, are kept:"
cd "$OMK_STATE_DIR/goals/$goal/artifacts/integration"
for side in *; do
    echo "-- $side"
    tail -n 2 "$side"
done
cd "$dir/repository"

stuck=$("$omk" goal status --json | grep -o '"id": *"\(reader\|writer\)"[^{]*"state": *"given_up"' | cut -d '"' -f 4)
echo
echo "== the operator decides: both lines stay; \`$stuck\` is told so and gets further attempts"
"$omk" goal retry --slice "$stuck" --hint "Keep the other slice's line and add yours below it."

echo
echo "== the integrated changelog:"
git show "omk/$goal/integration:CHANGELOG.md"
