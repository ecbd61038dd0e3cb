//! A repository in memory: trees are maps, ids are hashes of their content, merges are by path and appended line.

use std::collections::BTreeMap;

use omk::domain::ids::{CommitId, TreeId};
use sha2::{Digest, Sha256};

pub(crate) type Tree = BTreeMap<String, String>;

#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) tree: Tree,
    pub(crate) parents: Vec<CommitId>,
}

#[derive(Debug, Default)]
pub(crate) struct Repository {
    commits: BTreeMap<CommitId, Commit>,
    trees: BTreeMap<TreeId, Tree>,
}

fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(20).map(|byte| format!("{byte:02x}")).collect()
}

impl Repository {
    pub(crate) fn add_tree(&mut self, tree: &Tree) -> TreeId {
        let id = TreeId::parse(&digest(&format!("{tree:?}"))).unwrap();
        self.trees.insert(id.clone(), tree.clone());
        id
    }

    pub(crate) fn commit(&mut self, tree: &Tree, parents: Vec<CommitId>, message: &str) -> CommitId {
        self.add_tree(tree);
        let id = CommitId::parse(&digest(&format!("{tree:?}{parents:?}{message}"))).unwrap();
        self.commits.insert(id.clone(), Commit { tree: tree.clone(), parents });
        id
    }

    /// A commit by the name that it had elsewhere.
    pub(crate) fn put(&mut self, id: CommitId, tree: Tree, parents: Vec<CommitId>) {
        self.add_tree(&tree);
        self.commits.insert(id, Commit { tree, parents });
    }

    /// About how many bytes it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let entry = |(path, content): (&String, &String)| 64 + path.capacity() + content.capacity();
        let trees = self.trees.values().chain(self.commits.values().map(|commit| &commit.tree));
        trees.map(|tree| tree.iter().map(entry).sum::<usize>()).sum()
    }

    pub(crate) fn tree(&self, id: &TreeId) -> &Tree {
        &self.trees[id]
    }

    pub(crate) fn tree_id(&mut self, commit: &CommitId) -> TreeId {
        let tree = self.at(commit).clone();
        self.add_tree(&tree)
    }

    pub(crate) fn at(&self, commit: &CommitId) -> &Tree {
        &self.commits[commit].tree
    }

    pub(crate) fn reaches(&self, head: &CommitId, target: &CommitId) -> bool {
        let mut open = vec![head.clone()];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(commit) = open.pop() {
            if commit == *target {
                return true;
            }
            if seen.insert(commit.clone())
                && let Some(known) = self.commits.get(&commit)
            {
                open.extend(known.parents.iter().cloned());
            }
        }
        false
    }

    /// The paths that differ between two trees.
    pub(crate) fn changed(before: &Tree, after: &Tree) -> Vec<String> {
        let paths: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        paths.into_iter().filter(|path| before.get(*path) != after.get(*path)).cloned().collect()
    }

    /// Merges by path. A path changed on both sides conflicts unless one side is the other's.
    pub(crate) fn merge(base: &Tree, ours: &Tree, theirs: &Tree) -> Result<Tree, Vec<String>> {
        let mut merged = ours.clone();
        let mut conflicts = Vec::new();
        for path in Self::changed(base, theirs) {
            if ours.get(&path) != base.get(&path) && ours.get(&path) != theirs.get(&path) {
                conflicts.push(path);
                continue;
            }
            match theirs.get(&path) {
                Some(content) => drop(merged.insert(path, content.clone())),
                None => drop(merged.remove(&path)),
            }
        }
        if conflicts.is_empty() { Ok(merged) } else { Err(conflicts) }
    }
}
