//! Base64, and the UTF-7 that IMAP writes folder names in.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| (group << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let digits = (0..4).map(|digit| ALPHABET[(group >> (18 - 6 * digit)) as usize & 63] as char);
        text.extend(digits.take(chunk.len() + 1));
        text.extend(std::iter::repeat_n('=', 3 - chunk.len()));
    }
    text
}

/// What is no base64 is left out.
pub fn from_base64(text: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        text.bytes().filter_map(|byte| ALPHABET.iter().position(|digit| *digit == byte)).map(|digit| digit as u32).collect();
    let group = |digits: &[u32]| {
        let bits = digits.iter().fold(0, |bits, digit| (bits << 6) | digit) << (6 * (4 - digits.len()));
        bits.to_be_bytes()[1..digits.len().max(1)].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}

/// In lines of 76, each with its end.
pub fn base64_lines(bytes: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(bytes.len() * 4 / 3 + bytes.len() / 28 + 8);
    for line in bytes.chunks(57) {
        lines.extend_from_slice(base64(line).as_bytes());
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

/// RFC 3501, 5.1.3.
pub fn modified_utf7(name: &str) -> String {
    let mut text = String::new();
    let mut wide: Vec<u8> = Vec::new();
    for character in name.chars() {
        if (' '..='~').contains(&character) {
            end_wide(&mut wide, &mut text);
            text.push(character);
            text.push_str(if character == '&' { "-" } else { "" });
        } else {
            wide.extend(character.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    end_wide(&mut wide, &mut text);
    text
}

/// Back again; what is no modified UTF-7 stays as it is.
pub fn from_modified_utf7(name: &str) -> String {
    let mut text = String::new();
    let mut rest = name;
    while let Some((before, behind)) = rest.split_once('&') {
        text.push_str(before);
        let Some((wide, after)) = behind.split_once('-') else { return name.to_owned() };
        let bytes = from_base64(&wide.replace(',', "/"));
        let units: Vec<u16> = bytes.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect();
        match String::from_utf16(&units) {
            Ok(_) if wide.is_empty() => text.push('&'),
            Ok(read) if !read.is_empty() => text.push_str(&read),
            _ => return name.to_owned(),
        }
        rest = after;
    }
    text + rest
}

fn end_wide(wide: &mut Vec<u8>, text: &mut String) {
    if !wide.is_empty() {
        *text += &format!("&{}-", base64(wide).trim_end_matches('=').replace('/', ","));
        wide.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_rfc_4648_has_it() {
        let told = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(told, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
        assert_eq!(
            told.map(|text| from_base64(&text)),
            ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| text.as_bytes().to_vec())
        );
    }

    #[test]
    fn folder_names_are_as_rfc_3501_has_them() {
        assert_eq!(modified_utf7("~peter/mail/台北/日本語"), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        assert_eq!(modified_utf7("R&D 😀"), "R&-D &2D3eAA-");
        for name in ["~peter/mail/台北/日本語", "R&D 😀", "&-", "plain"] {
            assert_eq!(from_modified_utf7(&modified_utf7(name)), name);
        }
        assert_eq!(from_modified_utf7("a&b"), "a&b");
    }
}
