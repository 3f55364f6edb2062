//! The interface `state`.

use super::Speaker;

super::points! {
    texts_and_bytes_are_kept_as_they_are
    a_large_value_is_kept_and_a_larger_one_is_told_its_limit
    keys_are_paged_in_byte_order
    a_turn_reads_its_own_writes
}

async fn texts_and_bytes_are_kept_as_they_are(it: Speaker) -> anyhow::Result<()> {
    let text = "grün \u{1f980} \"quoted\" \\ and spaces ";
    let all: Vec<u8> = (0..=255).collect();
    let hex = all.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let written =
        it.run("a", &format!("set text {text}\nset empty \nset-hex all {hex}\nset schlüssel x")).await?;
    assert_eq!(written, ["ok"; 4]);
    it.deactivate("a").await?;
    let read = it.run("a", "get text\nget empty\nget-hex all\nget schlüssel\nget nothing\nsize all").await?;
    let (text_read, hex_read) = (format!("value {text}"), format!("value {hex}"));
    assert_eq!(read, [&text_read, "value ", &hex_read, "value x", "none", "256"]);
    assert_eq!(it.committed("a", "all").await?, Some(all));
    assert_eq!(it.committed_text("a", "schlüssel").await?.as_deref(), Some("x"));
    Ok(())
}

async fn a_large_value_is_kept_and_a_larger_one_is_told_its_limit(it: Speaker) -> anyhow::Result<()> {
    let largest = 1 << 20;
    let script = format!("fill big {largest}\nfill bigger {}\nset went on\nsize big", largest + 1);
    let results = it.run("a", &script).await?;
    assert_eq!(results[0], "ok");
    assert!(results[1].starts_with("limit ") && results[1].contains("state_value_bytes"), "{}", results[1]);
    assert_eq!(results[2..], ["ok".to_owned(), largest.to_string()]);
    it.deactivate("a").await?;
    assert_eq!(it.run("a", "size big\nsize bigger\nget went").await?, ["1048576", "none", "value on"]);
    assert_eq!(it.committed("a", "big").await?, Some(vec![b'x'; largest]));
    Ok(())
}

async fn keys_are_paged_in_byte_order(it: Speaker) -> anyhow::Result<()> {
    it.run("a", "set k/é x\nset k/b x\nset k/a x\nset k/B x\nset k/a/1 x\nset l x").await?;
    for place in ["as written", "as stored"] {
        let pages = it
            .run(
                "a",
                "keys k/ - 100\nkeys k/ - 2\nkeys k/ k/a 2\nkeys k/ k/é 2\nkeys - k/z 100\nkeys m - 100",
            )
            .await?;
        assert_eq!(pages, ["k/B k/a k/a/1 k/b k/é", "k/B k/a", "k/a/1 k/b", "", "k/é l", ""], "{place}");
        it.deactivate("a").await?;
    }
    Ok(())
}

async fn a_turn_reads_its_own_writes(it: Speaker) -> anyhow::Result<()> {
    it.run("a", "set old before\nset gone before").await?;
    let seen = it
        .run(
            "a",
            "set old after\nget old\nset new x\nget new\ndelete gone\nget gone\ndelete gone\nkeys - - 100\nappend new y",
        )
        .await?;
    assert_eq!(seen, ["ok", "value after", "ok", "value x", "true", "none", "false", "new old", "x,y"]);
    assert_eq!(it.committed_text("a", "old").await?.as_deref(), Some("after"));
    assert_eq!(it.committed("a", "gone").await?, None);
    assert_eq!(it.committed_text("a", "new").await?.as_deref(), Some("x,y"));
    Ok(())
}
