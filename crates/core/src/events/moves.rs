//! Events 801 to 899: move requests and the switch.

use super::{Known, event, once};
use crate::ports::Level::{Error, Info, Warning};

pub(super) const EVENTS: &[Known] = &[
    event(801, "move.changed", &[Info, Warning], "A move request is in another state (R80)", "When it is Retrying: look at the reason"),
    event(
        802,
        "move.failed",
        &[Error],
        "A move request has failed: a limit of items, an archived container, the source (R81). Nothing more is packed of its \
mailbox",
        "`mailferry moves show`; mend the cause or raise the limit, then `mailferry moves resume`",
    ),
    event(803, "move.ordered", &[Info], "An order to a move request was carried out", "Nothing"),
    event(
        804,
        "move.refused",
        &[Warning],
        "An order to a move request was refused, with the reason; nothing has changed",
        "Look at the reason",
    ),
    event(
        805,
        "switch.confirmed",
        &[Info],
        "Target agent: everything up to the question with the last delta is applied and guaranteed (R82)",
        "Nothing",
    ),
    event(
        806,
        "switch.done",
        &[Info],
        "A mailbox is switched: SwitchCommand has led mail to the target; how long the source was locked (R82)",
        "Nothing",
    ),
    event(
        807,
        "switch.given-up",
        &[Warning],
        "A switch has come to nothing, nothing is switched, and the source is open again; why",
        "See `move.failed`; mend it, then `mailferry moves resume`",
    ),
    once(
        808,
        "switch.locked",
        &[Error],
        "SwitchCommand could not unlock a source whose switch has come to nothing. Tried in every session",
        "Mend what it says, or unlock by hand",
    ),
    event(
        809,
        "switch.may-begin",
        &[Info],
        "Target agent: nothing is archived and the copies are close enough behind, the source may be locked (R75)",
        "Nothing",
    ),
    event(
        810,
        "switch.missing",
        &[Warning],
        "A switch was taken back, and messages that were in the source are not there any more. At the target they stay (R83)",
        "Bring them back: `mailferry migrate TARGET SOURCE --adopt-existing`",
    ),
    once(
        811,
        "switch.not-delivered",
        &[Error],
        "With SwitchTest: SwitchCommand says that a test delivery has not arrived at the target. The request waits; tried in \
every session (R82)",
        "See where the message has stayed; `mailferry moves undo` leads mail back",
    ),
    once(
        812,
        "switch.not-redirected",
        &[Error],
        "SwitchCommand could not lead mail to the target. The source stays locked, everything is at the target; tried in every \
session",
        "Mend what it says",
    ),
    once(
        813,
        "switch.not-told",
        &[Warning],
        "With SwitchMessage: SwitchCommand could not send the message to the user. The mailbox is switched, its request waits; \
tried in every session",
        "Mend what it says, or the template",
    ),
    once(
        814,
        "switch.not-undone",
        &[Error],
        "SwitchCommand could not lead mail back to the source. Nothing is deleted anywhere; tried in every session (R83)",
        "Mend what it says",
    ),
    event(
        815,
        "switch.refused",
        &[Warning],
        "Target agent: a switch is refused, with the container in ARCHIVE or the copy and the number (R75, R82)",
        "Mend what it says, then `mailferry moves resume`",
    ),
    event(
        816,
        "switch.undone",
        &[Warning],
        "A switch is taken back: mail goes to the source again (R83)",
        "`mailferry migrate TARGET SOURCE --adopt-existing` brings back what has come to the target meanwhile",
    ),
    once(
        817,
        "switch.waits",
        &[Info, Warning],
        "A switch waits. Info: for a copy, a partner or the other node, which comes by itself. Warning: for a person, and it \
says why",
        "Info: nothing. Warning: do what it says; mostly SwitchCommand is missing",
    ),
];
