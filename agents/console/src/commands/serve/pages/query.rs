//! What a form sends: `name=value&..`, percent-encoded.

#[derive(Clone, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn of(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Query(pairs.map(|(name, value)| (decoded(name), decoded(value))).collect())
    }

    /// Empty where it was not given.
    pub fn text(&self, name: &str) -> String {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// A query for one thing alone.
    pub fn with(name: &str, value: &str) -> String {
        format!("?{}={}", encoded(name), encoded(value))
    }

    /// Counted from 1.
    pub fn page(&self) -> usize {
        self.text("page").parse().unwrap_or(1).max(1)
    }

    /// The same, but for the page.
    pub fn on_page(&self, page: usize) -> String {
        let others = self.0.iter().filter(|(name, value)| name != "page" && !value.is_empty());
        let pairs = others.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        format!("?{}", pairs.chain([format!("page={page}")]).collect::<Vec<_>>().join("&"))
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        let (byte, behind) = match (first, behind) {
            (b'%', [high, low, behind @ ..]) => match hex(&[*high, *low]) {
                Some(byte) => (byte, behind),
                None => (b'%', &rest[1..]),
            },
            (b'+', behind) => (b' ', behind),
            (byte, behind) => (*byte, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_sends_is_read_whatever_it_is() {
        let query = Query::of("q=a%26b+c&state=&page=3&odd=%zz%4&%C3%A4=%C3%A4");
        assert_eq!([query.text("q"), query.text("state"), query.text("odd"), query.text("ä")], ["a&b c", "", "%zz%4", "ä"]);
        assert_eq!((query.page(), Query::of("page=0").page(), Query::of("page=x").page()), (3, 1, 1));
        assert_eq!(Query::of("").text("q"), "");
        assert_eq!(Query::of("q=%ff").text("q"), "\u{fffd}");
    }

    #[test]
    fn the_next_page_asks_for_the_same() {
        let next = Query::of("q=a%26b+c&state=&page=3").on_page(4);
        assert_eq!(next, "?q=a%26b%20c&page=4");
        assert_eq!(Query::of(&next[1..]).text("q"), "a&b c");
    }
}
