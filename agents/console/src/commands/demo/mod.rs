//! `mailferry demo`: two two-node clusters in folders, real agent processes, a node killed in mid-run, a failover on the other
//! side, and the proof.
//!
//! ```text
//! mod      the story
//! stage    folders, project file, sample mailboxes
//! cast     the agent processes
//! sample   messages made from a seed
//! ```

mod cast;
mod sample;
mod stage;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mailferry_core::compare;
use mailferry_core::settings::{AgentKind, Side};
use mailferry_core::trouble::Trouble;
use mailferry_stores::{StoreUrl, open_source};

use crate::commands::nodes::set_role;
use crate::exit::Exit;
use crate::screen::Screen;
use cast::Cast;
use stage::Stage;

/// Show a migration between two clusters, with a node killed in the middle
///
/// Makes sample mailboxes, starts eight real agent processes on four "nodes", kills the active source node with SIGKILL, moves the
/// role of the target, waits until mail has settled, and compares every message.
///
/// Exit codes: 0 every item arrived exactly once, 1 it did not, 2 wrong usage.
#[derive(clap::Args)]
pub struct Args {
    /// Where to play; kept afterwards. Default: a temporary folder, deleted afterwards
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Messages per mailbox
    #[arg(long, default_value_t = 240)]
    messages: u32,
}

const PATIENCE: Duration = Duration::from_secs(90);

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let stage = Stage::build(args.dir.clone(), args.messages)?;
    let mut teller = Teller { screen, began: Instant::now() };
    let played = play(&stage, &mut teller);
    if let Err(error) = &played {
        teller.say(&format!("the demo failed: {error}; everything is left in {}", stage.dir().display()))?;
        return played;
    }
    if args.dir.is_some() {
        teller.say(&format!(
            "everything is left in {}; try: mailferry status --project {}",
            stage.dir().display(),
            stage.project().display()
        ))?;
    } else {
        stage.strike();
    }
    played
}

fn play(stage: &Stage, teller: &mut Teller<'_>) -> anyhow::Result<Exit> {
    teller.say(&format!(
        "{} mailboxes with {} messages; clusters SRC (SRC1, SRC2) and TGT (TGT1, TGT2)",
        stage.mailboxes().len(),
        stage.messages()
    ))?;
    let mut cast = Cast::start(stage)?;
    teller.say("eight agents run: source and transmission on SRC1 and SRC2, target and transmission on TGT1 and TGT2")?;
    cast.wait("the first messages arrive", PATIENCE, || stage.arrived() > 0)?;
    teller.say(&format!("{} messages have arrived: SRC1 is killed (SIGKILL) while it packs and ships", stage.arrived()))?;
    cast.kill_node("SRC1");
    set_role(stage.cluster(Side::Source), "SRC2")?;
    teller.say("the role of SRC moves to SRC2")?;
    cast.wait("SRC2 takes over", PATIENCE, || stage.epoch(Side::Source, AgentKind::Source) == 2)?;
    let before = stage.arrived();
    teller.say("SRC2 has claimed epoch 2 and goes on from the replicated state")?;
    cast.wait("SRC2 goes on", PATIENCE, || stage.arrived() > before || stage.settled("SRC2", "TGT1"))?;
    set_role(stage.cluster(Side::Target), "TGT2")?;
    teller.say(&format!("{} messages have arrived: the role of TGT moves to TGT2 in mid-import", stage.arrived()))?;
    cast.start_node(stage, "SRC1")?;
    teller.say("SRC1 is back, as standby")?;
    cast.wait("everything settles", PATIENCE, || stage.settled("SRC2", "TGT2"))?;
    teller.say("every container is answered, OUT and IN are empty on all four nodes")?;
    cast.stop();
    prove(stage, teller)
}

fn prove(stage: &Stage, teller: &mut Teller<'_>) -> anyhow::Result<Exit> {
    let mut differences = 0;
    for mailbox in stage.mailboxes() {
        let open = |url: &str| -> Result<_, Trouble> { open_source(&StoreUrl::parse(url)?).map_err(Trouble::from) };
        let choices = compare::Choices { allow_extra: false, listed_max: 10 };
        let report = compare::compare(open(&mailbox.source)?.as_mut(), open(&mailbox.target)?.as_mut(), choices, &mut |_| {})
            .map_err(Trouble::from)?;
        differences += report.differing();
        teller.say(&format!(
            "{:<8} {} folders, {} items, {} differences",
            mailbox.name,
            report.source.folders,
            report.source.items,
            report.differing()
        ))?;
    }
    for (node, agent) in [("SRC2", AgentKind::Source), ("TGT2", AgentKind::Target)] {
        if let Some(report) = stage.report(node, agent) {
            let what = if agent == AgentKind::Source { "containers put out and answered" } else { "receipts sent" };
            teller.say(&format!(
                "{node} {agent}: epoch {}, {} {what}, {} debts",
                report.epoch,
                report.containers_answered.max(report.containers),
                report.deletion_debts.len()
            ))?;
        }
    }
    if differences == 0 {
        teller.say("verified: every item arrived exactly once, byte for byte")?;
        Ok(Exit::Ok)
    } else {
        teller.say(&format!("{differences} differences"))?;
        Ok(Exit::Failed)
    }
}

struct Teller<'a> {
    screen: &'a mut Screen,
    began: Instant,
}

impl Teller<'_> {
    fn say(&mut self, line: &str) -> std::io::Result<()> {
        writeln!(self.screen, "{:6.1} s  {line}", self.began.elapsed().as_secs_f64())?;
        self.screen.flush()
    }
}
