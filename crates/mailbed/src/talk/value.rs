//! A line of IMAP as values.

use super::{Part, literal_at_end};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// As it stands, brackets included: `BODY[HEADER.FIELDS (DATE)]` is one.
    Atom(String),
    /// A quoted string or a literal.
    Text(Vec<u8>),
    List(Vec<Value>),
}

impl Value {
    pub fn is_atom(&self, word: &str) -> bool {
        matches!(self, Value::Atom(atom) if atom.eq_ignore_ascii_case(word))
    }

    /// Of an atom or a string; nothing for NIL and lists.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Atom(atom) if atom.eq_ignore_ascii_case("NIL") => None,
            Value::Atom(atom) => Some(atom.as_bytes()),
            Value::Text(bytes) => Some(bytes),
            Value::List(_) => None,
        }
    }

    pub fn text(&self) -> Option<String> {
        self.bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    pub fn number(&self) -> Option<u64> {
        self.text()?.parse().ok()
    }

    pub fn list(&self) -> &[Value] {
        match self {
            Value::List(values) => values,
            _ => &[],
        }
    }

    /// In a list of names and values: the value after that name.
    pub fn of<'v>(values: &'v [Value], name: &str) -> Option<&'v Value> {
        values.chunks(2).find(|pair| pair[0].is_atom(name)).and_then(|pair| pair.get(1))
    }
}

/// A response without its `*`.
pub fn values_of(parts: Vec<Part>) -> Vec<Value> {
    let mut stack = vec![Vec::new()];
    for part in parts {
        match part {
            Part::Literal(bytes) => push(&mut stack, Value::Text(bytes)),
            Part::Text(line) => read_line(&line, &mut stack),
        }
    }
    while stack.len() > 1 {
        close(&mut stack);
    }
    let mut values = stack.pop().unwrap_or_default();
    if values.first().is_some_and(|value| value.is_atom("*")) {
        values.remove(0);
    }
    values
}

fn read_line(line: &[u8], stack: &mut Vec<Vec<Value>>) {
    let end = literal_at_end(line).map_or(line.len(), |literal| literal.at);
    let mut rest = line[..end].trim_ascii();
    while let Some(&byte) = rest.first() {
        let taken = match byte {
            b' ' => 1,
            b'(' => {
                stack.push(Vec::new());
                1
            }
            b')' => {
                close(stack);
                1
            }
            b'"' => {
                let (text, taken) = string(rest);
                push(stack, Value::Text(text));
                taken
            }
            _ => {
                let taken = atom_length(rest);
                push(stack, Value::Atom(String::from_utf8_lossy(&rest[..taken]).into_owned()));
                taken
            }
        };
        rest = &rest[taken..];
    }
}

fn push(stack: &mut [Vec<Value>], value: Value) {
    if let Some(values) = stack.last_mut() {
        values.push(value);
    }
}

fn close(stack: &mut Vec<Vec<Value>>) {
    if stack.len() > 1 {
        let list = stack.pop().unwrap_or_default();
        push(stack, Value::List(list));
    }
}

fn string(rest: &[u8]) -> (Vec<u8>, usize) {
    let mut text = Vec::new();
    let mut at = 1;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'"' => return (text, at + 1),
            b'\\' => {
                text.extend(rest.get(at + 1));
                at += 2;
            }
            _ => {
                text.push(byte);
                at += 1;
            }
        }
    }
    (text, rest.len())
}

fn atom_length(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b' ' | b'(' | b')' | b'"' if depth == 0 && at > 0 => return at,
            _ => {}
        }
    }
    // A bracket that is never closed stands for itself.
    let plain = rest.iter().skip(1).position(|byte| matches!(byte, b' ' | b'(' | b')')).map_or(rest.len(), |at| at + 1);
    if depth > 0 { plain } else { rest.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: &[Part]) -> Vec<Value> {
        values_of(parts.to_vec())
    }

    #[test]
    fn a_fetch_with_a_literal_is_a_number_a_word_and_a_list() {
        let values = read(&[
            Part::Text(b"* 3 FETCH (UID 7 FLAGS (\\Seen $a]b) BODY[] {3}\r\n".to_vec()),
            Part::Literal(b"a)b".to_vec()),
            Part::Text(b" INTERNALDATE \" 1-Jan-2010 00:00:00 +0000\")\r\n".to_vec()),
        ]);
        let items = values[2].list();
        assert_eq!(Value::of(items, "UID").and_then(Value::number), Some(7));
        assert_eq!(Value::of(items, "FLAGS").map(|flags| flags.list().len()), Some(2));
        assert_eq!(Value::of(items, "BODY[]").and_then(Value::bytes), Some(&b"a)b"[..]));
        assert_eq!(Value::of(items, "INTERNALDATE").and_then(Value::text).as_deref(), Some(" 1-Jan-2010 00:00:00 +0000"));
    }

    #[test]
    fn a_header_list_in_brackets_is_one_atom_and_an_open_bracket_ends_at_a_space() {
        let values = read(&[Part::Text(b"* BODY[HEADER.FIELDS (DATE)] a[b c\r\n".to_vec())]);
        let told: Vec<_> = values.iter().filter_map(Value::text).collect();
        assert_eq!(told, ["BODY[HEADER.FIELDS (DATE)]", "a[b", "c"]);
    }
}
