//! What users do meanwhile: mail arrives, flags change, messages are removed. The same seed does the same to the same mail.

use anyhow::Result;

use crate::corpus::{Corpus, Random};
use crate::fill::append_wire;
use crate::talk::{Talk, Value, quoted};

#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub new: usize,
    pub flags: usize,
    pub deletions: usize,
}

impl Default for Change {
    fn default() -> Self {
        Change { new: 100, flags: 50, deletions: 20 }
    }
}

const FLAGS: &[&str] = &[
    "+FLAGS.SILENT (\\Seen)",
    "-FLAGS.SILENT (\\Seen)",
    "+FLAGS.SILENT (\\Flagged)",
    "+FLAGS.SILENT (\\Answered)",
    "+FLAGS.SILENT ($Label1)",
];

/// Spread over the folders with more than five messages.
pub fn mutate(talk: &mut Talk, corpus: &Corpus, word: &str, change: Change) -> Result<()> {
    let mut random = Random::new(corpus.seed, &format!("mutate {word}"));
    let folders = folders(talk)?;
    let picked = |random: &mut Random, count: usize| -> Vec<&str> { (0..count).map(|_| random.one_of(&folders).as_str()).collect() };
    for (name, count) in spread(picked(&mut random, change.new)) {
        let mail: Vec<_> = (0..count).map(|number| corpus.later(&mut random, name, number as u64)).collect();
        append_wire(talk, mail)?;
    }
    for (name, count) in spread(picked(&mut random, change.flags)) {
        let uids = uids_of(talk, name)?;
        for _ in 0..count {
            talk.ok(&format!("UID STORE {} {}", random.one_of(&uids), random.one_of(FLAGS)))?;
        }
    }
    for (name, count) in spread(picked(&mut random, change.deletions)) {
        let mut uids = uids_of(talk, name)?;
        let gone: Vec<String> =
            (0..count.min(uids.len() - 1)).map(|_| uids.remove(random.below(uids.len() as u64) as usize).to_string()).collect();
        talk.ok(&format!("UID STORE {} +FLAGS.SILENT (\\Deleted)", gone.join(",")))?;
        talk.ok(&format!("UID EXPUNGE {}", gone.join(",")))?;
    }
    talk.ok("CLOSE")?;
    Ok(())
}

fn spread(mut names: Vec<&str>) -> Vec<(&str, usize)> {
    names.sort_unstable();
    names.chunk_by(|one, other| one == other).map(|chunk| (chunk[0], chunk.len())).collect()
}

fn folders(talk: &mut Talk) -> Result<Vec<String>> {
    let listed = talk.ok("LIST \"\" \"*\"")?;
    let selectable = listed.all("LIST").filter(|values| !values[1].list().iter().any(|word| word.is_atom("\\Noselect")));
    let names: Vec<String> = selectable.filter_map(|values| values.get(3).and_then(Value::text)).collect();
    let mut folders = Vec::new();
    for name in names {
        let status = talk.ok(&format!("STATUS {} (MESSAGES)", quoted(&name)))?;
        let count = status.all("STATUS").next().and_then(|values| Value::of(values[2].list(), "MESSAGES")).and_then(Value::number);
        if count > Some(5) {
            folders.push(name);
        }
    }
    folders.sort_unstable();
    Ok(folders)
}

/// Of the mailbox, which is selected then.
fn uids_of(talk: &mut Talk, name: &str) -> Result<Vec<u64>> {
    talk.ok(&format!("SELECT {}", quoted(name)))?;
    let found = talk.ok("UID SEARCH ALL")?;
    Ok(found.all("SEARCH").flat_map(|values| values[1..].iter().filter_map(Value::number)).collect())
}
