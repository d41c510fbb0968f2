//! What a server says (RFC 9051, section 7, and the extensions named below). Whatever is not known becomes `Other`, never an
//! error: one odd attribute must not cost a message.

use super::cursor::{Cursor, Word, parse_number};
use super::uid_set::UidSet;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Ok,
    No,
    Bad,
    Bye,
    Preauth,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Response {
    /// `+`: the server waits for more of the command.
    Continue(String),
    Tagged {
        tag: String,
        status: Status,
        code: Option<Code>,
        text: String,
    },
    Untagged {
        status: Status,
        code: Option<Code>,
        text: String,
    },
    Capability(Vec<String>),
    Enabled(Vec<String>),
    Flags(Vec<String>),
    List(Listed),
    Lsub(Listed),
    StatusOf(Vec<u8>, StatusItems),
    Search(Vec<u32>),
    /// ESEARCH (RFC 4731): the set behind ALL.
    Esearch(UidSet),
    Exists(u32),
    Expunge(u32),
    /// RFC 7162; `earlier`: gone before this session.
    Vanished {
        earlier: bool,
        uids: UidSet,
    },
    Fetch(Box<Fetch>),
    Namespace(Namespace),
    /// RFC 9208: the quota roots of a folder.
    QuotaRoot(Vec<Vec<u8>>),
    Quota(Quota),
    /// RFC 4314: who has which rights in a folder.
    Acl(Acl),
    /// RFC 5464: entries of a folder that have a value.
    Metadata(Metadata),
    /// RFC 2971: what the server says of itself, such as `name`.
    Id(Vec<(String, String)>),
    Other(Vec<u8>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acl {
    pub folder: Vec<u8>,
    pub rights: Vec<(String, String)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metadata {
    pub folder: Vec<u8>,
    pub entries: Vec<(String, Vec<u8>)>,
}

/// Response codes, the text in brackets (RFC 5530 and others).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Code {
    Alert,
    UidValidity(u32),
    UidNext(u32),
    HighestModseq(u64),
    NoModseq,
    PermanentFlags(Vec<String>),
    ReadOnly,
    /// RFC 4315: UIDVALIDITY and the UIDs given.
    AppendUid(u32, UidSet),
    CopyUid(u32, UidSet, UidSet),
    Capability(Vec<String>),
    OverQuota,
    TooBig,
    TryCreate,
    AlreadyExists,
    Nonexistent,
    Limit,
    InUse,
    Unavailable,
    AuthenticationFailed,
    Expired,
    /// Name and text.
    Other(String, String),
}

/// One line of LIST.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Listed {
    /// With their backslash, such as `\Noselect`.
    pub attributes: Vec<String>,
    pub separator: Option<u8>,
    /// As the server wrote it, usually modified UTF-7.
    pub name: Vec<u8>,
}

impl Listed {
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|there| there.eq_ignore_ascii_case(attribute))
    }
}

#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct StatusItems {
    pub messages: Option<u32>,
    pub recent: Option<u32>,
    pub uid_next: Option<u32>,
    pub uid_validity: Option<u32>,
    pub highest_modseq: Option<u64>,
    pub size: Option<u64>,
    /// RFC 7889: bytes of the largest message that it takes.
    pub append_limit: Option<u64>,
}

/// RFC 9208: what a quota root allows.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Quota {
    pub root: Vec<u8>,
    pub resources: Vec<Resource>,
}

/// `STORAGE` counts units of 1,024 bytes, `MESSAGE` messages.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Resource {
    pub name: String,
    pub used: u64,
    pub limit: u64,
}

