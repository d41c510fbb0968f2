//! What is done to agents, nodes and roles, and what is still to be mended.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::sample::Dice;
use mailferry_tests::{Bed, Services, wait_until};

/// How long a kill waits for its victim to be at work.
const LULL: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(90);

/// What the kills have met.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hits {
    /// Processes killed in the middle of something.
    pub at_work: u64,
    /// Of these: with something half done on a disk - a part, a container not recorded, staged mail.
    pub in_hands: u64,
    /// Processes killed while they slept.
    pub idle: u64,
    pub nodes: u64,
    pub roles: u64,
}

impl Hits {
    pub fn add(&mut self, more: Hits) {
        self.at_work += more.at_work;
        self.in_hands += more.in_hands;
        self.idle += more.idle;
        self.nodes += more.nodes;
        self.roles += more.roles;
    }
}

struct Down {
    node: String,
    /// The node took its share with it.
    share_away: bool,
}

pub struct Ladder<'b> {
    bed: &'b Bed,
    services: Services<'b>,
    dice: Dice,
    down: Option<Down>,
    pub hits: Hits,
}

impl<'b> Ladder<'b> {
    pub fn new(bed: &'b Bed, seed: u64) -> Self {
        Ladder { bed, services: Services::all(bed), dice: Dice::new(seed), down: None, hits: Hits::default() }
    }

    /// One kill of some kind, and perhaps a role that moves.
    pub fn kill_something(&mut self) {
        match self.dice.below(6) {
            0 => self.kill_a_node(),
            _ => self.kill_an_agent(),
        }
        if self.dice.below(5) == 0 {
            let side = *self.dice.one_of(&[Side::Source, Side::Target]);
            self.switch_over(side);
        }
        if self.dice.below(3) == 0 {
            self.revive();
        }
    }

    /// Everything mended and nothing left to do.
    pub fn settle(mut self, patience: Duration) -> Hits {
        self.revive();
        self.services.settle(patience);
        self.hits
    }

    /// One process, and at once a new one, half the time after the role has moved.
    fn kill_an_agent(&mut self) {
        let kind = *self.dice.one_of(&AgentKind::ALL);
        let sides: &[Side] = match kind {
            AgentKind::Source => &[Side::Source],
            AgentKind::Transmission => &[Side::Source, Side::Source, Side::Target],
            AgentKind::Target => &[Side::Target],
        };
        let side = *self.dice.one_of(sides);
        let (active, some) = (self.bed.active(side), self.dice.one_of(&self.bed.nodes(side)).clone());
        let node = if self.dice.below(4) == 0 { some } else { active };
        let moves = self.dice.below(3) == 0;
        if self.down.as_ref().is_some_and(|down| down.node == node) {
            return self.revive();
        }
        self.until_at_work(&node, &[kind]);
        self.kill(&node, kind);
        if moves {
            self.switch_over(side);
        }
        self.services.start(&node, kind);
    }

    /// All processes of a node, half the time with its disk; if it was active the role moves.
    fn kill_a_node(&mut self) {
        self.revive();
        let side = *self.dice.one_of(&[Side::Source, Side::Target]);
        let node = self.dice.one_of(&self.bed.nodes(side)).clone();
        let share_away = self.dice.below(2) == 0;
        self.until_at_work(&node, &side.agents());
        side.agents().into_iter().for_each(|kind| self.kill(&node, kind));
        self.hits.nodes += 1;
        if share_away {
            fs::rename(self.bed.share(&node), self.away(&node)).expect("a share goes away");
        }
        if self.bed.active(side) == node {
            self.switch_over(side);
        }
        self.down = Some(Down { node, share_away });
    }

    /// Some moment of the work of one of these agents; of a session that has nothing to do as well, when none has for long.
    fn until_at_work(&mut self, node: &str, kinds: &[AgentKind]) {
        let kind = *self.dice.one_of(kinds);
        let (bed, services) = (self.bed, &mut self.services);
        let (until, patient) = (Instant::now() + LULL, Instant::now() + LULL / 2);
        let moment = Duration::from_millis(self.dice.below(40));
        let mut began: Option<Instant> = None;
        wait_until("an agent is at work", PATIENCE, || {
            services.assert_running();
            let works = services.is_at_work(node, kind) && (has_in_hands(bed, node, kind) || Instant::now() >= patient);
            began = began.filter(|_| works).or(works.then(Instant::now));
            began.is_some_and(|began| began.elapsed() >= moment) || Instant::now() >= until
        });
    }

    fn kill(&mut self, node: &str, kind: AgentKind) {
        let works = self.services.is_at_work(node, kind);
        self.services.kill(node, kind);
        let in_hands = works && has_in_hands(self.bed, node, kind);
        eprintln!("  the {kind} agent of {node} is killed (at work: {works}, in hands: {in_hands})");
        self.hits.at_work += u64::from(works);
        self.hits.in_hands += u64::from(in_hands);
        self.hits.idle += u64::from(!works);
    }

    fn switch_over(&mut self, side: Side) {
        eprintln!("  the role of the {side} moves");
        self.hits.roles += 1;
        self.bed.switch_over(side);
    }

    fn revive(&mut self) {
        if let Some(Down { node, share_away }) = self.down.take() {
            if share_away {
                fs::rename(self.away(&node), self.bed.share(&node)).expect("a share comes back");
            }
            self.services.start_node(&node);
        }
    }

    fn away(&self, node: &str) -> PathBuf {
        self.bed.path(node).join("share that is away")
    }
}

/// Something that this agent has begun and not finished lies on a disk.
fn has_in_hands(bed: &Bed, node: &str, kind: AgentKind) -> bool {
    let own = format!(".{node}-{kind}.part");
    let ends = |folder: &Path, ending: &str| files(folder).iter().any(|file| file.to_string_lossy().ends_with(ending));
    let nodes = [Side::Source, Side::Target].into_iter().flat_map(|side| bed.nodes(side));
    let copying = nodes.into_iter().any(|node| ends(&bed.share(&node).join("NTA"), &own));
    let work = || !files(&bed.share(node).join("NTA/WORK").join(kind.name())).is_empty();
    let mail = || {
        let staged = |file: &PathBuf| file.parent().is_some_and(|folder| folder.ends_with("tmp"));
        let journal = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "mailferry");
        kind == AgentKind::Target && files(&bed.path("mail/new")).iter().any(|file| staged(file) || journal(file))
    };
    copying || work() || mail()
}

/// What lies below a folder that changes meanwhile.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] }).collect()
}
