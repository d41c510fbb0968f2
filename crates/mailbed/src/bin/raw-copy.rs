//! `raw-copy SOURCE TARGET FIRST LAST`: users of the bed by number, one after the other (see `mailferry_mailbed::raw_copy`).
#![allow(clippy::print_stdout)]

use anyhow::{Context, Result, bail};
use mailferry_mailbed::raw_copy::copy_user;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, target, first, last] = &arguments[..] else { bail!("raw-copy SOURCE TARGET FIRST LAST") };
    let (source, target) = (source.parse().context("SOURCE")?, target.parse().context("TARGET")?);
    let mut count = 0;
    for number in first.parse::<usize>().context("FIRST")?..=last.parse().context("LAST")? {
        count += copy_user(source, target, &format!("u{number:02}"), &format!("pass word {number}"))?;
    }
    println!("{count} messages");
    Ok(())
}