/// Attributes of one message, as far as they came.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Fetch {
    pub sequence: u32,
    pub uid: Option<u32>,
    pub flags: Option<Vec<String>>,
    pub internal_date: Option<String>,
    pub size: Option<u64>,
    pub modseq: Option<u64>,
    /// `BODY[]` and the like: `Some(None)` for NIL. Where bodies are streamed, an empty string.
    pub body: Option<Option<Vec<u8>>>,
    pub header: Option<Vec<u8>>,
    /// X-GM-MSGID, the same in every folder.
    pub gmail_id: Option<u64>,
    /// EMAILID (RFC 8474): the same wherever the message stands.
    pub email_id: Option<String>,
    /// X-GM-LABELS, in modified UTF-7; those of the system begin with a backslash.
    pub labels: Option<Vec<String>>,
}

/// RFC 2342: prefix and separator of the personal namespace, of other users' and of shared ones.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Namespace {
    pub personal: Vec<(Vec<u8>, Option<u8>)>,
    pub others: Vec<(Vec<u8>, Option<u8>)>,
    pub shared: Vec<(Vec<u8>, Option<u8>)>,
}

impl Response {
    pub fn parse(line: &[u8]) -> Response {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut cursor = Cursor::new(line);
        if let Some(text) = line.strip_prefix(b"+") {
            return Response::Continue(String::from_utf8_lossy(text.trim_ascii()).into_owned());
        }
        let tag = cursor.plain_atom();
        if tag != b"*" {
            let tag = String::from_utf8_lossy(tag).into_owned();
            return match status(cursor.plain_atom()) {
                Some(status) => {
                    let (code, text) = code_and_text(&mut cursor);
                    Response::Tagged { tag, status, code, text }
                }
                None => Response::Other(line.to_vec()),
            };
        }
        untagged(&mut cursor).unwrap_or_else(|| Response::Other(line.to_vec()))
    }
}

fn status(word: &[u8]) -> Option<Status> {
    Some(match word.to_ascii_uppercase().as_slice() {
        b"OK" => Status::Ok,
        b"NO" => Status::No,
        b"BAD" => Status::Bad,
        b"BYE" => Status::Bye,
        b"PREAUTH" => Status::Preauth,
        _ => return None,
    })
}

fn untagged(cursor: &mut Cursor<'_>) -> Option<Response> {
    let word = cursor.plain_atom();
    if let Some(number) = parse_number(word) {
        return numbered(u32::try_from(number).ok()?, cursor);
    }
    if let Some(status) = status(word) {
        let (code, text) = code_and_text(cursor);
        return Some(Response::Untagged { status, code, text });
    }
    Some(match word.to_ascii_uppercase().as_slice() {
        b"CAPABILITY" => Response::Capability(words(cursor)),
        b"ENABLED" => Response::Enabled(words(cursor)),
        b"FLAGS" => Response::Flags(list_of_texts(cursor)),
        b"LIST" | b"XLIST" => Response::List(listed(cursor)),
        b"LSUB" => Response::Lsub(listed(cursor)),
        b"STATUS" => Response::StatusOf(cursor.word().bytes().to_vec(), status_items(cursor)),
        b"SEARCH" => Response::Search(numbers(cursor)),
        b"ESEARCH" => Response::Esearch(esearch(cursor)),
        b"VANISHED" => {
            let mut earlier = false;
            if cursor.peek() == Some(b' ') && cursor.rest().trim_ascii_start().starts_with(b"(") {
                cursor.skip();
                earlier = true;
            }
            Response::Vanished { earlier, uids: UidSet::parse(cursor.plain_atom())? }
        }
        b"NAMESPACE" => {
            Response::Namespace(Namespace { personal: namespaces(cursor), others: namespaces(cursor), shared: namespaces(cursor) })
        }
        b"QUOTAROOT" => {
            cursor.word();
            Response::QuotaRoot(texts_to_the_end(cursor))
        }
        b"QUOTA" => Response::Quota(quota(cursor)),
        b"ACL" => {
            let folder = cursor.word().bytes().to_vec();
            Response::Acl(Acl { folder, rights: pairs(cursor) })
        }
        b"METADATA" => {
            let folder = cursor.word().bytes().to_vec();
            Response::Metadata(Metadata { folder, entries: entries(cursor) })
        }
        b"ID" => {
            let mut fields = Vec::new();
            cursor.list(|cursor| match cursor.word() {
                Word::Nil | Word::Atom(b"") => {}
                name => fields.push((name.text().to_lowercase(), cursor.word().text())),
            });
            Response::Id(fields)
        }
        _ => return None,
    })
}

