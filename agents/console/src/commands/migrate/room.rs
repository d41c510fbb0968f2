//! Whether what is to come fits into the quotas of the target. Told before the copy begins; a full target makes it wait, not lose.

use mailferry_core::engine::MailboxPlan;
use mailferry_core::ports::Quota;
use mailferry_core::trouble::Trouble;
use serde::Serialize;

/// What a run would do, and the room that there is for it.
#[derive(Serialize)]
pub struct Rehearsal {
    #[serde(flatten)]
    pub plan: MailboxPlan,
    pub quotas: Vec<Quota>,
    pub fits: bool,
    /// What is at the source and is not brought over.
    pub left_behind: Vec<String>,
}

impl Rehearsal {
    pub fn new(plan: MailboxPlan, quotas: Vec<Quota>, left_behind: Vec<String>) -> Self {
        let fits = quotas.iter().all(|quota| quota.lacking(plan.to_send, plan.to_send_bytes) == 0);
        Rehearsal { plan, quotas, fits, left_behind }
    }

    /// What to tell where it does not fit.
    pub fn shortage(&self, target: &str) -> Option<Trouble> {
        let (items, bytes) = (self.plan.to_send, self.plan.to_send_bytes);
        let short = self.quotas.iter().find(|quota| quota.lacking(items, bytes) > 0)?;
        let (unit, lacking) = (short.counted.unit(), short.lacking(items, bytes));
        let short = Trouble::new("the target has no room for all of it").place(target).cause(short.shortage(items, bytes));
        Some(short.hint(format!("raise the quota by {lacking} {unit}, or free as many")))
    }
}

#[cfg(test)]
mod tests {
    use mailferry_core::ports::Counted;

    use super::*;

    #[test]
    fn what_fits_to_the_last_byte_is_fine_and_one_more_is_told_with_numbers() {
        let quota = |counted, used, limit| Quota { name: "User quota".into(), counted, used, limit };
        let rehearsal = |to_send, to_send_bytes| {
            let plan = MailboxPlan { to_send, to_send_bytes, ..MailboxPlan::default() };
            Rehearsal::new(plan, vec![quota(Counted::Bytes, 100, 1100), quota(Counted::Items, 5, 15)], Vec::new())
        };
        assert!(rehearsal(10, 1000).fits && rehearsal(10, 1000).shortage("t").is_none());
        assert_eq!(
            rehearsal(1, 1001).shortage("t").map(|trouble| trouble.to_string()).as_deref(),
            Some(
                "the target has no room for all of it\n  where: t\n  cause: 1001 bytes are to come, 1000 bytes are free: the quota \
                 `User quota` is 1100 bytes, 100 of them used\n  hint:  raise the quota by 1 bytes, or free as many"
            )
        );
        assert!(rehearsal(11, 1).shortage("t").expect("short").to_string().contains("11 items are to come, 10 items are free"));
    }
}
