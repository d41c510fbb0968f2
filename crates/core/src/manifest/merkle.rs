//! A Merkle tree over lines that come one after another. What is held is one digest per level.
//!
//! A leaf is BLAKE3 over `mailferry manifest leaf`, a NUL byte and the line; a node BLAKE3 over `mailferry manifest node`, a NUL byte
//! and its two digests: no line can be taken for a node. Pairs are made from the left; a digest without a partner rises as it is. The
//! road not taken: doubling it, by which two trees of different lines have one root.

use crate::model::Digest;

/// Of a tree without leaves.
const EMPTY: &[u8] = b"mailferry manifest empty\0";
const LEAF: &[u8] = b"mailferry manifest leaf\0";
const NODE: &[u8] = b"mailferry manifest node\0";

fn hash(parts: &[&[u8]]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    Digest(*hasher.finalize().as_bytes())
}

fn node(left: &Digest, right: &Digest) -> Digest {
    hash(&[NODE, &left.0, &right.0])
}

#[derive(Clone, Default)]
pub struct Tree {
    /// Roots of full trees with their heights, which fall from left to right.
    full: Vec<(u32, Digest)>,
}

impl Tree {
    pub fn push(&mut self, line: &[u8]) {
        let (mut height, mut digest) = (0, hash(&[LEAF, line]));
        while let Some((_, left)) = self.full.pop_if(|(of, _)| *of == height) {
            digest = node(&left, &digest);
            height += 1;
        }
        self.full.push((height, digest));
    }

    pub fn root(&self) -> Digest {
        let from_the_right = self.full.iter().rev().map(|(_, digest)| *digest);
        from_the_right.reduce(|right, left| node(&left, &right)).unwrap_or_else(|| hash(&[EMPTY]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, level by level.
    fn plainly(lines: &[Vec<u8>]) -> Digest {
        let mut level: Vec<Digest> = lines.iter().map(|line| hash(&[LEAF, line])).collect();
        while level.len() > 1 {
            level = level.chunks(2).map(|pair| if let [left, right] = pair { node(left, right) } else { pair[0] }).collect();
        }
        level.first().copied().unwrap_or_else(|| hash(&[EMPTY]))
    }

    fn root(lines: &[Vec<u8>]) -> Digest {
        let mut tree = Tree::default();
        lines.iter().for_each(|line| tree.push(line));
        tree.root()
    }

    fn lines(count: usize, seed: u64) -> Vec<Vec<u8>> {
        (0..count as u64).map(|at| Digest::of(&[seed.to_le_bytes(), at.to_le_bytes()].concat()).0[..(at % 32) as usize].to_vec()).collect()
    }

    #[test]
    fn the_streamed_root_is_that_of_the_definition_for_any_number_of_lines() {
        for count in (0..300).chain([511, 512, 513, 1000]) {
            let lines = lines(count, 7);
            assert_eq!(root(&lines), plainly(&lines), "{count} lines");
        }
    }

    #[test]
    fn any_change_of_lines_changes_the_root() {
        for count in 1..40 {
            let before = lines(count, 3);
            let mut others = vec![before[..count - 1].to_vec(), [&before[..], &[b"more".to_vec()]].concat()];
            // An odd digest that were doubled would have the same root as this.
            others.push([&before[..], &before[count - 1..]].concat());
            for at in 0..count {
                let mut changed = before.clone();
                changed[at].push(0);
                others.push(changed);
            }
            for at in 1..count {
                let mut swapped = before.clone();
                swapped.swap(at - 1, at);
                others.extend((swapped != before).then_some(swapped));
            }
            assert!(others.iter().all(|other| root(other) != root(&before)), "{count} lines");
        }
    }

    #[test]
    fn a_line_is_never_taken_for_a_node() {
        let leaves = lines(2, 1);
        let forged = [&hash(&[LEAF, &leaves[0]]).0[..], &hash(&[LEAF, &leaves[1]]).0].concat();
        assert_ne!(root(&[forged]), root(&leaves));
        assert_ne!(root(&[]), root(&[Vec::new()]));
    }

    #[test]
    fn a_million_lines_take_one_digest_per_level() {
        let mut tree = Tree::default();
        (0..1_000_000u32).for_each(|at| tree.push(&at.to_le_bytes()));
        assert!(tree.full.len() <= 20, "{}", tree.full.len());
    }
}