fn texts_to_the_end(cursor: &mut Cursor<'_>) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    while !cursor.at_end() {
        let before = cursor.rest().len();
        out.push(cursor.word().bytes().to_vec());
        if cursor.rest().len() == before {
            break;
        }
    }
    out
}

fn pairs(cursor: &mut Cursor<'_>) -> Vec<(String, String)> {
    let mut words = texts_to_the_end(cursor).into_iter().map(|word| String::from_utf8_lossy(&word).into_owned());
    let mut pairs = Vec::new();
    while let (Some(first), Some(second)) = (words.next(), words.next()) {
        pairs.push((first, second));
    }
    pairs
}

fn entries(cursor: &mut Cursor<'_>) -> Vec<(String, Vec<u8>)> {
    let mut entries = Vec::new();
    cursor.list(|cursor| {
        let entry = cursor.word().text();
        match cursor.word() {
            Word::Nil => {}
            value => entries.push((entry, value.bytes().to_vec())),
        }
    });
    entries
}

fn quota(cursor: &mut Cursor<'_>) -> Quota {
    let mut quota = Quota { root: cursor.word().bytes().to_vec(), resources: Vec::new() };
    cursor.list(|cursor| {
        let name = cursor.word().text().to_uppercase();
        match (cursor.number(), cursor.number()) {
            (Some(used), Some(limit)) => quota.resources.push(Resource { name, used, limit }),
            _ => cursor.skip(),
        }
    });
    quota
}

fn numbered(number: u32, cursor: &mut Cursor<'_>) -> Option<Response> {
    Some(match cursor.plain_atom().to_ascii_uppercase().as_slice() {
        b"EXISTS" => Response::Exists(number),
        b"EXPUNGE" => Response::Expunge(number),
        b"FETCH" => Response::Fetch(Box::new(fetch(number, cursor))),
        _ => return None,
    })
}

fn words(cursor: &mut Cursor<'_>) -> Vec<String> {
    let mut out = Vec::new();
    while !cursor.at_end() {
        let word = cursor.atom();
        if word.is_empty() {
            cursor.skip();
        } else {
            out.push(String::from_utf8_lossy(word).to_uppercase());
        }
    }
    out
}

fn numbers(cursor: &mut Cursor<'_>) -> Vec<u32> {
    let mut out = Vec::new();
    // `(MODSEQ n)` may follow.
    while let Some(number) = cursor.number() {
        out.extend(u32::try_from(number).ok());
    }
    out
}

fn list_of_texts(cursor: &mut Cursor<'_>) -> Vec<String> {
    let mut out = Vec::new();
    cursor.list(|cursor| match cursor.word() {
        Word::Atom(b"") => {}
        word => out.push(word.text()),
    });
    out
}

fn listed(cursor: &mut Cursor<'_>) -> Listed {
    let attributes = list_of_texts(cursor);
    let separator = match cursor.word() {
        Word::Nil => None,
        word => word.bytes().first().copied(),
    };
    cursor.spaces();
    let name = match cursor.peek() {
        Some(b'"' | b'{' | b'~') => cursor.word().bytes().to_vec(),
        // Some servers do not quote names with spaces or parentheses in them (T17).
        _ => unquoted_name(cursor.rest()),
    };
    Listed { attributes, separator, name }
}

/// The rest of the line, without extended data (RFC 5258) behind it.
fn unquoted_name(rest: &[u8]) -> Vec<u8> {
    let extended = memchr::memmem::find(rest, b" (\"CHILDINFO").or_else(|| memchr::memmem::find(rest, b" (\"OLDNAME"));
    rest[..extended.unwrap_or(rest.len())].trim_ascii_end().to_vec()
}

