//! When what may be much is told again: when something about it has changed, after a while all the same, and of many not too often.

/// Told again after so long though nothing has changed, and of many no more often.
const TELL_EVERY_MS: u64 = 60_000;
pub(super) const MANY: usize = 1_000;
const TELL_MANY_EVERY_MS: u64 = 10_000;

pub(super) trait Listed {
    fn count(&self) -> usize;

    /// Of what is news when it changes.
    fn print(&self) -> blake3::Hash;
}

/// What was told last.
#[derive(Default)]
pub(super) struct Told {
    print: Option<blake3::Hash>,
    at_ms: u64,
    epoch: u64,
}

impl Told {
    /// Whoever becomes active tells everything anew; answers whether that begins here.
    pub fn begins_anew(&mut self, epoch: u64) -> bool {
        let anew = self.epoch != epoch;
        if anew {
            *self = Told { epoch, ..Told::default() };
        }
        anew
    }

    /// Of many, not again so soon.
    pub fn may_tell(&self, count: usize, now_ms: u64) -> bool {
        self.print.is_none() || count <= MANY || now_ms.abs_diff(self.at_ms) >= TELL_MANY_EVERY_MS
    }

    pub fn is_news(&mut self, of: &impl Listed, now_ms: u64) -> bool {
        let print = Some(of.print());
        let is_old = self.print.is_none() || now_ms.abs_diff(self.at_ms) >= TELL_EVERY_MS;
        let is_news = is_old || self.print != print && self.may_tell(of.count(), now_ms);
        if is_news {
            (self.print, self.at_ms) = (print, now_ms);
        }
        is_news
    }
}
