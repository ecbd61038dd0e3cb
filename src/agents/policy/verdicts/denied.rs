//! Denied commands, wherever and however they are written, and what only looks like them.

use super::{NONE, others};

#[test]
fn a_denied_command_is_found_wherever_it_stands() {
    let lines = [
        "git push",
        "cd x && git push origin",
        "/usr/bin/git push",
        "A=1 git push",
        "make; git push",
        "true || git push",
        "make &\ngit push",
        "echo $(git push)",
        "echo \"`git push`\"",
        "echo `git push` done",
        "x=$(git push)",
        "a=(1 $(git push))",
        "echo ${x:-$(git push)}",
        "cat <(git push)",
        "(git push)",
        "{ git push; }",
        "! git push",
        "if true; then git push; fi",
        "for x in 1 2; do git push; done",
        "for ((i = 0; i < 3; i++)) do git push; done",
        "case $x in a) git push;; esac",
        "f() { git push; }; f",
        "[[ -n $x ]] && git push",
        "echo $((1 << 10))\ngit push",
        "(( x = 1 << 2 ))\ngit push",
        "cat <<EOF | sudo tee x\nhello\nEOF",
        "cat <<EOF\nhello\nEOF\ngit push",
        "git commit -m \"$(cat <<'EOF'\nit's (done\nEOF\n)\" && git push",
    ];
    assert_eq!(others(&lines, true), NONE);
}

#[test]
fn a_denied_command_is_found_behind_what_runs_it() {
    let lines = [
        "bash -lc 'git push'",
        "bash -euo pipefail -c 'git push'",
        "bash -ceu 'git push'",
        "bash --norc -O extglob -c 'git push'",
        "sh -c \"sh -c 'git push'\"",
        "eval git push",
        "eval 'git push'",
        "trap 'git push' EXIT",
        "sudo make",
        "env A=1 timeout 5 git push",
        "env -u GIT_DIR git push",
        "env -i -- git push",
        "timeout -s KILL 60 git push",
        "timeout --signal=KILL 60s git push",
        "time -f %e git push",
        "time -p git push",
        "nice -n 5 git push",
        "nice -5 nohup git push",
        "stdbuf -oL git push",
        "flock /tmp/lock git push",
        "xargs git push",
        "xargs -I % git push",
        "xargs -0n 1 git push",
        "xargs -n1 sh -c 'git push'",
        "find . -exec sudo rm {} +",
        "find . -name x -exec true {} \\; -execdir sudo rm {} \\;",
        "command git push",
        "command -p git push",
        "exec git push",
        "python3 -m twine upload dist/*",
        "uv run twine upload dist/x",
        "npx --yes npm publish",
    ];
    assert_eq!(others(&lines, true), NONE);
}

#[test]
fn a_denied_command_is_found_in_all_its_forms() {
    let lines = [
        "git -C /w push --force",
        "git --git-dir .git push",
        "git --git-dir=.git --no-pager push",
        "git -c user.name=x push",
        "git subtree push --prefix x origin main",
        "gh -R o/r pr create",
        "gh --repo o/r pr create",
        "cargo publish",
        "cargo +nightly publish",
        "cargo +nightly -Z x --config a=b publish",
        "cargo --color always publish --dry-run",
        "npm --prefix web publish",
        "npm -w pkg publish",
        "npm publish --tag next",
        "pnpm --filter pkg publish",
        "pnpm -r publish",
        "yarn --cwd web publish",
        "yarn npm publish",
        "yarn workspace pkg npm publish",
        "yarn workspaces foreach --all npm publish",
        "docker image push x",
        "docker --context x push y",
    ];
    assert_eq!(others(&lines, true), NONE);
}

#[test]
fn what_only_looks_like_a_denied_command_is_allowed() {
    let lines = [
        "",
        "git status",
        "git stash push",
        "git commit -m push",
        "git commit -m \"git push\"",
        "git -C push status",
        "git log --grep push",
        "echo 'git push'",
        "echo git push",
        "grep sudo x",
        "# git push",
        "pushd x",
        "cargo test publish",
        "cargo +nightly test publish",
        "npm run publish-docs",
        "npm run publish",
        "npm --prefix publish run build",
        "yarn publish-docs",
        "docker image ls push",
        "python3 -m pytest twine upload",
        "command -v sudo",
        "command -V git push",
        "if command -v sudo >/dev/null; then echo yes; fi",
        "which sudo",
        "find . -name sudo",
        "[[ $x == sudo ]]",
        "for sudo in a b; do echo $sudo; done",
        "case sudo in sudo) echo yes;; esac",
        "trap - EXIT",
        "cat > notes <<'EOF'\nsudo make\ngit push\nEOF\nmake",
        "cat <<-EOF\n\tgit push\n\tEOF",
        "cat <<< 'git push'",
        "git commit -m \"$(cat <<'EOF'\nmake it's (own)\ngit push\nEOF\n)\"",
    ];
    assert_eq!(others(&lines, false), NONE);
}
