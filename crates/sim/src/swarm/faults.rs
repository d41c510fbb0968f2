//! Which faults a life is drawn with. docs/testing.md says why each must be survived.

use crate::dice::Dice;
use crate::process::Rates;

/// Every one off is a life that only users make.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub rates: Rates,
    /// Sessions run in turns; power may go and roles may move in the middle of one.
    pub interleaved: bool,
    /// Roles move between sessions.
    pub failover: bool,
    /// Roles move in the middle of a session, whose agent goes on until it asks.
    pub dual: bool,
    /// Both nodes of a side are told that they are active, or nobody knows.
    pub both: bool,
    /// Nodes are down, for minutes or for days; disks are full or refuse deletions; the witness is away.
    pub disks: bool,
    /// Some nodes do not reach some others, one way or both ways.
    pub network: bool,
    /// Nodes refuse deletions for a while; where nothing else goes wrong, the copies are checked after every session.
    pub refusals: bool,
    /// Bits of files turn: containers, change sets, snapshots, answers of standbys.
    pub damage: bool,
    /// Removed files are there again.
    pub returns: bool,
    /// Clocks of nodes are set, forwards and backwards.
    pub clocks: bool,
    /// The data guarantee does not hold, or cannot be told.
    pub guarantee: bool,
    /// Target stores fail over to a second copy that lacks what came last. Not where clocks go wrong: what was committed when is told by
    /// the clock.
    pub takeovers: bool,
    /// Mail stores do not answer.
    pub stores: bool,
    /// ContinueWithoutReplication=1.
    pub alone: bool,
    /// A standby's database is deleted.
    pub databases: bool,
    /// No fault, but another kind of target: a server that keeps no tokens. Not where two nodes may act: it cannot be asked between
    /// a command and its effect.
    pub tokenless: bool,
    /// No fault either: operators make move requests, suspend and resume them. Without, every mailbox is kept in step all the time.
    pub orders: bool,
    /// And mailboxes are switched. Not where two nodes may act: what locks a source cannot be asked between a command and its effect.
    pub switches: bool,
    /// The two mailboxes are primary and archive of one user: whoever asks for one asks for both.
    pub pair: bool,
}

impl Faults {
    /// Each class of trouble is in a life or not: lives with everything at once see less of each.
    pub fn draw(dice: &mut Dice) -> Faults {
        let rate = |dice: &mut Dice| if dice.chance(500) { 0 } else { 1 + dice.below(12) };
        let rates = Rates {
            dies: rate(dice),
            fails: rate(dice),
            answer_lost: rate(dice),
            unread: rate(dice),
            slow: if dice.chance(700) { 0 } else { 1 + dice.below(20) },
            lies: if dice.chance(700) { 0 } else { 1 + dice.below(20) },
        };
        let mut has = |times| dice.chance(times);
        let faults = Faults {
            rates,
            interleaved: has(400),
            failover: has(500),
            dual: has(250),
            both: has(200),
            disks: has(350),
            network: has(300),
            refusals: has(150),
            damage: has(200),
            returns: has(200),
            clocks: has(250),
            guarantee: has(250),
            stores: has(200),
            alone: has(200),
            databases: has(100),
            tokenless: has(300),
            // Drawn last: older seeds stay what they were.
            takeovers: has(200),
            orders: false,
            switches: false,
            pair: false,
        };
        // From dice of their own: what is drawn after this stays what it was.
        let mut own = dice.clone().fork();
        Faults { orders: own.chance(350), switches: own.chance(700), pair: own.chance(350), ..faults }.consistent()
    }

    /// Roles move in the middle of sessions only where sessions can be interrupted.
    fn consistent(self) -> Faults {
        let dual = self.dual && self.interleaved;
        let switches = self.switches && self.orders && !dual && !self.both;
        Faults {
            dual,
            tokenless: self.tokenless && !dual && !self.both,
            takeovers: self.takeovers && !self.clocks,
            switches,
            pair: self.pair && switches,
            ..self
        }
    }

    /// Two nodes of a side may act at the same time.
    pub fn two_may_act(&self) -> bool {
        self.dual || self.both
    }

    /// After every session the copies are as R56 wants them.
    pub fn copies_hold(&self) -> bool {
        let Faults {
            rates,
            interleaved,
            failover,
            both,
            disks,
            network,
            damage,
            returns,
            guarantee,
            takeovers,
            stores,
            alone,
            databases,
            ..
        } = *self;
        let calm = rates.dies + rates.fails + rates.answer_lost + rates.unread + rates.lies == 0;
        calm && ![interleaved, failover, both, disks, network, damage, returns, guarantee, takeovers, stores, alone, databases]
            .contains(&true)
    }
}