fn status_items(cursor: &mut Cursor<'_>) -> StatusItems {
    let mut items = StatusItems::default();
    cursor.list(|cursor| {
        let name = cursor.plain_atom().to_ascii_uppercase();
        let Some(number) = cursor.number() else { return cursor.skip() };
        let short = u32::try_from(number).ok();
        match name.as_slice() {
            b"MESSAGES" => items.messages = short,
            b"RECENT" => items.recent = short,
            b"UIDNEXT" => items.uid_next = short,
            b"UIDVALIDITY" => items.uid_validity = short,
            b"HIGHESTMODSEQ" => items.highest_modseq = Some(number),
            b"SIZE" => items.size = Some(number),
            b"APPENDLIMIT" => items.append_limit = Some(number),
            _ => {}
        }
    });
    items
}

fn esearch(cursor: &mut Cursor<'_>) -> UidSet {
    cursor.spaces();
    if cursor.peek() == Some(b'(') {
        cursor.skip();
    }
    while !cursor.at_end() {
        match cursor.plain_atom().to_ascii_uppercase().as_slice() {
            b"ALL" => return UidSet::parse(cursor.plain_atom()).unwrap_or_default(),
            b"UID" => {}
            _ => cursor.skip(),
        }
    }
    UidSet::default()
}

fn namespaces(cursor: &mut Cursor<'_>) -> Vec<(Vec<u8>, Option<u8>)> {
    let mut out = Vec::new();
    cursor.spaces();
    if cursor.peek() != Some(b'(') {
        cursor.word();
        return out;
    }
    cursor.list(|cursor| {
        let mut parts = Vec::new();
        cursor.list(|cursor| parts.push(cursor.word().bytes().to_vec()));
        let mut parts = parts.into_iter();
        if let Some(prefix) = parts.next() {
            out.push((prefix, parts.next().and_then(|separator| separator.first().copied())));
        }
    });
    out
}

fn fetch(sequence: u32, cursor: &mut Cursor<'_>) -> Fetch {
    let mut fetch = Fetch { sequence, ..Fetch::default() };
    cursor.list(|cursor| {
        let name = cursor.atom().to_ascii_uppercase();
        match name.as_slice() {
            b"UID" => fetch.uid = cursor.number().and_then(|uid| u32::try_from(uid).ok()),
            b"FLAGS" => fetch.flags = Some(list_of_texts(cursor)),
            b"INTERNALDATE" => match cursor.word() {
                Word::Nil => {}
                word => fetch.internal_date = Some(word.text()),
            },
            b"RFC822.SIZE" => fetch.size = cursor.number(),
            b"MODSEQ" => cursor.list(|cursor| fetch.modseq = cursor.number()),
            b"X-GM-MSGID" => fetch.gmail_id = cursor.number(),
            b"EMAILID" => fetch.email_id = list_of_texts(cursor).into_iter().next().filter(|id| !id.is_empty()),
            b"X-GM-LABELS" => fetch.labels = Some(list_of_texts(cursor)),
            b"" => cursor.skip(),
            name if name.starts_with(b"BODY[]") || name == b"RFC822" || name.starts_with(b"BINARY[]") => {
                fetch.body = Some(match cursor.word() {
                    Word::Nil => None,
                    word => Some(word.bytes().to_vec()),
                });
            }
            name if name.starts_with(b"BODY[HEADER") => fetch.header = Some(cursor.word().bytes().to_vec()),
            _ => cursor.skip(),
        }
        // A number that was none, such as an UID in quotes, is stepped over.
        if !matches!(cursor.peek(), None | Some(b' ' | b')' | b'\r')) {
            cursor.skip();
        }
    });
    fetch
}

