//! A ledger of many rows, made in one go: the agents would need days. The rows are those the agents write; keys rise and tokens are
//! random, as with real mail. Indices that can be made afterwards are.

use std::path::Path;

use mailferry_core::model::{ItemKey, Token};
use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};
use rusqlite::{Connection, params};

/// How many rows of each kind.
pub struct Shape {
    pub mailboxes: u64,
    /// Rows of `source_item`, and of `tracking`, per mailbox.
    pub items: u64,
    /// Rows of `published`, of `taken`, and of `delivery` for each of two lanes, per mailbox.
    pub containers: u64,
}

impl Shape {
    /// Of 20 rows 8 are items at the source, 8 items at the target, 4 tell of containers.
    pub fn of(rows: u64) -> Self {
        let mailboxes = if rows < 1_000_000 { 20 } else { 200 };
        Shape { mailboxes, items: rows * 8 / 20 / mailboxes, containers: rows / 20 / mailboxes }
    }

    /// The last sequence of each mailbox.
    pub fn sequences(&self) -> u64 {
        self.containers
    }
}

pub fn mailbox(number: u64) -> MailboxId {
    let mut id = [0x5a; 16];
    id[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    MailboxId(id)
}

pub struct Item {
    pub mailbox: MailboxId,
    pub folder: u32,
    pub key: ItemKey,
    pub token: Token,
}

/// Rows drawn from all over the ledger.
#[derive(Default)]
pub struct Sample {
    pub items: Vec<Item>,
    pub tracked: Vec<(MailboxId, Token)>,
    pub containers: Vec<ContainerName>,
}

const BULK: &str = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA foreign_keys = OFF";
const COUNT: &str = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT ?2)";
const FOLDERS: u32 = 5;

/// Statements with the mailbox as ?1, a number of rows as ?2 and the items per container as ?3.
fn inserts() -> [String; 5] {
    [
        format!(
            "{COUNT} INSERT INTO source_item (mailbox, folder, key, token, size, digest, flags, keywords, body_seq, seq)
             SELECT ?1, 1 + i * {FOLDERS} / ?2, CAST(printf('%010d.M%012d.quay:2,S', 1700000000 + i, i) AS BLOB),
             randomblob(16), 1000 + i % 70000, randomblob(32), 1, '', 1 + i / ?3, 1 + i / ?3 FROM n"
        ),
        format!(
            "{COUNT} INSERT INTO tracking SELECT ?1, randomblob(16), 1 + i % {FOLDERS}, CAST(printf('%010d.M%012d.quay', 1700000000 + i, i) AS BLOB),
             randomblob(32), 1, '', 0 FROM n WHERE ?3 > 0"
        ),
        format!(
            "{COUNT} INSERT INTO published SELECT ?1, 1 + i, 1, randomblob(32), 40000, ?3, 1750000000000 + i,
             CASE WHEN i + 5 < ?2 THEN 1 END, CASE WHEN i + 5 < ?2 THEN 1750000000000 END FROM n"
        ),
        format!("{COUNT} INSERT INTO taken SELECT ?1, 1 + i, 1, randomblob(32), 1, 1, 0, 0, '[]', 1750000000000 + i, 1 + i FROM n WHERE ?3 > 0"),
        format!(
            "{COUNT} INSERT INTO delivery SELECT lane, ?1, 1 + i, 1, randomblob(32), 1750000000000 + i
             FROM (SELECT 'T1' AS lane UNION ALL SELECT 'T2'), n WHERE ?3 > 0"
        ),
    ]
}

pub fn fill(path: &Path, shape: &Shape, samples: u64) -> anyhow::Result<Sample> {
    let db = Connection::open(path)?;
    db.execute_batch(BULK)?;
    let select = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name NOT GLOB 'local_*'";
    let indices: Vec<(String, String)> =
        db.prepare(select)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (name, _) in &indices {
        db.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    db.execute_batch("BEGIN; INSERT INTO epoch VALUES (1, 'A', 1750000000000)")?;
    let per_container = (shape.items / shape.containers.max(1)).max(1);
    let mut order: Vec<MailboxId> = (0..shape.mailboxes).map(mailbox).collect();
    order.sort();
    for mailbox in &order {
        fill_mailbox(&db, *mailbox, shape, per_container)?;
    }
    db.execute_batch("COMMIT")?;
    for (_, sql) in &indices {
        db.execute_batch(sql)?;
    }
    let sample = draw(&db, shape, samples)?;
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    Ok(sample)
}

fn fill_mailbox(db: &Connection, mailbox: MailboxId, shape: &Shape, per_container: u64) -> anyhow::Result<()> {
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    for (number, insert) in inserts().iter().enumerate() {
        let count = if number < 2 { shape.items } else { shape.containers };
        db.prepare_cached(insert)?.execute(params![mailbox.0, whole(count), whole(per_container)])?;
    }
    for folder in 1..=FOLDERS {
        let path = format!("[\"F{folder}\"]");
        db.execute("INSERT INTO source_folder VALUES (?1, ?2, ?3, '[true,true,null]', 1)", params![mailbox.0, folder, path])?;
        db.execute("INSERT INTO target_folder VALUES (?1, ?2, ?3)", params![mailbox.0, folder, path])?;
    }
    db.execute("INSERT INTO outbound VALUES (?1, ?2, 1, 1, 0)", params![mailbox.0, whole(shape.sequences())])?;
    db.execute("INSERT INTO inbound VALUES (?1, ?2, 1, 0)", params![mailbox.0, whole(shape.sequences())])?;
    Ok(())
}

/// By row number: it has nothing to do with the order of keys or tokens.
fn draw(db: &Connection, shape: &Shape, samples: u64) -> anyhow::Result<Sample> {
    let mut sample = Sample::default();
    let rows = (shape.items * shape.mailboxes) as i64;
    for number in 0..samples as i64 {
        let row = 1 + number.wrapping_mul(7_919_317).rem_euclid(rows);
        sample.items.push(db.query_row("SELECT mailbox, folder, key, token FROM source_item WHERE rowid = ?1", [row], |row| {
            Ok(Item { mailbox: MailboxId(row.get(0)?), folder: row.get(1)?, key: ItemKey(row.get(2)?), token: Token(row.get(3)?) })
        })?);
        sample.tracked.push(db.query_row("SELECT mailbox, token FROM tracking WHERE rowid = ?1", [row], |row| {
            Ok((MailboxId(row.get(0)?), Token(row.get(1)?)))
        })?);
        let number = number as u64;
        let sequence = Sequence(1 + number * 104_729 % shape.containers);
        sample.containers.push(ContainerName { mailbox: mailbox(number * 7919 % shape.mailboxes), sequence, epoch: Epoch(1) });
    }
    Ok(sample)
}

pub fn checkpoint(path: &Path) -> anyhow::Result<()> {
    Ok(Connection::open(path)?.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
}

/// What a copy of the active node's database lacks to be a standby's.
pub fn make_standby(path: &Path) -> anyhow::Result<()> {
    let db = Connection::open(path)?;
    db.execute_batch("UPDATE local_log SET writer = 0")?;
    Ok(())
}

/// The walks over `published` and `taken` by which a report counted before it had indices for what it shows.
pub fn walk(path: &Path) -> anyhow::Result<()> {
    let db = Connection::open(path)?;
    let sum = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0));
    sum("SELECT count(outcome) + sum(items) + sum(bytes) FROM published NOT INDEXED")?;
    sum("SELECT count(*) FROM taken NOT INDEXED WHERE outcome = 2")?;
    sum("SELECT count(*) FROM taken NOT INDEXED WHERE outcome = 3")?;
    Ok(())
}
