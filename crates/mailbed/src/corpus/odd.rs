//! Contents that somebody's mailbox holds and few programs expect: each with its name. None has a NUL or a bare LF, so that most
//! servers store them as they are; what they do not store is said where it is compared.

use super::Random;

const HEADER: &str = "From: a@example.com\r\nTo: b@example.com\r\nDate: Mon, 04 Jan 2010 10:00:00 +0000\r\n";

pub fn messages(random: &mut Random) -> Vec<(&'static str, Vec<u8>)> {
    let mut odd = vec![
        ("bare CR", with("bare cr", b"a\rb\rc\r\n\rstart\r\nend\r\n")),
        ("CR at the end of a line", with("cr cr", b"text\r\r\nmore\r\n")),
        ("no end of line at the end", with("no newline", b"text without end")),
        ("empty body", with("empty body", b"")),
        ("no header", b"\r\nbody after an empty header\r\n".to_vec()),
        ("no header at all", b"this is no header at all\r\njust text\r\n".to_vec()),
        ("header alone", format!("{HEADER}Subject: header only\r\n").into_bytes()),
        (
            "From line",
            [b"From someone@example.com Mon Jan  4 10:00:00 2010\r\n".to_vec(), with("mbox from", b">From quoted\r\nFrom unquoted\r\n")]
                .concat(),
        ),
        ("8-bit body", with("8bit", &[(128..=255).collect::<Vec<u8>>(), b"\r\n".to_vec()].concat())),
        (
            "control characters",
            with("ctrl", &[(1..32).filter(|byte| !matches!(byte, 10 | 13)).collect::<Vec<u8>>(), b"\x7f\r\n".to_vec()].concat()),
        ),
        ("line of 20,000", with("long line", &[vec![b'x'; 20_000], b"\r\n".to_vec()].concat())),
        ("line of 1,000,000", with("very long line", &[vec![b'y'; 1_000_000], b"\r\n".to_vec()].concat())),
        ("subject alone", b"Subject: only a subject\r\n\r\nno other header\r\n".to_vec()),
        ("subject alone, again", b"Subject: only a subject\r\n\r\nno other header\r\n".to_vec()),
        ("subject alone, another body", b"Subject: only a subject\r\n\r\nanother body\r\n".to_vec()),
        ("dots", with("dots", b".\r\n..\r\n.x\r\n.\r\n")),
        ("like a literal", with("literal {10}", b"{5}\r\n{5+}\r\n)\r\n* BYE\r\na OK done\r\n")),
        ("white space", with("ws", b" \r\n\t\r\n  trailing   \r\n")),
        ("never closed", headed("Content-Type: multipart/mixed; boundary=b\r\n", b"--b\r\nContent-Type: text/plain\r\n\r\nnever closed")),
        ("no base64", headed("Content-Transfer-Encoding: base64\r\n", b"!!!not base64===\r\n")),
        ("two bytes", b"X\r\n".to_vec()),
        (
            "bytes without meaning",
            with(
                "binary",
                &random.bytes(20_000).into_iter().map(|byte| if matches!(byte, 0 | 10 | 13) { 1 } else { byte }).collect::<Vec<u8>>(),
            ),
        ),
        ("nested", nested(40)),
    ];
    odd.extend(headers());
    odd
}

/// Oddities of headers.
fn headers() -> Vec<(&'static str, Vec<u8>)> {
    let raw = |subject: &[u8]| [HEADER.as_bytes(), b"Subject: ", subject, b"\r\n\r\nx\r\n"].concat();
    let references: String = (0..2000).map(|number| format!("<ref{number}@example.com>\r\n ")).collect();
    vec![
        ("raw Latin-1", raw(b"Gr\xfc\xdfe \xc4rger")),
        ("raw UTF-8", raw("Привет 日本".as_bytes())),
        ("raw Shift JIS", raw(b"\x89\xef\x8b\x63\x8e\x91\x97\xbf")),
        ("header of 60,000", headed(&format!("X-Long: {}\r\n", "z".repeat(60_000)), b"x\r\n")),
        ("2,000 references", headed(&format!("References: {}\r\n", references.trim_end()), b"x\r\n")),
        ("no date", b"From: a@example.com\r\nSubject: no date\r\n\r\nx\r\n".to_vec()),
        ("impossible date", b"From: a@example.com\r\nDate: 32/13/99 25:61\r\nSubject: bad date\r\n\r\nx\r\n".to_vec()),
        ("Message-ID without brackets", headed("Message-ID: no angle brackets here\r\n", b"x\r\n")),
        ("empty Message-ID", headed("Message-ID: \r\n", b"x\r\n")),
        ("two Message-IDs", headed("Message-ID: <first@example.com>\r\nMessage-ID: <second@example.com>\r\n", b"x\r\n")),
        ("folded Message-ID", headed("Message-ID:\r\n <folded@example.com>\r\n", b"x\r\n")),
    ]
}

fn with(subject: &str, body: &[u8]) -> Vec<u8> {
    headed(&format!("Message-ID: <{}@odd.example.com>\r\nSubject: {subject}\r\n", blake3::hash(subject.as_bytes()).to_hex()), body)
}

fn headed(fields: &str, body: &[u8]) -> Vec<u8> {
    [HEADER.as_bytes(), fields.as_bytes(), b"\r\n", body].concat()
}

fn nested(levels: usize) -> Vec<u8> {
    (0..levels).fold(with("inner", b"deep\r\n"), |inner, level| {
        headed(&format!("Subject: level {level}\r\nContent-Type: message/rfc822\r\n"), &inner)
    })
}
