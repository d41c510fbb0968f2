//! Mail from a seed.

mod encodings;

pub use encodings::{base64, base64_lines, modified_utf7};
