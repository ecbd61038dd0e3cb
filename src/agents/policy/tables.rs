//! What is known of programs, as data: which of their options take a value, which of them run another command, and
//! which commands are the same. Lists are words in one text.
//!
//! Invariant: a program that is not listed is taken as it stands; nothing here refuses or allows.

/// Words that take the next one, before a program's own commands.
pub(super) const VALUED: &[(&str, &str)] = &[
    ("git", "-C -c --git-dir --work-tree --namespace --super-prefix --config-env --attr-source"),
    ("gh", "-R --repo --hostname"),
    ("glab", "-R --repo -g --group"),
    (
        "cargo",
        "-C -Z --config --color --manifest-path --lockfile-path --target-dir --target --profile -p --package -F \
         --features -j --jobs --message-format --registry --index --token",
    ),
    (
        "npm",
        "-w --workspace -C --prefix --registry --userconfig --globalconfig --cache --loglevel --tag --otp --access \
         --script-shell --omit --include",
    ),
    (
        "pnpm",
        "-C --dir -F --filter --filter-prod --registry --loglevel --reporter --store-dir --workspace-concurrency --tag \
         --otp --access",
    ),
    (
        "yarn",
        "--cwd --registry --cache-folder --modules-folder --mutex --network-timeout --tag --access --include --exclude \
         --from -j --jobs workspace",
    ),
    ("docker", "-H --host -c --context --config -l --log-level --tlscacert --tlscert --tlskey"),
    ("podman", "-c --connection --log-level --root --runroot --url --identity"),
    ("twine", "--config-file -r --repository"),
    ("kubectl", "-n --namespace --context --cluster --kubeconfig --user -s --server"),
    ("helm", "-n --namespace --kube-context --kubeconfig"),
    ("make", "-C --directory -f --file --makefile -I -o -W"),
];

/// Commands that do what others do, options left out.
pub(super) const SAME: &[(&str, &str)] = &[
    ("docker image push", "docker push"),
    ("docker image pull", "docker pull"),
    ("docker image build", "docker build"),
    ("docker container run", "docker run"),
    ("docker container exec", "docker exec"),
    ("podman image push", "podman push"),
    ("yarn npm publish", "yarn publish"),
    ("yarn workspaces foreach npm publish", "yarn publish"),
    ("git subtree push", "git push"),
];

/// Programs that start another one in their own surroundings, and the word behind which it stands, where there is one.
pub(super) const LAUNCHERS: &[(&str, &str)] = &[
    ("python", "-m"),
    ("python3", "-m"),
    ("uv", "run"),
    ("uvx", ""),
    ("pipx", "run"),
    ("poetry", "run"),
    ("npx", ""),
    ("corepack", ""),
];

/// A program that runs the command which its words end with.
pub(super) struct Wrapper {
    pub(super) name: &'static str,
    /// Options that take the next word.
    pub(super) valued: &'static str,
    /// How many words of its own stand before the command.
    pub(super) own: usize,
    /// Whether it must be allowed for itself.
    pub(super) counts: bool,
}

/// Wrappers that do nothing but run the command.
const fn thin(name: &'static str, own: usize, valued: &'static str) -> Wrapper {
    Wrapper { name, valued, own, counts: false }
}

/// Wrappers that do something of their own.
const fn thick(name: &'static str, own: usize, valued: &'static str) -> Wrapper {
    Wrapper { name, valued, own, counts: true }
}

pub(super) const WRAPPERS: &[Wrapper] = &[
    thin("env", 0, "-u --unset -C --chdir"),
    thin("command", 0, ""),
    thin("builtin", 0, ""),
    thin("exec", 0, "-a"),
    thin("nohup", 0, ""),
    thin("nice", 0, "-n --adjustment"),
    thin("ionice", 0, "-c --class -n --classdata"),
    thin("time", 0, "-f --format -o --output"),
    thin("timeout", 1, "-s --signal -k --kill-after"),
    thin("stdbuf", 0, "-i --input -o --output -e --error"),
    thin("setsid", 0, ""),
    thin(
        "xargs",
        0,
        "-I -n --max-args -P --max-procs -L -s --max-chars -d --delimiter -a --arg-file -E --process-slot-var",
    ),
    thick(
        "sudo",
        0,
        "-u --user -g --group -h --host -p --prompt -C --close-from -D --chdir -R --chroot -T --command-timeout -U \
         --other-user -r --role -t --type",
    ),
    thick("doas", 0, "-u -C"),
    thick("strace", 0, "-o -e -p -s -u -E -a -O -S -P -b"),
    thick("watch", 0, "-n --interval"),
    thick("xvfb-run", 0, "-n --server-num -s --server-args -e -f -w"),
    thick("flock", 1, "-w --wait --timeout -E --conflict-exit-code"),
    thick("taskset", 1, ""),
];

/// Options of a program behind which a command stands, up to `;` or `+`.
pub(super) const EXECUTORS: &[(&str, &str)] =
    &[("find", "-exec -execdir -ok -okdir"), ("fd", "-x --exec -X --exec-batch")];

/// Programs that run a text as commands.
pub(super) const SHELLS: &str = "sh bash dash zsh ksh ash";

/// Builtins of the shell that run nothing, and change nothing but the shell.
pub(super) const INERT: &str = ": true false exit return break continue shift cd pushd popd dirs pwd set unset shopt \
                                export declare typeset local readonly let getopts umask ulimit read mapfile readarray \
                                echo printf test [ type hash wait jobs times";

/// Whether a list holds a word.
pub(super) fn lists(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|one| one == word)
}
