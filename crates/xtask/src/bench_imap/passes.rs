//! What each tool goes through: everything from nothing, once more unchanged, and after changes; for many users and one large folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use mailferry_mailbed::compare::compare;
use mailferry_mailbed::corpus::{Corpus, Mailboxes};
use mailferry_mailbed::fill::{Names, append, users};
use mailferry_mailbed::mutate::{Change, mutate};
use mailferry_mailbed::servers::{Dovecot, Format, Options, Server, scratch};
use tempfile::TempDir;

use super::measure::measure;
use super::table::{Pass, Row};
use super::tools::{Job, Tool};

pub(super) struct Bench {
    corpus: Corpus,
    big: usize,
    /// The source's mail as it was filled.
    original: TempDir,
}

impl Bench {
    pub fn fill(user_count: usize, messages: usize, big: usize) -> Result<Self> {
        let corpus = Corpus::new(1, user_count, messages);
        let server = Dovecot::start(Options { users: user_count + 1, ..Options::default() })?;
        let count = users(&server, &corpus)?;
        let bytes: u64 = (1..=user_count).map(|number| corpus.user(number)).map(|boxes: Mailboxes| boxes.bytes()).sum();
        let mut talk = server.talk(user_count + 1)?;
        let names = Names::ask(&mut talk)?;
        append(&mut talk, &names, corpus.big(big))?;
        drop(talk);
        println!("{count} messages of {user_count} users, {} MB; one folder of {big}", bytes >> 20);
        let original = scratch()?;
        copy(&server.folder().join("mail"), &original.path().join("mail"))?;
        Ok(Bench { corpus, big, original })
    }

    pub fn run(&self, tool: &Tool, compares: bool, row: &mut Row) -> Result<()> {
        let users = 1..=tool.users_max.min(self.corpus.users);
        self.three_passes(tool, users, [Pass::Full, Pass::Unchanged, Pass::Changed], Change::default(), compares, row)?;
        if self.big > 0 && tool.copies_big {
            let user = self.corpus.users + 1;
            self.three_passes(tool, user..=user, [Pass::BigFull, Pass::BigUnchanged, Pass::BigChanged], Change::default(), compares, row)?;
        }
        Ok(())
    }

    fn three_passes(
        &self,
        tool: &Tool,
        users: std::ops::RangeInclusive<usize>,
        passes: [Pass; 3],
        change: Change,
        compares: bool,
        row: &mut Row,
    ) -> Result<()> {
        let source = self.fresh_source()?;
        let target = Dovecot::start(Options { users: self.corpus.users + 1, ..Options::format(Format::Mdbox) })?;
        let work = scratch()?;
        for pass in passes {
            if matches!(pass, Pass::Changed | Pass::BigChanged) {
                if !tool.knows_changes {
                    break;
                }
                for number in users.clone() {
                    mutate(&mut source.talk(number)?, &self.corpus, &format!("user {number}"), change)?;
                }
            } else if pass != passes[0] && !tool.knows_changes {
                break;
            }
            let job = Job { source: &source, target: &target, users: users.clone(), folder: work.path() };
            let commands = (tool.commands)(&job)?;
            let measured =
                measure(commands, tool.also_done, [&source, &target], work.path()).with_context(|| format!("{} failed", tool.name))?;
            println!("  {pass:?}: {measured:?}");
            row.add(pass, measured);
        }
        if compares {
            for number in users {
                let report = compare(&mut source.talk(number)?, &mut target.talk(number)?)?;
                row.found(&report);
            }
        }
        Ok(())
    }

    fn fresh_source(&self) -> Result<Server> {
        let mut source = Dovecot::start(Options { users: self.corpus.users + 1, ..Options::default() })?;
        source.kill();
        let mail = source.folder().join("mail");
        std::fs::remove_dir_all(&mail).context("could not empty the source")?;
        copy(&self.original.path().join("mail"), &mail)?;
        source.restart()?;
        Ok(source)
    }
}

/// With owners and times.
fn copy(from: &Path, to: &PathBuf) -> Result<()> {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().context("cp cannot be run")?;
    if status.success() { Ok(()) } else { bail!("could not copy {}", from.display()) }
}
