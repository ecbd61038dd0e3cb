#!/usr/bin/env bash
# Makes a git repository of real size: the source of the crate `tokio` (about 580 files) and a small package that
# depends on it by path. The only step of the examples that may use the network, through cargo, and only where the
# crate is not in cargo's cache yet.
#
# usage: repository.sh DIR        DIR must not exist
set -euo pipefail

readonly crate=tokio
readonly version=${TOKIO_VERSION:-'1'}
readonly features='"fs", "io-std", "io-util", "rt-multi-thread", "sync", "time"'

[ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
[ ! -e "$1" ] || { echo "$0: $1 exists already" >&2; exit 2; }
mkdir -p "$1"
cd "$1"

manifest() {
    printf '[package]\nname = "probe"\nversion = "0.0.0"\nedition = "2021"\npublish = false\n\n'
    printf '[workspace]\nexclude = ["%s"]\n\n' "$crate"
    printf '[dependencies]\n%s = { %s, default-features = false, features = [%s] }\n' "$crate" "$1" "$features"
}

# Cargo knows where it keeps the source: it says so of every package that it has resolved.
source_of_crate() {
    cargo "$@" metadata --format-version 1 2>/dev/null |
        grep -o '"manifest_path":"[^"]*/'"$crate"'-[0-9][^"/]*/Cargo.toml"' | head -n 1 | cut -d '"' -f 4
}

mkdir src
echo "//! Compiles as long as $crate does." >src/lib.rs
manifest "version = \"$version\"" >Cargo.toml
found=$(source_of_crate --offline || source_of_crate || true)
[ -n "$found" ] || { echo "$0: cargo cannot get the crate $crate" >&2; exit 1; }
cp -R "$(dirname "$found")" "$crate"
rm -f "$crate"/.cargo-ok "$crate"/.cargo_vcs_info.json "$crate"/Cargo.toml.orig "$crate"/Cargo.lock
chmod -R u+w "$crate"

# From now on the crate is a part of this repository, and everything works offline.
manifest "path = \"$crate\"" >Cargo.toml
rm -f Cargo.lock
cargo --offline generate-lockfile --quiet
cat >CHANGELOG.md <<'END'
# Changelog

## Unreleased

Nothing yet.
END
echo /target >.gitignore

git init --quiet --initial-branch=main
git config user.name "An Example"
git config user.email example@example.invalid
git add --all
git commit --quiet --message "$crate as it is published"
echo "$(git ls-files | wc -l) files in $PWD @ $(git rev-parse --short HEAD)"
