//! Mail from a seed.

mod encodings;

pub use encodings::{base64, base64_lines, from_base64, modified_utf7};
