//! One message.

use super::words::{FOREIGN, Words, mail_date};
use super::{Random, base64, base64_lines};

const ATTACHMENTS: usize = 200;
const TYPES: &[&str] = &["application/pdf", "image/jpeg", "application/zip", "text/csv", "application/msword"];
const MAILERS: &[&str] = &["Microsoft Outlook 16.0", "Mozilla Thunderbird", "Apple Mail (2.3445)"];

pub(super) struct Thread {
    subject: String,
    references: Vec<String>,
}

pub(super) struct Writer {
    words: Words,
    /// Encoded parts that many users have; ascending by size.
    shared: Vec<Vec<u8>>,
}

impl Writer {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, "words");
        let words = Words::new(&mut random);
        let size = |random: &mut Random| random.log_normal(10.8, 1.5).clamp(2000.0, 4_000_000.0) as usize;
        let mut shared: Vec<Vec<u8>> = (0..ATTACHMENTS)
            .map(|_| {
                let bytes = size(&mut random);
                attachment(&mut random, &words, bytes)
            })
            .collect();
        shared.sort_by_key(Vec::len);
        Writer { words, shared }
    }

    pub fn small(&self, random: &mut Random, user: usize, date_s: i64, bytes: usize) -> Vec<u8> {
        let id = message_id(random);
        let header = format!("Received: by mail.example.com id {:X}; {}\r\n", random.draw(), mail_date(date_s));
        let subject = self.subject(random);
        let mut mail = header + &self.header(random, user, date_s, &subject, Some(&id));
        mail += "Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
        let room = bytes.saturating_sub(mail.len()).max(40);
        (mail + &self.words.text(random, room)).into_bytes()
    }

    pub fn message(&self, random: &mut Random, user: usize, date_s: i64, bytes: usize, threads: &mut Vec<Thread>) -> Vec<u8> {
        let id = (random.fraction() >= 0.02).then(|| message_id(random));
        let answers = if random.fraction() < 0.45 { recent(random, threads) } else { None };
        let subject = answers.as_ref().map_or_else(|| self.subject(random), |thread| format!("Re: {}", thread.subject));
        let mut mail = trace(random, date_s) + &self.header(random, user, date_s, &subject, id.as_deref());
        if let Some(thread) = &answers {
            let last = thread.references.last().map(String::as_str).unwrap_or_default();
            mail += &format!("In-Reply-To: {last}\r\nReferences: {}\r\n", thread.references.join("\r\n "));
        }
        if let Some(id) = id {
            let mut references = answers.as_ref().map(|thread| thread.references.clone()).unwrap_or_default();
            references.push(id);
            references.drain(..references.len().saturating_sub(12));
            threads.push(Thread { subject: answers.map_or(subject, |thread| thread.subject), references });
        }
        let mut mail = mail.into_bytes();
        let room = bytes.saturating_sub(mail.len()).max(60);
        self.body(random, room, &mut mail);
        mail
    }

    fn subject(&self, random: &mut Random) -> String {
        let text =
            if random.fraction() < 0.08 { (*random.one_of(FOREIGN)).to_owned() } else { random.one_of(&self.words.sentences).clone() };
        text.chars().take(80).collect()
    }

    fn person(&self, random: &mut Random) -> String {
        let words: Vec<&String> = (0..4).map(|_| random.one_of(&self.words.vocabulary)).collect();
        let domain = random.one_of(&["example.com", "example.org", "acme.example", "corp.example"]);
        format!("{} {} <{}.{}@{domain}>", words[0], words[1], words[2], words[3])
    }

    fn header(&self, random: &mut Random, user: usize, date_s: i64, subject: &str, id: Option<&str>) -> String {
        let subject = if subject.is_ascii() { subject.to_owned() } else { format!("=?UTF-8?B?{}?=", base64(subject.as_bytes())) };
        let copies =
            if random.fraction() < 0.3 { format!("Cc: {},\r\n\t{}\r\n", self.person(random), self.person(random)) } else { String::new() };
        let id = id.map(|id| format!("Message-ID: {id}\r\n")).unwrap_or_default();
        let mailer = random.one_of(MAILERS);
        format!(
            "From: {}\r\nTo: User {user:02} <u{user:02}@example.com>\r\n{copies}Subject: {subject}\r\nDate: {}\r\n{id}X-Mailer: {mailer}\r\nMIME-Version: 1.0\r\n",
            self.person(random),
            mail_date(date_s),
        )
    }

    /// Text alone, text beside HTML, or text with attachments, as there is room for.
    fn body(&self, random: &mut Random, room: usize, mail: &mut Vec<u8>) {
        let boundary = format!("----=_Part_{:x}", random.draw());
        if room < 2500 {
            mail.extend_from_slice(b"Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
            mail.extend_from_slice(self.words.text(random, room.saturating_sub(80)).as_bytes());
            return;
        }
        let kind = if room < 30_000 { "alternative" } else { "mixed" };
        mail.extend_from_slice(format!("Content-Type: multipart/{kind};\r\n\tboundary=\"{boundary}\"\r\n\r\n").as_bytes());
        let text_bytes = if room < 30_000 { room / 3 } else { 300 + random.below(4000) as usize };
        let text = self.words.text(random, text_bytes);
        let mut parts =
            vec![format!("Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}").into_bytes()];
        if room < 30_000 {
            let html = text.replace("\r\n", "</p>\r\n<p class=\"MsoNormal\" style=\"color:#1F497D\">");
            parts.push(
                format!("Content-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<html><p>{html}</p></html>\r\n")
                    .into_bytes(),
            );
        } else {
            self.attach(random, room.saturating_sub(text_bytes), &mut parts);
        }
        for part in parts {
            mail.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            mail.extend_from_slice(&part);
            mail.extend_from_slice(b"\r\n");
        }
        mail.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    }

    /// Most are shared; the rest is this message's alone.
    fn attach(&self, random: &mut Random, mut room: usize, parts: &mut Vec<Vec<u8>>) {
        while room > 3000 && parts.len() < 7 {
            let fits = self.shared.partition_point(|part| part.len() <= room);
            let shared = fits.checked_sub(1 + random.below(3) as usize).map(|at| &self.shared[at]).filter(|part| part.len() * 2 > room);
            let part = match shared.filter(|_| random.fraction() < 0.6) {
                Some(part) => part.clone(),
                None => attachment(random, &self.words, room * 73 / 100),
            };
            room = room.saturating_sub(part.len());
            parts.push(part);
        }
    }
}

