//! The bytes of a config.ini as text, whatever Notepad saved them as.
//!
//! UTF-8 with or without a byte order mark; UTF-16 of both orders with a mark; and, where the bytes are not UTF-8, the
//! old "ANSI" of Western Windows (code page 1252), in which every byte is some character and so nothing is lost.

/// A text and how it was stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Decoded {
    pub text: String,
    /// The file began with a byte order mark.
    pub marked: bool,
    /// The bytes were not Unicode and were read as code page 1252.
    pub guessed: bool,
}

pub(super) const UTF8_MARK: &str = "\u{feff}";

/// `Err` says why this is no text: the file is damaged.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, String> {
    let decoded = match bytes {
        [0xff, 0xfe, units @ ..] => utf16(units, u16::from_le_bytes)?,
        [0xfe, 0xff, units @ ..] => utf16(units, u16::from_be_bytes)?,
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest, true),
        rest => utf8(rest, false),
    };
    match decoded.text.bytes().position(|byte| byte == 0) {
        Some(at) => Err(format!("it holds a zero byte in line {}", 1 + decoded.text[..at].matches('\n').count())),
        None => Ok(decoded),
    }
}

fn utf8(bytes: &[u8], marked: bool) -> Decoded {
    match str::from_utf8(bytes) {
        Ok(text) => Decoded { text: text.into(), marked, guessed: false },
        Err(_) => Decoded { text: bytes.iter().map(|byte| cp1252(*byte)).collect(), marked, guessed: true },
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Decoded, String> {
    if bytes.len() % 2 == 1 {
        return Err("it is UTF-16 and ends in the middle of a character".into());
    }
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text = char::decode_utf16(units).collect::<Result<String, _>>();
    let text = text.map_err(|_| "it is UTF-16 with half a character".to_string())?;
    Ok(Decoded { text, marked: true, guessed: false })
}

const CP1252_80_TO_9F: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–',
    '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn cp1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => CP1252_80_TO_9F[usize::from(byte - 0x80)],
        byte => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16_bytes(text: &str, mark: [u8; 2], bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        mark.into_iter().chain(text.encode_utf16().flat_map(bytes)).collect()
    }

    #[test]
    fn every_way_notepad_saves_a_file_gives_the_same_text() {
        let text = "[Lög]\r\nLogDirectory = D:\\Протокол 📫\r\n";
        let saved = [
            (text.as_bytes().to_vec(), false),
            (format!("{UTF8_MARK}{text}").into_bytes(), true),
            (utf16_bytes(text, [0xff, 0xfe], u16::to_le_bytes), true),
            (utf16_bytes(text, [0xfe, 0xff], u16::to_be_bytes), true),
        ];
        for (bytes, marked) in saved {
            assert_eq!(decode(&bytes), Ok(Decoded { text: text.into(), marked, guessed: false }));
        }
    }

    #[test]
    fn bytes_that_are_not_unicode_are_read_as_western_windows_text() {
        let decoded = decode(b"LogDirectory = D:\\M\xfcller \x80").map(|decoded| (decoded.text, decoded.guessed));
        assert_eq!(decoded, Ok(("LogDirectory = D:\\Müller €".into(), true)));
    }

    #[test]
    fn a_file_that_is_no_text_is_said_to_be_damaged() {
        assert_eq!(decode(b"a\n\0\0\0"), Err("it holds a zero byte in line 2".into()));
        assert_eq!(decode(b"\xff\xfea\0b"), Err("it is UTF-16 and ends in the middle of a character".into()));
        assert_eq!(decode(b"\xff\xfe\x00\xd8"), Err("it is UTF-16 with half a character".into()));
    }
}
