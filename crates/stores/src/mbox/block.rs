//! Our own header block, directly behind the `From ` line:
//!
//! ```text
//! X-Mailferry: 1 <token> size=00000000000000001234 nl=1 from=1 date=1700000000.000000000+60 batch=0123456789abcdef
//! Status: RO
//! X-Status: AFT
//! X-Keywords: a b
//! X-Mailferry-End: <token>
//! ```
//! The message follows, mboxrd-quoted, and after it, if `nl=0`, a line end that is not its own. Other readers see a few
//! header lines more; they keep flags in the lines of the middle, which therefore may have come, changed or gone. `size` is
//! what the message must have: a torn one has less, and is not taken for delivered (R42). `from=0`: the sender of the
//! `From ` line was made up. `batch` is the batch that wrote it here (`journal`). First and last line are of fixed form, so that a message which begins with such lines itself
//! is none the worse: only the first block counts.

use mailferry_core::model::{Envelope, InternalDate, Marks, Token};

use super::header::{self, HeaderLine};

const FIRST: &str = "X-Mailferry: 1 ";
const LAST: &str = "X-Mailferry-End: ";
/// More than clients ever add; what is longer is no block of ours.
pub(super) const LINES_MAX: usize = 64;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Block {
    pub(super) token: Token,
    pub(super) size: u64,
    /// The message ends in a line end of its own (or is empty).
    pub(super) ends_line: bool,
    pub(super) sender_known: bool,
    pub(super) date: InternalDate,
    /// None: written before batches had numbers, or torn in front of it.
    pub(super) batch: Option<Batch>,
}

/// A number of its own for each batch of appends to a file.
pub(super) type Batch = u64;

pub(super) fn batch_text(batch: Batch) -> String {
    format!("batch={batch:016x}")
}

pub(super) fn parse_batch(text: &str) -> Option<Batch> {
    Batch::from_str_radix(text.strip_prefix("batch=").filter(|digits| digits.len() == 16)?, 16).ok()
}

impl Block {
    pub(super) fn new(envelope: &Envelope, size: u64, batch: Batch) -> Self {
        let date = InternalDate { nanos: envelope.date.nanos.min(999_999_999), ..envelope.date };
        Block { token: envelope.token, size, ends_line: true, sender_known: envelope.sender.is_some(), date, batch: Some(batch) }
    }

    /// The first line; of the same length whatever size and line end.
    pub(super) fn first_line(&self) -> String {
        let (size, nl, from) = (self.size, u8::from(self.ends_line), u8::from(self.sender_known));
        let offset = self.date.offset_minutes.map_or(String::new(), |offset| format!("{offset:+}"));
        let date = format!("{}.{:09}{offset}", self.date.seconds, self.date.nanos);
        let batch = self.batch.map_or(String::new(), |batch| format!(" {}", batch_text(batch)));
        format!("{FIRST}{} size={size:020} nl={nl} from={from} date={date}{batch}\n", self.token)
    }

    pub(super) fn write(&self, marks: &Marks) -> String {
        format!("{}{}{LAST}{}\n", self.first_line(), header::status_lines(marks), self.token)
    }

    pub(super) fn parse_first(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line.get(..line.len().min(200))?).ok()?.strip_prefix(FIRST)?;
        let mut words = text.trim_end().split(' ');
        let token = words.next()?.parse().ok()?;
        let size = words.next()?.strip_prefix("size=")?.parse().ok()?;
        let ends_line = words.next()?.strip_prefix("nl=")? == "1";
        let sender_known = words.next()?.strip_prefix("from=")? == "1";
        let date = parse_date(words.next()?.strip_prefix("date=")?)?;
        let batch = words.next().map(parse_batch);
        (words.next().is_none() && batch != Some(None)).then_some(Block {
            token,
            size,
            ends_line,
            sender_known,
            date,
            batch: batch.flatten(),
        })
    }

    pub(super) fn is_last(&self, line: &[u8]) -> bool {
        let token = line.strip_prefix(LAST.as_bytes()).map(<[u8]>::trim_ascii_end);
        token == Some(self.token.to_string().as_bytes())
    }

    /// Lines that may stand between the first and the last.
    pub(super) fn may_hold(line: &[u8]) -> bool {
        matches!(line.first(), Some(b' ' | b'\t')) || HeaderLine::split(line).is_some()
    }
}

fn parse_date(text: &str) -> Option<InternalDate> {
    let (seconds, rest) = text.split_once('.')?;
    let (nanos, offset) = rest.split_at_checked(9)?;
    let offset_minutes = if offset.is_empty() { None } else { Some(offset.parse().ok()?) };
    Some(InternalDate { seconds: seconds.parse().ok()?, nanos: nanos.parse().ok().filter(|nanos| *nanos < 1_000_000_000)?, offset_minutes })
}

/// Keywords that a header line of words cannot hold.
pub(super) fn keywords_lost(marks: &Marks) -> Vec<String> {
    marks.keywords.iter().filter(|keyword| !header::fits(keyword)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_reads_back_and_its_first_line_never_changes_length() {
        for (seconds, offset_minutes) in [(0, None), (-1, Some(-720)), (i64::MIN, Some(840)), (i64::MAX, Some(0))] {
            let date = InternalDate { seconds, nanos: 999_999_999, offset_minutes };
            let batch = (seconds != 0).then_some(seconds as u64);
            let block = Block { token: Token([7; 16]), size: 0, ends_line: false, sender_known: true, date, batch };
            let other = Block { size: u64::MAX, ends_line: true, ..block.clone() };
            assert_eq!(block.first_line().len(), other.first_line().len());
            assert_eq!(Block::parse_first(block.first_line().as_bytes()), Some(block));
            assert_eq!(Block::parse_first(other.first_line().as_bytes()), Some(other));
        }
    }

    #[test]
    fn lines_of_another_form_are_no_block() {
        let good =
            Block { token: Token([7; 16]), size: 1, ends_line: true, sender_known: true, date: InternalDate::default(), batch: Some(1) }
                .first_line();
        for bad in [
            "",
            "X-Mailferry: 1",
            "X-Mailferry: 2 ",
            &good.replace("size=", "sise="),
            &good.replace(".0", ".x"),
            &good.replace("date", "x date"),
            &good.replace("batch=0", "batch="),
            &good.replace("batch", "bitch"),
        ] {
            assert_eq!(Block::parse_first(bad.as_bytes()), None, "{bad}");
        }
    }
}