fn code_and_text(cursor: &mut Cursor<'_>) -> (Option<Code>, String) {
    cursor.spaces();
    let rest = cursor.rest();
    let Some(inner) = rest.strip_prefix(b"[") else { return (None, cursor.rest_text()) };
    let close = code_end(inner);
    let text = inner.get(close + 1..).unwrap_or_default();
    (Some(code(&inner[..close.min(inner.len())])), String::from_utf8_lossy(text).trim().to_owned())
}

/// A bracket may stand within parentheses, as in a keyword `$a]`.
fn code_end(inner: &[u8]) -> usize {
    let mut depth = 0i32;
    for (at, byte) in inner.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b']' if depth <= 0 => return at,
            _ => {}
        }
    }
    inner.iter().position(|byte| *byte == b']').unwrap_or(inner.len())
}

fn code(inner: &[u8]) -> Code {
    let mut cursor = Cursor::new(inner);
    let name = String::from_utf8_lossy(cursor.plain_atom()).to_uppercase();
    let other = |cursor: &Cursor<'_>| Code::Other(name.clone(), cursor.rest_text());
    let before = cursor.clone();
    let known = match name.as_str() {
        "ALERT" => Some(Code::Alert),
        "UIDVALIDITY" => cursor.number().and_then(|number| u32::try_from(number).ok()).map(Code::UidValidity),
        "UIDNEXT" => cursor.number().and_then(|number| u32::try_from(number).ok()).map(Code::UidNext),
        "HIGHESTMODSEQ" => cursor.number().map(Code::HighestModseq),
        "NOMODSEQ" => Some(Code::NoModseq),
        "PERMANENTFLAGS" => Some(Code::PermanentFlags(list_of_texts(&mut cursor))),
        "READ-ONLY" => Some(Code::ReadOnly),
        "APPENDUID" => append_uid(&mut cursor),
        "COPYUID" => copy_uid(&mut cursor),
        "CAPABILITY" => Some(Code::Capability(words(&mut cursor))),
        "OVERQUOTA" => Some(Code::OverQuota),
        "TOOBIG" => Some(Code::TooBig),
        "TRYCREATE" => Some(Code::TryCreate),
        "ALREADYEXISTS" => Some(Code::AlreadyExists),
        "NONEXISTENT" => Some(Code::Nonexistent),
        "LIMIT" => Some(Code::Limit),
        "INUSE" => Some(Code::InUse),
        "UNAVAILABLE" => Some(Code::Unavailable),
        "AUTHENTICATIONFAILED" | "AUTHORIZATIONFAILED" => Some(Code::AuthenticationFailed),
        "EXPIRED" => Some(Code::Expired),
        _ => None,
    };
    known.unwrap_or_else(|| other(&before))
}

fn append_uid(cursor: &mut Cursor<'_>) -> Option<Code> {
    let validity = u32::try_from(cursor.number()?).ok()?;
    Some(Code::AppendUid(
        validity,
        UidSet::parse({
            cursor.spaces();
            cursor.plain_atom()
        })?,
    ))
}

