//! Comma-separated values (RFC 4180), as spreadsheets write them: quotes, line ends within quotes, a byte order mark, and a semicolon or
//! tab for a comma where the first line is written so. Lines that are empty or begin with `#` are passed over.

/// A record, and the line of the file it begins in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub line: usize,
    pub fields: Vec<String>,
}

/// What cannot be read, with its line.
pub type Bad = (usize, String);

/// Every record that can be read, and what cannot: after a quote that is not closed, nothing.
pub fn read(text: &str) -> (Vec<Record>, Vec<Bad>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let separator = separator_of(text);
    let mut reader = Reader { text, line: 1, separator };
    let (mut records, mut bad) = (Vec::new(), Vec::new());
    while !reader.text.is_empty() {
        if reader.passes_over() {
            continue;
        }
        let line = reader.line;
        match reader.record() {
            Ok(fields) => records.push(Record { line, fields }),
            Err(cause) => bad.push((line, cause)),
        }
    }
    (records, bad)
}

fn separator_of(text: &str) -> char {
    let header = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#')).unwrap_or_default();
    [',', ';', '\t'].into_iter().find(|separator| header.contains(*separator)).unwrap_or(',')
}

struct Reader<'t> {
    text: &'t str,
    line: usize,
    separator: char,
}

impl<'t> Reader<'t> {
    fn passes_over(&mut self) -> bool {
        let line = self.text.split_inclusive('\n').next().unwrap_or_default();
        let nothing = line.trim().is_empty() || line.starts_with('#');
        if nothing {
            self.take(line.len());
        }
        nothing
    }

    fn take(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.text.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.text = rest;
        taken
    }

    fn record(&mut self) -> Result<Vec<String>, String> {
        let mut fields = Vec::new();
        loop {
            let field = if self.text.starts_with('"') { self.quoted() } else { Ok(self.plain().to_owned()) };
            match field {
                Ok(field) => fields.push(field),
                Err(cause) => {
                    self.skip_line();
                    return Err(cause);
                }
            }
            if let Some(rest) = self.text.strip_prefix(self.separator) {
                self.text = rest;
                continue;
            }
            if !self.text.is_empty() && !self.text.starts_with(['\r', '\n']) {
                self.skip_line();
                return Err(format!("behind the quotes of field {} stands something else than a separator", fields.len()));
            }
            self.skip_line();
            return Ok(fields);
        }
    }

    fn skip_line(&mut self) {
        let rest = self.text.find('\n').map_or(self.text.len(), |at| at + 1);
        self.take(rest);
    }

    fn plain(&mut self) -> &'t str {
        let separator = self.separator;
        let end = self.text.find([separator, '\n']).unwrap_or(self.text.len());
        let field = self.take(end);
        field.strip_suffix('\r').unwrap_or(field)
    }

    fn quoted(&mut self) -> Result<String, String> {
        self.take(1);
        let mut field = String::new();
        loop {
            let Some(end) = self.text.find('"') else {
                self.take(self.text.len());
                return Err("a quote is opened and not closed: nothing behind it can be read".into());
            };
            field.push_str(self.take(end));
            self.take(1);
            if !self.text.starts_with('"') {
                return Ok(field);
            }
            field.push('"');
            self.take(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Vec<(usize, Vec<String>)> {
        let (records, bad) = read(text);
        assert_eq!(bad, []);
        records.into_iter().map(|record| (record.line, record.fields)).collect()
    }

    #[test]
    fn what_spreadsheets_write_is_read_with_its_lines() {
        let row = |line: usize, words: &[&str]| (line, words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let text = "\u{feff}# who\r\na,b\r\n\r\n\"x, \"\"y\"\"\r\nz\",\r\n1,2";
        assert_eq!(fields(text), [row(2, &["a", "b"]), row(4, &["x, \"y\"\r\nz", ""]), row(6, &["1", "2"])]);
        assert_eq!(fields("a;b\nc;d,e\n"), [row(1, &["a", "b"]), row(2, &["c", "d,e"])]);
        assert_eq!(fields(""), []);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line_and_the_rest_is_read() {
        let (records, bad) = read("a,b\n\"x\"y,z\nc,d\n\"open,e\nf,g\n");
        assert_eq!(records.len(), 2);
        assert_eq!(bad.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
    }
}
