//! Events 601 to 699: mail stores.

use super::{Known, event, once};
use crate::ports::Level::{Error, Info, Warning};

pub(super) const EVENTS: &[Known] = &[
    event(
        601,
        "store.alert",
        &[Warning],
        "A mail server has a word for its users (ALERT of RFC 9051)",
        "Read it: it may be that the server goes down, or that an account is about to be closed",
    ),
    event(
        602,
        "store.cannot-adopt",
        &[Warning],
        "After an undo: the target store cannot tell what it holds already from what is sent (an mbox). What came to it while \
the mailbox was switched, and was brought back, comes twice (R83)",
        "Remove the doubles, or use a Maildir or IMAP",
    ),
    event(
        603,
        "store.failed",
        &[Warning, Error],
        "A source store or one message could not be read. The mailbox, or the message, waits; the others go on",
        "Look at cause and hint",
    ),
    once(
        604,
        "store.failed-over",
        &[Warning],
        "Another copy of a target store serves than before. What it may lack is applied again from the containers that are \
kept (R78)",
        "Nothing. Users who had deleted or moved such a message meanwhile find it again",
    ),
    once(
        605,
        "store.kept-damaged",
        &[Error],
        "A container that is kept for such a case is damaged on every node. All that was delivered to the mailbox is looked \
for, and asked for at the source where it is not there",
        "Look at the disks of the target nodes",
    ),
    event(
        606,
        "store.kept-missing",
        &[Warning],
        "Containers that should be kept for such a case are on no node. After a takeover of the agent: their deletion was \
decided and not replicated",
        "Nothing after a takeover. Otherwise: who removed them? `mailferry verify` tells what is missing",
    ),
    event(
        607,
        "store.link-left",
        &[Warning],
        "A symbolic link in a Maildir, or among mbox files, is not followed, and what it leads to is not read",
        "Name the folder itself as a mailbox of its own, or put it in the place of the link",
    ),
    event(608, "store.mended", &[Info], "That has been done: so many containers, so many items that were missing", "Nothing"),
    event(
        609,
        "store.no-mbox",
        &[Warning],
        "A file in a folder of mbox files does not begin as an mbox does, and is left out",
        "Nothing, if it holds no mail",
    ),
    once(
        610,
        "store.not-mended",
        &[Error],
        "That could not be done yet: the store or a kept container cannot be read. The mailbox waits, and it is tried again",
        "Look at cause and hint",
    ),
    event(
        611,
        "store.not-subscribed",
        &[Warning],
        "The target did not take the subscription of a folder; the folder and its mail are there",
        "Subscribe to it by hand, or look at cause",
    ),
    event(
        612,
        "store.token-unkept",
        &[Warning],
        "A refresh token that stands in a variable was changed by the server. The new one is known to this run alone",
        "Put the refresh token into a file: `refresh-token-file`",
    ),
    event(
        613,
        "store.two-as-one",
        &[Warning],
        "A mail server gives two different messages one name. What it calls them is not believed in this pass: messages are \
known by their bytes",
        "Nothing; the pass reads more than otherwise",
    ),
    event(
        614,
        "store.written-behind",
        &[Warning],
        "Another program wrote to an mbox while a batch of the target agent was interrupted. Only what is ours is taken out",
        "Let no other program write to the mbox while it is a target",
    ),
    event(
        615,
        "target.short-of-room",
        &[Warning],
        "`migrate` is about to bring more to a target than its quota has room for, with both numbers. The copy goes on until \
it is full, and then waits",
        "Raise the quota or free space at the target, then run it again",
    ),
];
