//! How turns end other than well: none leaves a trace, and the actor is there for its next message.

use super::Speaker;
use super::messaging::CODES;

super::points! {
    each_failure_has_its_status_and_leaves_no_trace
    a_fault_leaves_no_trace
    an_endless_loop_is_ended
    memory_has_an_end
}

async fn each_failure_has_its_status_and_leaves_no_trace(it: Speaker) -> anyhow::Result<()> {
    it.run("a", "set x before\nremember before").await?;
    for (code, status) in CODES {
        let script = format!("set x {code}\nremember {code}\nfail {code} grün: so it is");
        let problem = it.attempt("a", &script).await?.refused(status, code);
        assert_eq!((problem.detail.as_str(), problem.source.as_str()), ("grün: so it is", "guest"));
        assert_eq!(it.run("a", "get x\nrecall").await?, ["value before", "value "], "{code}");
    }
    Ok(())
}

/// A turn that ends in that code and leaves nothing behind.
async fn ends(it: &Speaker, how: &str, code: &str) -> anyhow::Result<()> {
    it.run("a", "set x before").await?;
    let problem =
        it.attempt("a", &format!("set x after\nset y after\nremember x\n{how}")).await?.refused(500, code);
    assert_eq!(problem.source, "guest");
    assert_eq!(it.run("a", "get x\nget y\nrecall").await?, ["value before", "none", "value "]);
    assert_eq!(it.ask("a", "increment", "").await?.expect(200).text(), "1");
    Ok(())
}

async fn a_fault_leaves_no_trace(it: Speaker) -> anyhow::Result<()> {
    ends(&it, "trap", it.language().fault).await
}

async fn an_endless_loop_is_ended(it: Speaker) -> anyhow::Result<()> {
    ends(&it, "spin", "cpu-limit").await
}

async fn memory_has_an_end(it: Speaker) -> anyhow::Result<()> {
    ends(&it, "bomb", "memory-limit").await
}
