#!/usr/bin/env bash
# `omk` on its own repository: a clone of the checkout that this file stands in, two slices, real gates. Ends `ready`.
#
# usage: self.sh [--check] [DIR]  DIR is made and kept; without it, a new temporary directory. With --check one gate more,
#                                 `cargo check --offline`: it builds all dependencies cold, which takes minutes
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
omk=${OMK:-$(command -v omk || echo "${CARGO_TARGET_DIR:-$here/../target}/release/omk")}
[ -x "$omk" ] || { echo "$0: build omk first (cargo build --release), or name it in \$OMK" >&2; exit 2; }
check=no
if [ "${1:-}" = --check ]; then check=yes; shift; fi
dir=${1:-$(mktemp -d "${TMPDIR:-/tmp}/omk-self-XXXXXX")}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
export OMK_STATE_DIR=$dir/state

git clone --quiet --no-hardlinks "$here/.." "$dir/omk"

# What the slices do: a list of all Markdown documents, and a list of all rooms with what each says of itself.
cat >"$dir/documents.sh" <<'END'
{
    printf '# Documents\n\n'
    git ls-files '*.md' | grep -v '^docs/index.md$' | while read -r file; do
        printf -- '- [%s](../%s)\n' "$(sed -n 's/^# //p' "$file" | head -n 1 | tr -d '`')" "$file"
    done
} >docs/index.md
END
cat >"$dir/rooms.sh" <<'END'
{
    printf '# Rooms\n\nWhat each room says of itself, in its first line.\n\n'
    for file in src/*/mod.rs src/ports.rs; do
        printf -- '- [%s](../%s): %s\n' "$file" "$file" "$(sed -n '1s/^\/\/! //p' "$file")"
    done
} >docs/rooms.md
END

# A gate that looks at content: every relative link of a document has to lead somewhere.
cat >"$dir/links.sh" <<'END'
broken=$(find docs examples *.md -name '*.md' | while read -r file; do
    grep -o '](\(\.\./\)*[A-Za-z0-9_./-]*)' "$file" | sed 's/^](//; s/)$//' | while read -r link; do
        [ -e "$(dirname "$file")/$link" ] || echo "$file: $link leads nowhere"
    done
done)
[ -z "$broken" ] || { echo "$broken"; exit 1; }
END

{
    cat <<END
[[slices]]
id = "documents"
title = "List all documents"
writes = ["docs/index.md"]
risk = "low"
run = "sh $dir/documents.sh"

[[slices]]
id = "rooms"
title = "List all rooms"
reads = ["src"]
writes = ["docs/rooms.md"]
risk = "low"
run = "sh $dir/rooms.sh"

[[gates]]
name = "format"
command = ["cargo", "fmt", "--check"]
kind = "lint"

[[gates]]
name = "links"
command = "sh $dir/links.sh"
kind = "lint"
END
    if [ "$check" = yes ]; then
        printf '\n[[gates]]\nname = "check"\ncommand = ["cargo", "check", "--offline", "--locked"]\nkind = "build"\n'
    fi
} >"$dir/plan.toml"

cd "$dir/omk"
"$omk" goal run "Say what is where" --plan "$dir/plan.toml" --until-ready

echo
echo "what it left, in $dir/omk:"
git log --graph --oneline -n 6 "$(git branch --list --format '%(refname:short)' 'omk/*/integration')"
"$omk" goal diff --stat
