//! What a server may do that no client expects.

use std::time::Duration;

/// Each stands for a happening of the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// `* BYE` for a greeting, and the line stays open.
    ByeAtGreeting,
    /// More connections of one user than that are refused at login.
    TooManyConnections(usize),
    /// That command is not done, and answered with this. Texts that are known are made by the functions below.
    Answers {
        command: &'static str,
        text: String,
    },
    /// That command is not done: this untagged line comes, and the connection is closed.
    Ends {
        command: &'static str,
        text: String,
    },
    /// So many NO and BAD in one connection end it.
    EndsAfterErrors(usize),
    /// Each byte travels alone.
    SplitPackets,
    /// Bytes in a second, downwards.
    SlowTo(u64),
    /// A longer command line is `BAD`.
    CommandLineMax(usize),

    /// The message is stored, and the connection dies before anybody is told.
    LostAppendAnswer,
    /// It is stored at once and told much later.
    LateAppendAnswer(Duration),
    /// `* BYE` as soon as it is read.
    PoisonBye,
    Dislikes(Dislike),
    TooBig {
        bytes: u64,
        how: TooBig,
    },
    Rewrites(Rewrite),
    NoAppendUid,
    /// APPENDUID with another UIDVALIDITY than the mailbox has.
    WrongAppendUidValidity,
    /// APPENDUID of another message.
    WrongAppendUid,
    /// Taken on APPEND, and not there afterwards.
    LosesFlagOnAppend(&'static str),
    /// Only so many different keywords in a mailbox: more are lost.
    KeywordsMax(usize),
    /// Keywords with such characters are `BAD`.
    RefusesKeywordsWith(&'static str),
    DislikesDate(DateDislike),
    /// Answers every request for a receipt in what is appended without \Seen.
    SendsReceipts,

    Size(SizeLie),
    /// EMAILID is the same for all.
    OneEmailId,
    /// FETCH of an EMAILID is BAD, although offered.
    NoEmailId,
    /// `BODY[] NIL`.
    BodyNil,
    /// OK, and no FETCH response.
    NoFetchResponse,
    /// All headers are gone, the body is there.
    EmptyHeader,
    /// INTERNALDATE as this, or not at all.
    ShowsDate(Option<String>),
    /// The items of FETCH in reverse order, and others that nobody asked for.
    ShuffledItems,
    SeenByPeek,
    /// The message is gone before it is fetched.
    ExpungedBeforeFetch,
    /// QRESYNC is offered, and nobody is told what has vanished.
    ForgetsVanished,

    /// UIDVALIDITY becomes this, just before a SELECT, STATUS or APPEND: all UIDs are new.
    ValidityBecomes(u64),
    /// Another client has stored a message.
    OtherAppends,
    /// Another client has removed the first message.
    OtherExpunges,
    /// An EXPUNGE that belongs to the mailbox that was selected before.
    ExpungeAfterSelect,
    /// Nobody has told how many there are: EXISTS jumps up and down again.
    ExistsJumps,
    /// LIST is OK and empty.
    ListsNothing,
    /// LIST with RETURN or a selection is BAD, although offered.
    ListExtendedBad,
    /// `\HasNoChildren` on a parent.
    NoChildrenOnParent,
    /// CREATE of a name that differs in case alone is refused.
    NamesWithoutCase,

    /// SETACL gives these letters as well.
    AddsRights(&'static str),
    /// DELETEACL is OK, and nothing is deleted.
    KeepsRights,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dislike {
    NoFinalCrlf,
    BareLf,
    BareCr,
    Nul,
    LineLongerThan(usize),
    EightBitHeader,
    NoHeader,
    FromLine,
    HeaderLongerThan(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooBig {
    /// `NO [TOOBIG]`
    No,
    /// `BAD Command Argument Error. 11`, as Exchange has it.
    Bad,
    /// The connection is reset within the literal.
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrite {
    AddsReceived,
    NewMessageId,
    HeaderNamesInCapitals,
    FinalLine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateDislike {
    /// ` 4-Jan-2010`, as RFC 3501 writes it.
    OneDigitDay,
    Before1970,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeLie {
    Says(u64),
    /// One more at each look.
    Grows,
    Missing,
    /// It stands before the UID.
    First,
}

impl Quirk {
    pub fn exchange_throttles(command: &'static str, milliseconds: u64) -> Self {
        let text = format!("BAD Request is throttled. Suggested Backoff Time: {milliseconds} milliseconds");
        Quirk::Answers { command, text }
    }

    pub fn google_throttles(command: &'static str) -> Self {
        Quirk::Answers { command, text: "NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)".into() }
    }

    pub fn over_quota() -> Self {
        Quirk::Answers { command: "APPEND", text: "NO [OVERQUOTA] Quota exceeded (mailbox for user is full)".into() }
    }

    pub fn token_expires(command: &'static str) -> Self {
        Quirk::Ends { command, text: "BYE Session expired, please login again.".into() }
    }

    /// Exchange, when a mailbox has moved away or a token has ended.
    pub fn not_connected(command: &'static str) -> Self {
        Quirk::Answers { command, text: "BAD User is authenticated but not connected.".into() }
    }

    pub fn refuses(command: &'static str, text: &str) -> Self {
        Quirk::Answers { command, text: text.into() }
    }
}

/// A quirk, and when it happens: always, unless told otherwise.
#[derive(Clone, Debug)]
pub struct Armed {
    pub quirk: Quirk,
    skips: u64,
    left: u64,
    mailbox: Option<String>,
    holding: Option<Vec<u8>>,
    user: Option<String>,
}

impl From<Quirk> for Armed {
    fn from(quirk: Quirk) -> Self {
        Armed { quirk, skips: 0, left: u64::MAX, mailbox: None, holding: None, user: None }
    }
}

impl Armed {
    pub fn new(quirk: Quirk) -> Self {
        quirk.into()
    }

    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    #[must_use]
    pub fn times(self, left: u64) -> Self {
        Armed { left, ..self }
    }

    /// Not on the first so many occasions.
    #[must_use]
    pub fn after(self, skips: u64) -> Self {
        Armed { skips, ..self }
    }

    #[must_use]
    pub fn in_mailbox(self, name: &str) -> Self {
        Armed { mailbox: Some(name.into()), ..self }
    }

    /// Only for messages that hold these bytes.
    #[must_use]
    pub fn holding(self, bytes: &[u8]) -> Self {
        Armed { holding: Some(bytes.into()), ..self }
    }

    #[must_use]
    pub fn of_user(self, name: &str) -> Self {
        Armed { user: Some(name.into()), ..self }
    }

    /// Counts the occasion.
    pub(super) fn happens(&mut self, occasion: &Occasion<'_>) -> bool {
        let fits = |wanted: &Option<String>, here: &str| wanted.as_deref().is_none_or(|wanted| wanted == here);
        let holds = |wanted: &[u8]| occasion.bytes.windows(wanted.len().max(1)).any(|window| window == wanted);
        if !fits(&self.mailbox, occasion.mailbox) || !fits(&self.user, occasion.user) || !self.holding.as_deref().is_none_or(holds) {
            return false;
        }
        if self.skips > 0 {
            self.skips -= 1;
            return false;
        }
        self.left -= u64::from(self.left > 0 && self.left < u64::MAX);
        true
    }

    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }
}

/// Where something may happen.
#[derive(Clone, Copy, Default)]
pub(crate) struct Occasion<'o> {
    pub user: &'o str,
    pub mailbox: &'o str,
    pub bytes: &'o [u8],
}
