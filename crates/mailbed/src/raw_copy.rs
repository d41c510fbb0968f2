//! The least that any copier does: every message of every folder is fetched with one command and appended with literals that wait
//! for nobody, about a MiB of them in each command (Dovecot does work that grows with the folder after each), through one small buffer, while another thread reads the answers. It keeps no record, finds nothing again and
//! recovers from nothing: a limit to measure clients by, not a client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::talk::{Talk, Value, literal_at_end, quoted};

const COMMAND_BYTES: u64 = 1 << 20;

#[derive(Default)]
struct Relayed {
    messages: u64,
    commands: u64,
}

/// All folders of a user; the count of messages. Both servers have the same separator.
pub fn copy_user(source: SocketAddr, target: SocketAddr, user: &str, password: &str) -> Result<u64> {
    let mut from = Talk::login(source, user, password)?;
    let mut to = Talk::login(target, user, password)?;
    let listed = from.ok("LIST \"\" \"*\"")?;
    let selectable = listed.all("LIST").filter(|values| !values[1].list().iter().any(|word| word.is_atom("\\Noselect")));
    let folders: Vec<String> = selectable.filter_map(|values| values.get(3).and_then(Value::text)).collect();
    let mut full = Vec::new();
    for folder in folders {
        to.command(&format!("CREATE {}", quoted(&folder)))?;
        let opened = from.command(&format!("EXAMINE {}", quoted(&folder)))?;
        if opened.all("EXISTS").any(|values| values[0].number() > Some(0)) {
            full.push(folder);
        }
    }
    let (mut reader, mut asking) = from.split();
    let (answers, mut writer) = to.split();
    let answered = thread::spawn(move || count_answers(answers));
    for folder in &full {
        write!(asking, "e EXAMINE {0}\r\nf UID FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[])\r\n", quoted(folder))
            .context("the source takes no more")?;
    }
    asking.flush().context("the source takes no more")?;
    let relayed = relay(&mut reader, &mut writer, &full);
    drop(writer);
    // What the target says is the reason when it takes no more.
    let done = answered.join().map_err(|_| anyhow::anyhow!("the reader of answers ended"))??;
    let relayed = relayed?;
    if done != relayed.commands {
        bail!("{done} of {} commands were done", relayed.commands);
    }
    Ok(relayed.messages)
}

fn relay(reader: &mut BufReader<TcpStream>, writer: &mut impl Write, folders: &[String]) -> Result<Relayed> {
    let mut all = Relayed::default();
    for folder in folders {
        let relayed = relay_folder(reader, writer, folder)?;
        all.messages += relayed.messages;
        all.commands += relayed.commands;
    }
    writer.write_all(b"z LOGOUT\r\n").and_then(|()| writer.flush()).context("the target takes no more")?;
    Ok(all)
}

fn relay_folder(reader: &mut BufReader<TcpStream>, writer: &mut impl Write, folder: &str) -> Result<Relayed> {
    let mut line = Vec::new();
    let mut relayed = Relayed::default();
    let mut open_bytes = 0;
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line).context("the source is gone")?;
        if line.is_empty() {
            bail!("the source has closed the connection");
        }
        if line.starts_with(b"f ") {
            let text = String::from_utf8_lossy(&line);
            if !text.starts_with("f OK") {
                bail!("{folder}: {text}");
            }
            writer.write_all(if open_bytes > 0 { b"\r\n" } else { b"" }).context("the target takes no more")?;
            return Ok(relayed);
        }
        let Some(literal) = literal_at_end(&line) else { continue };
        let head = String::from_utf8_lossy(&line[..literal.at]);
        let between = |from: &str, to: char| head.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map_or("", |(inner, _)| inner);
        let flags: Vec<&str> = between("FLAGS (", ')').split(' ').filter(|flag| *flag != "\\Recent").collect();
        let (flags, date) = (flags.join(" "), between("INTERNALDATE \"", '"'));
        if open_bytes == 0 {
            write!(writer, "a APPEND {}", quoted(folder)).context("the target takes no more")?;
            relayed.commands += 1;
        }
        write!(writer, " ({flags}) \"{date}\" {{{}+}}\r\n", literal.length).context("the target takes no more")?;
        std::io::copy(&mut reader.take(literal.length), writer).context("a literal was cut off")?;
        relayed.messages += 1;
        open_bytes += literal.length.max(1);
        if open_bytes >= COMMAND_BYTES {
            writer.write_all(b"\r\n").context("the target takes no more")?;
            open_bytes = 0;
        }
    }
}

fn count_answers(answers: BufReader<TcpStream>) -> Result<u64> {
    let mut count = 0;
    for line in answers.lines() {
        let line = line.context("the target is gone")?;
        if line.starts_with("a OK") {
            count += 1;
        } else if line.starts_with("a ") {
            bail!("the target refuses: {line}");
        }
    }
    Ok(count)
}
