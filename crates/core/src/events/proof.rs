//! Events 701 to 799: data guarantee and proof.

use super::{Known, event, once};
use crate::ports::Level::{Debug, Error, Info, Warning};

pub(super) const EVENTS: &[Known] = &[
    event(701, "guarantee.holds", &[Info], "What `guarantee.lasts` told of is over", "Nothing"),
    event(
        702,
        "guarantee.lasts",
        &[Error],
        "The data guarantee of a mailbox has not held for `GuaranteeStallMax` (R74). Told once until `guarantee.holds`",
        "[Operating: copies of target stores](../OPERATING.md#copies-of-target-stores)",
    ),
    once(
        703,
        "guarantee.not-rolled",
        &[Warning],
        "A target store could not be asked to bring what is committed to its copies now (R75)",
        "Look at cause: rights, program",
    ),
    once(
        704,
        "guarantee.stalled",
        &[Warning],
        "The copies of a target store are not healthy, or cannot be told: nothing is imported into the mailbox until they are \
(R74)",
        "Nothing at first: it resumes by itself",
    ),
    event(
        705,
        "manifest.made",
        &[Info],
        "The target of a mailbox was read again and what was found is signed (R84); number, score and place",
        "Below Good: `mailferry manifest show FILE --items`",
    ),
    event(
        706,
        "guarantee.flushing",
        &[Debug],
        "Containers of a mailbox are kept until enough copies of its target store have flushed what was in them (R70)",
        "Nothing: 1 to 2 minutes are normal, and what lasts is told as `guarantee.lasts`",
    ),
];
