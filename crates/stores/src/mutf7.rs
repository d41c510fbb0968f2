//! Modified UTF-7 (RFC 3501, 5.1.3): printable ASCII stands for itself, `&` is `&-`, the rest is UTF-16 in base64 with
//! `,` for `/` between `&` and `-`.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut shifted: Vec<u16> = Vec::new();
    for c in text.chars() {
        if matches!(c, ' '..='~') {
            close(&mut shifted, &mut out);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            shifted.extend_from_slice(c.encode_utf16(&mut [0; 2]));
        }
    }
    close(&mut shifted, &mut out);
    out
}

fn close(shifted: &mut Vec<u16>, out: &mut String) {
    if shifted.is_empty() {
        return;
    }
    out.push('&');
    let bytes: Vec<u8> = shifted.drain(..).flat_map(u16::to_be_bytes).collect();
    for group in bytes.chunks(3) {
        let word = group.iter().enumerate().fold(0u32, |word, (at, byte)| word | u32::from(*byte) << (16 - 8 * at));
        out.extend((0..=group.len()).map(|at| char::from(ALPHABET[(word >> (18 - 6 * at)) as usize & 63])));
    }
    out.push('-');
}

/// `None` when the text is not modified UTF-7 as `encode` would write it.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (plain, shifted) = rest.split_at(at);
        let end = shifted.find('-')?;
        out.push_str(plain);
        match &shifted[1..end] {
            "" => out.push('&'),
            base64 => out.push_str(&from_base64(base64)?),
        }
        rest = &shifted[end + 1..];
    }
    out.push_str(rest);
    (encode(&out) == text).then_some(out)
}

fn from_base64(text: &str) -> Option<String> {
    let (mut word, mut bits) = (0u32, 0u32);
    let mut units = Vec::new();
    for digit in text.bytes() {
        word = word << 6 | ALPHABET.iter().position(|known| *known == digit)? as u32;
        bits += 6;
        if bits >= 16 {
            bits -= 16;
            units.push((word >> bits) as u16);
            word &= (1 << bits) - 1;
        }
    }
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_itself() {
        for name in ["", "a", "R&D", "&", "&&-", "Entwürfe", "台北", "a\u{1F4EC}b", "\0\n\x7f", "ü&ü", "~/x", "Gelo\u{308}scht"] {
            let coded = encode(name);
            assert!(coded.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{coded}");
            assert_eq!(decode(&coded).as_deref(), Some(name), "{coded}");
        }
    }

    #[test]
    fn the_examples_of_the_rfc_hold() {
        assert_eq!(encode("~peter/mail/台北/日本語"), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        assert_eq!(decode("Entw&APw-rfe").as_deref(), Some("Entwürfe"));
    }

    #[test]
    fn what_no_encoder_writes_is_not_decoded() {
        for text in ["R&D", "&", "&AGE-", "&APw", "Entwürfe", "&2D3YPQ-", "&AP w-", "&U,BTFw-&ZeVnLIqe-"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
