//! TCP probes that say something.

use tiovivo::checks::talk::checked::TalkProbe;
use tiovivo::checks::talk::probe::EXPECTED;

use super::*;

fn talk(port: u16, send: Option<&str>, expect: &str) -> Probe {
    Probe::Talk(TalkProbe {
        port,
        send: send.map(str::to_owned),
        expect: expect.into(),
        start_tls: None,
        proxy: None,
    })
}

#[tokio::test]
async fn a_server_that_speaks_first() {
    let port = says(false, b"220 mail.midominio.com ESMTP\r\n").await;
    assert_eq!(verdict(&talk(port, None, "220 "), LONG).await.unwrap().said, EXPECTED);
    assert_eq!(reason(talk(port, None, "250 "), LONG).await, "no `250 ` in the answer");
    assert_eq!(describe(HOME, &talk(25, None, "220 ")), "TCP answer of 127.0.0.1:25");
}

#[tokio::test]
async fn a_server_that_is_asked() {
    let port = server(|mut stream| async move {
        let mut asked = [0; 6];
        stream.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"ruok\r\n");
        let _ = stream.write_all(b"imok").await;
        // It keeps the connection: the verdict does not wait for its end.
        let _ = stream.read(&mut asked).await;
    })
    .await;
    let probe = talk(port, Some("ruok\r\n"), "imok");
    assert_eq!(verdict(&probe, LONG).await.unwrap().said, EXPECTED);
}

#[tokio::test]
async fn liars() {
    assert_eq!(reason(talk(nobody().await, None, "x"), LONG).await, "connection refused");
    let port = says(false, b"").await;
    assert_eq!(reason(talk(port, None, "x"), LONG).await, "closed without an answer");
    let port = server(|mut stream| async move {
        let _ = stream.read(&mut [0]).await;
    })
    .await;
    assert_eq!(reason(talk(port, None, "x"), SHORT).await, "no answer within 200 ms");
    let port = server(|mut stream| async move {
        while stream.write_all(b"y").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(reason(talk(port, None, "x"), SHORT).await, "no answer within 200 ms");
    let port =
        server(
            |mut stream| async move { while stream.write_all(&[b'y'; 65_536]).await.is_ok() {} },
        )
        .await;
    assert_eq!(reason(talk(port, None, "x"), LONG).await, "no `x` in its first 64 KiB");
}
