//! Activation and deactivation, and what is in memory between them.

use futures::future::try_join_all;

use super::Speaker;

super::points! {
    memory_lasts_as_long_as_the_activation
    activation_and_deactivation_are_turns
    an_actor_that_can_not_activate_says_so_and_heals
    one_message_at_a_time
}

async fn memory_lasts_as_long_as_the_activation(it: Speaker) -> anyhow::Result<()> {
    assert_eq!(it.one("a", "recall").await?, "value ");
    it.run("a", "remember the milk").await?;
    assert_eq!(it.one("a", "recall").await?, "value the milk");
    assert_eq!(it.one("b", "recall").await?, "value ", "another actor has a memory of its own");
    it.deactivate("a").await?;
    assert_eq!(it.one("a", "recall").await?, "value ");
    Ok(())
}

async fn activation_and_deactivation_are_turns(it: Speaker) -> anyhow::Result<()> {
    for round in 1..=2 {
        assert_eq!(it.one("counted", "get activations").await?, format!("value {round}"));
        it.deactivate("counted").await?;
        let committed = it.committed_text("counted", "deactivations").await?;
        assert_eq!(committed.as_deref(), Some(round.to_string().as_str()));
    }
    let fault = it.language().fault;
    it.attempt("counted", "trap").await?.refused(500, fault);
    assert_eq!(it.run("counted", "get activations\nget deactivations").await?, ["value 4", "value 2"]);
    Ok(())
}

async fn an_actor_that_can_not_activate_says_so_and_heals(it: Speaker) -> anyhow::Result<()> {
    for _ in 0..2 {
        let problem = it.attempt("fail-activate", "set x y").await?.refused(500, "activation-failed");
        assert!(problem.detail.contains("failed-precondition: asked not to activate"), "{}", problem.detail);
    }
    assert_eq!(it.committed("fail-activate", "x").await?, None);
    it.repair("fail-activate", "healed", "1").await?;
    assert_eq!(it.one("fail-activate", "set x y").await?, "ok");
    Ok(())
}

async fn one_message_at_a_time(it: Speaker) -> anyhow::Result<()> {
    let replies = try_join_all((0..8).map(|_| it.ask("a", "increment", ""))).await?;
    let mut counts: Vec<u32> = Vec::new();
    for reply in replies {
        counts.push(reply.expect(200).text().parse()?);
    }
    counts.sort_unstable();
    assert_eq!(counts, (1..=8).collect::<Vec<_>>());
    Ok(())
}
