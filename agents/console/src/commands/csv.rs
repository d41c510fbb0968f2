//! Lists of mailboxes that a command reads, and reports that it writes, as comma-separated values.

use std::io;
use std::path::{Path, PathBuf};

pub use mailferry_core::csv::{Bad, Record, read};
use mailferry_core::trouble::Trouble;

/// Of a list of mailboxes.
const LIST_BYTES_MAX: u64 = 16 << 20;

/// The text of a list of mailboxes; `page` describes the format.
pub fn load(file: &Path, page: &str) -> Result<String, Trouble> {
    let trouble = |cause: String| {
        let trouble = Trouble::new("could not read the list of mailboxes").place(file.display()).cause(cause);
        trouble.hint(format!("{page} describes the file"))
    };
    let bytes = std::fs::metadata(file).map_err(|error| trouble(error.to_string()))?.len();
    if bytes > LIST_BYTES_MAX {
        return Err(trouble(format!("it has {bytes} bytes, allowed are {LIST_BYTES_MAX}")));
    }
    let text = std::fs::read(file).map_err(|error| trouble(error.to_string()))?;
    String::from_utf8(text).map_err(|error| trouble(format!("it is not UTF-8 at byte {}", error.utf8_error().valid_up_to())))
}

/// Everything that is wrong with it.
pub fn unusable(file: &Path, page: &str, mut mistakes: Vec<Bad>) -> Trouble {
    mistakes.sort();
    let told: Vec<String> = mistakes.iter().map(|(line, what)| format!("line {line}: {what}")).collect();
    let what = format!("the list of mailboxes cannot be used: {}", crate::text::count(mistakes.len() as u64, "mistake"));
    Trouble::new(what).place(file.display()).cause(told.join("\n")).hint(format!("{page} describes the file"))
}

/// Where a file is written before it takes the place of the one before it.
pub fn part(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

pub fn unwritten(path: &Path, error: &io::Error) -> Trouble {
    Trouble::new("could not write the report").place(path.display()).cause(error).hint("name another file")
}

/// One field, quoted where it has to be. A cell that a spreadsheet would take for a formula is shown as text.
pub fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@']);
    let text = if formula { format!(" {text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) || formula { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_reads_back_and_is_no_formula() {
        for text in ["", "a", "a,b", "say \"x\"", "two\nlines"] {
            let (records, bad) = read(&format!("h,i\n{},x", field(text)));
            assert_eq!((records[1].fields[0].as_str(), bad), (text, Vec::new()));
        }
        assert_eq!(field("=1+1"), "\" =1+1\"");
    }
}
