#!/usr/bin/env bash
# A codemod over a public crate: everything of the standard library that `core` has as well is to be taken from `core`.
# Eight slices, a directory each, run at once; the gate compiles the crate. Ends `ready`.
#
# usage: codemod.sh [DIR]         DIR is made and kept; without it, a new temporary directory
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
omk=${OMK:-$(command -v omk || echo "${CARGO_TARGET_DIR:-$here/../target}/release/omk")}
[ -x "$omk" ] || { echo "$0: build omk first (cargo build --release), or name it in \$OMK" >&2; exit 2; }
dir=${1:-$(mktemp -d "${TMPDIR:-/tmp}/omk-codemod-XXXXXX")}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
export OMK_STATE_DIR=$dir/state

"$here/repository.sh" "$dir/repository"

# `runtime` has a module `core` of its own, so the crate's name needs its full spelling there.
slice() {
    local core=core
    if [ "$1" = runtime ]; then core=::core; fi
    cat <<END
[[slices]]
id = "$1"
title = "Take from core what core has: $1"
writes = ["tokio/src/$1"]
risk = "low"
run = '''find tokio/src/$1 -name '*.rs' -exec sed -i -E 's/(^|[^:A-Za-z0-9_])std::($modules)\b/\1$core::\2/g' {} +'''

END
}

modules='cell|cmp|convert|fmt|future|marker|mem|ops|pin|ptr'
for part in fs io macros runtime sync task time util; do slice "$part"; done >"$dir/plan.toml"
cat >>"$dir/plan.toml" <<'END'
[[gates]]
name = "check"
command = ["cargo", "check", "--offline", "--locked"]
kind = "build"
timeout = "10m"
END

echo "plan: $dir/plan.toml, eight slices like this one:"
sed -n 1,6p "$dir/plan.toml"

cd "$dir/repository"
"$omk" goal run "Take from core what core has" --plan "$dir/plan.toml" --max-agents 8 --until-ready

echo
echo "what it left:"
git branch --list 'omk/*'
"$omk" goal diff --stat | tail -n 1
"$omk" goal proof --verify
git status --short | wc -l | sed 's/$/ changes in the checkout/'