fn copy_uid(cursor: &mut Cursor<'_>) -> Option<Code> {
    let validity = u32::try_from(cursor.number()?).ok()?;
    let mut set = || {
        cursor.spaces();
        UidSet::parse(cursor.plain_atom())
    };
    Some(Code::CopyUid(validity, set()?, set()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetched(line: &str) -> Fetch {
        match Response::parse(line.as_bytes()) {
            Response::Fetch(fetch) => *fetch,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_fetch_is_read_in_any_order_with_odd_things_in_it() {
        let lines = [
            "* 12 FETCH (RFC822.SIZE 44 UID 7 FLAGS (\\Seen $x] \\* [Gmail]) INTERNALDATE \"01-Jan-2020 00:00:00 +0000\")\r\n",
            "* 12 FETCH (X-UNKNOWN (a (b \"c)\") NIL) THREADID (T1) UID 7 PREVIEW NIL FLAGS (\\Seen $x] \\* [Gmail]) INTERNALDATE \" 1-Jan-2020 00:00:00 +0000\" RFC822.SIZE 44)\r\n",
            "* 12 FETCH (FLAGS (\\Seen $x] \\* [Gmail] ) UID 7 SAVEDATE NIL BODYSTRUCTURE ((\"a\" NIL)(\"b\")) RFC822.SIZE 44 MODSEQ (9))\r\n",
        ];
        for line in lines {
            let fetch = fetched(line);
            assert_eq!((fetch.sequence, fetch.uid, fetch.size), (12, Some(7), Some(44)), "{line}");
            assert_eq!(fetch.flags.as_deref(), Some(&["\\Seen", "$x]", "\\*", "[Gmail]"].map(str::to_owned)[..]), "{line}");
        }
        assert_eq!(fetched("* 1 FETCH (UID 4 INTERNALDATE NIL FLAGS ())").flags, Some(Vec::new()));
        assert_eq!(fetched("* 1 FETCH (UID 4 BODY[] NIL)").body, Some(None));
        assert_eq!(fetched("* 1 FETCH (BODY[] {3}\r\na)b UID 4)").body, Some(Some(b"a)b".to_vec())));
        assert_eq!(fetched("* 1 FETCH (RFC822.SIZE 99999999999 UID 4294967295)").size, Some(99_999_999_999));
        let labelled = fetched("* 1 FETCH (M (M1) X-GM-MSGID 12 X-GM-LABELS (\"a b\" \\Inbox \"\\\\Sent\" a.b/c@d) UID 1)");
        assert_eq!((labelled.uid, labelled.gmail_id), (Some(1), Some(12)));
        assert_eq!(labelled.labels.as_deref(), Some(&["a b", "\\Inbox", "\\Sent", "a.b/c@d"].map(str::to_owned)[..]));
    }

    #[test]
    fn codes_are_read_and_unknown_ones_kept() {
        let code = |line: &str| match Response::parse(line.as_bytes()) {
            Response::Tagged { code, .. } | Response::Untagged { code, .. } => code,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(code("A1 OK [APPENDUID 38505 3955:3957] done"), Some(Code::AppendUid(38505, UidSet::range(3955, 3957))));
        let copied = Code::CopyUid(9, UidSet::one(1), UidSet::one(5));
        assert_eq!(code("A1 OK [COPYUID 9 1 5] done"), Some(copied));
        assert_eq!(
            code("* OK [PERMANENTFLAGS (\\Seen $a] \\*)] yes"),
            Some(Code::PermanentFlags(["\\Seen", "$a]", "\\*"].map(str::to_owned).to_vec()))
        );
        assert_eq!(code("* OK [HIGHESTMODSEQ 18446744073709551615] x"), Some(Code::HighestModseq(u64::MAX)));
        assert_eq!(code("A1 NO [X-THING a b] no"), Some(Code::Other("X-THING".into(), "a b".into())));
        assert_eq!(code("A1 OK"), None);
        assert_eq!(code("A1 NO [UIDNEXT x"), Some(Code::Other("UIDNEXT".into(), "x".into())));
    }

    #[test]
    fn folders_are_read_however_they_are_quoted() {
        let name = |line: &str| match Response::parse(line.as_bytes()) {
            Response::List(listed) => (String::from_utf8_lossy(&listed.name).into_owned(), listed.separator),
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(name("* LIST (\\HasNoChildren) \"/\" \"a \\\"b\\\"\"\r\n"), ("a \"b\"".into(), Some(b'/')));
        assert_eq!(name("* LIST () NIL Sent Items (old)\r\n"), ("Sent Items (old)".into(), None));
        assert_eq!(name("* LIST () \".\" {5}\r\na\r\nbc\r\n"), ("a\r\nbc".into(), Some(b'.')));
        assert_eq!(name("* LIST () \"\\\\\" 12345\r\n"), ("12345".into(), Some(b'\\')));
        assert_eq!(name("* LIST () \"/\" a (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"), ("a".into(), Some(b'/')));
    }

    #[test]
    fn the_rest_of_the_grammar() {
        let parse = |text: &str| Response::parse(text.as_bytes());
        assert_eq!(parse("* VANISHED (EARLIER) 3:5\r\n"), Response::Vanished { earlier: true, uids: UidSet::range(3, 5) });
        assert_eq!(parse("* VANISHED 3\r\n"), Response::Vanished { earlier: false, uids: UidSet::one(3) });
        assert_eq!(parse("* SEARCH 1 2 (MODSEQ 9)"), Response::Search(vec![1, 2]));
        assert_eq!(parse("* ESEARCH (TAG \"A1\") UID COUNT 3 ALL 1:3"), Response::Esearch(UidSet::range(1, 3)));
        assert_eq!(parse("+ go on\r\n"), Response::Continue("go on".into()));
        let status = StatusItems { messages: Some(3), uid_next: Some(9), highest_modseq: Some(7), ..StatusItems::default() };
        assert_eq!(parse("* STATUS \"a\" (MESSAGES 3 X-GUID abc UIDNEXT 9 HIGHESTMODSEQ 7)"), Response::StatusOf(b"a".to_vec(), status));
        let namespace =
            Namespace { personal: vec![(b"INBOX.".to_vec(), Some(b'.'))], others: vec![], shared: vec![(b"#sh".to_vec(), None)] };
        assert_eq!(parse("* NAMESPACE ((\"INBOX.\" \".\")) NIL ((\"#sh\" NIL))"), Response::Namespace(namespace));
        let limit = StatusItems { append_limit: Some(257_890), ..StatusItems::default() };
        assert_eq!(parse("* STATUS INBOX (APPENDLIMIT 257890)"), Response::StatusOf(b"INBOX".to_vec(), limit));
        assert_eq!(parse("* STATUS INBOX (APPENDLIMIT NIL)"), Response::StatusOf(b"INBOX".to_vec(), StatusItems::default()));
        assert_eq!(parse("* QUOTAROOT INBOX \"User quota\" \"\"\r\n"), Response::QuotaRoot(vec![b"User quota".to_vec(), vec![]]));
        let resource = |name: &str, used, limit| Resource { name: name.into(), used, limit };
        let resources = vec![resource("STORAGE", 10, 512), resource("MESSAGE", 3, 9)];
        assert_eq!(parse("* QUOTA \"\" (STORAGE 10 512 MESSAGE 3 9)\r\n"), Response::Quota(Quota { root: vec![], resources }));
        assert_eq!(parse("* QUOTA a (STORAGE x)\r\n"), Response::Quota(Quota { root: b"a".to_vec(), resources: vec![] }));
        let rights = [("alice", "lrswipkxtecda"), ("my friend", "lr")].map(|(who, rights)| (who.to_owned(), rights.to_owned()));
        assert_eq!(
            parse("* ACL INBOX alice lrswipkxtecda \"my friend\" lr\r\n"),
            Response::Acl(Acl { folder: b"INBOX".to_vec(), rights: rights.to_vec() })
        );
        let metadata = "* METADATA \"INBOX\" (/shared/comment {3}\r\na)b /private/comment NIL)\r\n";
        let entries = vec![("/shared/comment".to_owned(), b"a)b".to_vec())];
        assert_eq!(parse(metadata), Response::Metadata(Metadata { folder: b"INBOX".to_vec(), entries }));
        let fields = [("name", "Dovecot"), ("version", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse("* ID (\"Name\" \"Dovecot\" \"version\" NIL)\r\n"), Response::Id(fields.to_vec()));
        assert_eq!(parse("* ID NIL\r\n"), Response::Id(Vec::new()));
        assert!(matches!(parse("* 4294967296 EXISTS"), Response::Other(_)));
        assert!(matches!(parse("garbage"), Response::Other(_)));
        assert!(matches!(parse(""), Response::Other(_)));
    }
}
