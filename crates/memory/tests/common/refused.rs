//! Operations that are refused memory in turn, against a model.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use gauge_probe::{Counters, Refusing, refuse_each};

/// Runs `run` with every request refused, once and for ever; nothing may leak. Says how many were.
pub fn each_refusal(name: &str, least: u64, mut run: impl FnMut(&mut Refusing)) {
    let refused = refuse_each(|gate| {
        let before = Counters::process().live_bytes();
        run(gate);
        let after = Counters::process().live_bytes();
        assert_eq!(after, before, "{name}: bytes were lost, {gate:?}");
    });
    println!("{name}: {refused} refusals");
    assert!(refused >= least, "{name}: {refused} refusals only");
}

/// Does something to `subject`. Where it is refused, `check` looks whether anything changed, and it is done
/// once more, which may be refused again.
pub fn attempt<S, T, E>(
    gate: &mut Refusing,
    subject: &mut S,
    mut operation: impl FnMut(&mut S) -> Result<T, E>,
    check: impl Fn(&S),
) -> Option<T> {
    let refused = gate.refused();
    if let Ok(done) = gate.run(|| operation(subject)) {
        return Some(done);
    }
    assert!(gate.refused() > refused, "an error without a refusal");
    check(subject);
    let done = gate.run(|| operation(subject)).ok();
    if done.is_none() {
        check(subject);
    }
    done
}
