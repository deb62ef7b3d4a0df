//! Asks for TLS by the commands of a protocol that begins in plain text.
//!
//! | protocol | the server greets | we say | and go on after |
//! |---|---|---|---|
//! | SMTP (RFC 3207) | `220 …` | `EHLO tiovivo`, then after `250 …` `STARTTLS` | `220 …` |
//! | IMAP (RFC 3501 §6.2.1) | `* OK …` | `a STARTTLS` | `a OK …` |
//! | POP3 (RFC 2595 §4) | `+OK …` | `STLS` | `+OK …` |
//! | FTP (RFC 4217) | `220 …` | `AUTH TLS` | `234 …` |
//!
//! What comes in plain text behind the last line is refused: it would be taken for the words of the
//! server within TLS.

use bytes::BytesMut;

use crate::cluster::connection::StartTls;
use crate::health::probe::conversation::{Connection, Conversation};
use crate::health::probe::failure::{Failure, words};

/// Octets of a line, and of all that is said before TLS.
const MAX_LINE: usize = 2048;
const MAX_SAID: usize = 32 * 1024;

pub async fn ask(protocol: StartTls, stream: Connection) -> Result<Connection, Failure> {
    let mut conversation = Conversation::new(stream);
    let talk = &mut conversation;
    match protocol {
        StartTls::Smtp => {
            reply(talk, "220").await?;
            talk.say(b"EHLO tiovivo\r\n").await;
            reply(talk, "250").await?;
            talk.say(b"STARTTLS\r\n").await;
            reply(talk, "220").await?;
        }
        StartTls::Ftp => {
            reply(talk, "220").await?;
            talk.say(b"AUTH TLS\r\n").await;
            reply(talk, "234").await?;
        }
        StartTls::Imap => {
            expect(&line(talk).await?, "* OK")?;
            talk.say(b"a STARTTLS\r\n").await;
            let mut answer = line(talk).await?;
            while answer.starts_with(b"* ") {
                answer = line(talk).await?;
            }
            expect(&answer, "a OK")?;
        }
        StartTls::Pop3 => {
            expect(&line(talk).await?, "+OK")?;
            talk.say(b"STLS\r\n").await;
            expect(&line(talk).await?, "+OK")?;
        }
    }
    conversation.into_stream().ok_or(Failure::text("plain text behind the offer of TLS"))
}

/// The last line of a reply of SMTP or FTP; those before it have a hyphen behind the code.
async fn reply(talk: &mut Conversation, code: &str) -> Result<(), Failure> {
    loop {
        let line = line(talk).await?;
        expect(&line, code)?;
        if line.get(code.len()) != Some(&b'-') {
            return Ok(());
        }
    }
}

fn expect(line: &[u8], beginning: &str) -> Result<(), Failure> {
    match line.get(..beginning.len()) {
        Some(begins) if begins.eq_ignore_ascii_case(beginning.as_bytes()) => Ok(()),
        _ => Err(Failure::Text(format!("TLS was not offered: {}", words(line)).into())),
    }
}

/// The next line, without its line end.
async fn line(talk: &mut Conversation) -> Result<BytesMut, Failure> {
    let mut seen = 0;
    loop {
        if let Some(end) = talk.heard[seen..].iter().position(|&octet| octet == b'\n') {
            let mut line = talk.heard.split_to(seen + end + 1);
            line.truncate(line.trim_ascii_end().len());
            return Ok(line);
        }
        seen = talk.heard.len();
        if seen > MAX_LINE || talk.total > MAX_SAID {
            return Err(Failure::text("TLS was not offered: a line without an end"));
        }
        if !talk.hear().await? {
            return Err(Failure::CutShort);
        }
    }
}