fn recent<'t>(random: &mut Random, threads: &'t [Thread]) -> Option<Thread> {
    let last: &'t [Thread] = &threads[threads.len().saturating_sub(40)..];
    (!last.is_empty())
        .then(|| random.one_of(last))
        .map(|thread| Thread { subject: thread.subject.clone(), references: thread.references.clone() })
}

fn message_id(random: &mut Random) -> String {
    format!("<{:x}.{:x}@mail.example.com>", random.draw(), random.draw() >> 32)
}

fn trace(random: &mut Random, date_s: i64) -> String {
    let mut lines = String::new();
    for hop in 0..2 + random.below(3) {
        let (host, id) = (random.below(255), random.draw() >> 20);
        lines += &format!(
            "Received: from mx{hop}.example.org (mx{hop}.example.org [192.0.2.{host}])\r\n\tby mail{hop}.example.com (Postfix) with ESMTPS id {id:X};\r\n\t{}\r\n",
            mail_date(date_s - hop as i64)
        );
    }
    let signature = base64(&random.bytes(96));
    lines + &format!("DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=sel;\r\n\tb={}\r\n\t {}\r\n", &signature[..64], &signature[64..])
}

/// An encoded part: two in three cannot be packed, the others are tables.
fn attachment(random: &mut Random, words: &Words, bytes: usize) -> Vec<u8> {
    let data = if random.fraction() < 0.65 {
        random.bytes(bytes)
    } else {
        let mut table = Vec::with_capacity(bytes + 200);
        while table.len() < bytes {
            let (number, price) = (random.below(1_000_000), random.below(1_000_000));
            table
                .extend_from_slice(format!("{number};{};{}.{:02}\n", random.one_of(&words.sentences), price / 100, price % 100).as_bytes());
        }
        table
    };
    let (kind, name) = (random.one_of(TYPES), random.one_of(&words.vocabulary));
    let name =
        if random.fraction() < 0.15 { format!("filename*=UTF-8''%C3%9Cbersicht%20{name}.bin") } else { format!("filename=\"{name}.bin\"") };
    let mut part = format!("Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; {name}\r\n\r\n")
        .into_bytes();
    part.extend(base64_lines(&data));
    part
}
