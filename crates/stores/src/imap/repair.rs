//! What a server refuses may be changed, as little as helps (X05): each step of the ladder is tried only after a refusal, and what
//! was done is told.
//!
//! One thing is done without a refusal: a message whose lines all end in LF alone is one as Unix stores it, and goes over the wire
//! with CRLF (RFC 9051, 2.2), as every server and client has it.

use std::borrow::Cow;

use mailferry_core::passage::Altered;
use mailferry_core::rehearse::{LINE_BYTES_MAX, is_field};

/// The bytes as they go over the wire.
pub fn on_the_wire(body: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\r', body).is_some() || memchr::memchr(b'\n', body).is_none() {
        return Cow::Borrowed(body);
    }
    let mut out = Vec::with_capacity(body.len() + body.len() / 32);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(text) => out.extend_from_slice(&[text, b"\r\n"].concat()),
            None => out.extend_from_slice(line),
        }
    }
    Cow::Owned(out)
}

/// Whether a server may change these bytes by itself: bare line feeds and carriage returns, NUL bytes, no line end at the end, a header
/// that is not ASCII.
pub fn is_odd(body: &[u8]) -> bool {
    let ends = memchr::memmem::find_iter(body, b"\r\n").count();
    let header = memchr::memmem::find(body, b"\r\n\r\n").unwrap_or(body.len());
    memchr::memchr2_iter(b'\r', b'\n', body).count() != 2 * ends
        || memchr::memchr(0, body).is_some()
        || !body.ends_with(b"\r\n")
        || !body[..header].is_ascii()
}

/// What it does, and how: `None` where there is nothing to do.
pub type Step = (Altered, fn(&[u8]) -> Option<Vec<u8>>);

/// The steps, from harmless to less harmless.
pub const LADDER: [Step; 5] = [
    (Altered::FINAL_LINE, final_line_end),
    (Altered::LINE_ENDS, line_ends),
    (Altered::NUL, nul_bytes),
    (Altered::FOLDED, long_lines),
    (Altered::HEADER, no_header),
];

fn final_line_end(body: &[u8]) -> Option<Vec<u8>> {
    (!body.ends_with(b"\r\n")).then(|| [body.strip_suffix(b"\n").unwrap_or(body), b"\r\n"].concat())
}

fn line_ends(body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len() + 64);
    let mut changed = false;
    let mut at = 0;
    while at < body.len() {
        match (body[at], body.get(at + 1)) {
            (b'\r', Some(b'\n')) => {
                out.extend_from_slice(b"\r\n");
                at += 1;
            }
            (b'\r' | b'\n', _) => {
                out.extend_from_slice(b"\r\n");
                changed = true;
            }
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    changed.then_some(out)
}

fn nul_bytes(body: &[u8]) -> Option<Vec<u8>> {
    body.contains(&0).then(|| body.iter().map(|byte| if *byte == 0 { 0x80 } else { *byte }).collect())
}

/// The text stays a text: what begins with no field is a body (T10).
fn no_header(body: &[u8]) -> Option<Vec<u8>> {
    let first = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_empty = first.trim_ascii().is_empty();
    (!is_field(first) && !is_empty).then(|| [b"\r\n", body].concat())
}

/// RFC 5322, 2.1.1. A signature would not hold any more, so that a message with a signed part stays as it is.
fn long_lines(body: &[u8]) -> Option<Vec<u8>> {
    const MAX: usize = LINE_BYTES_MAX;
    let is_long = |line: &[u8]| line.len() > MAX + 2;
    if memchr::memmem::find(&body.to_ascii_lowercase(), b"multipart/signed").is_some()
        || !body.split_inclusive(|byte| *byte == b'\n').any(is_long)
    {
        return None;
    }
    let mut out = Vec::with_capacity(body.len() + body.len() / 400);
    let mut in_header = true;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        in_header = in_header && !line.trim_ascii_end().is_empty();
        if !is_long(line) {
            out.extend_from_slice(line);
            continue;
        }
        let mut rest = line;
        while rest.len() > MAX {
            // At a space, where there is one; the line that follows begins with it, which in a header is folding.
            let cut = rest[1..MAX - 1].iter().rposition(|byte| *byte == b' ').map_or(MAX - 1, |at| at + 1);
            out.extend_from_slice(&rest[..cut]);
            out.extend_from_slice(b"\r\n");
            if in_header && rest[cut] != b' ' {
                out.push(b' ');
            }
            rest = &rest[cut..];
        }
        out.extend_from_slice(rest);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_message_of_unix_changes_its_line_ends_unasked() {
        assert_eq!(&*on_the_wire(b"a\nb\n"), b"a\r\nb\r\n");
        assert_eq!(&*on_the_wire(b"a\nb"), b"a\r\nb");
        for body in [&b"a\r\nb\n"[..], b"a\rb", b"", b"x", b"a\r\n"] {
            assert!(matches!(on_the_wire(body), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn only_what_every_server_keeps_is_not_odd() {
        assert!(!is_odd(b"Subject: a\r\n\r\nGr\xfc\xdfe\r\n"));
        for odd in [&b""[..], b"a\r\n\r\nb", b"a\r\n\r\nb\nc\r\n", b"a\r\r\n", b"a\0\r\n", b"S: \xfc\r\n\r\na\r\n"] {
            assert!(is_odd(odd), "{odd:?}");
        }
    }

    #[test]
    fn each_step_does_its_own_thing_or_nothing() {
        assert_eq!(final_line_end(b"a"), Some(b"a\r\n".to_vec()));
        assert_eq!(final_line_end(b"a\r\n"), None);
        assert_eq!(line_ends(b"a\nb\rc\r\n"), Some(b"a\r\nb\r\nc\r\n".to_vec()));
        assert_eq!(line_ends(b"a\r\n"), None);
        assert_eq!(nul_bytes(b"a\0b"), Some(b"a\x80b".to_vec()));
        assert_eq!(no_header(b"no header at all\r\n"), Some(b"\r\nno header at all\r\n".to_vec()));
        for body in [&b"Subject: x\r\n\r\n"[..], b"\r\ntext\r\n"] {
            assert_eq!(no_header(body), None);
        }
        let long = [b"Subject: ".to_vec(), vec![b'x'; 3000], b"\r\n\r\n".to_vec(), vec![b'y'; 2500], b"\r\n".to_vec()].concat();
        let folded = long_lines(&long).expect("folded");
        assert!(folded.split(|byte| *byte == b'\n').all(|line| line.len() <= 999));
        let unfolded: Vec<u8> = folded.iter().copied().filter(|byte| !b"\r\n ".contains(byte)).collect();
        assert_eq!(unfolded, long.iter().copied().filter(|byte| !b"\r\n ".contains(byte)).collect::<Vec<_>>());
        let signed = [b"Content-Type: multipart/signed\r\n\r\n".to_vec(), vec![b'y'; 2500]].concat();
        assert_eq!(long_lines(&signed), None);
    }
}
