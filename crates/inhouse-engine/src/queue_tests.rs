//! The queue's promises, over a model: random offers and ends never break a limit, starve a caller or lose a turn.

use std::collections::HashMap;

use inhouse_trust::{AgentName, Principal};
use proptest::prelude::*;

use super::*;

fn slot(caller: &str, context: &str) -> Slot {
    let owner = Owner { principal: Principal::new(caller).unwrap(), agent: AgentName::new("demo").unwrap() };
    Slot { owner, context_id: context.into() }
}

fn limits(running: usize, running_per_caller: usize, queued: usize, queued_per_caller: usize) -> QueueLimits {
    QueueLimits {
        running_per_agent_max: running,
        running_per_caller_max: running_per_caller,
        queued_per_agent_max: queued,
        queued_per_caller_max: queued_per_caller,
        asking_per_agent_max: 2,
        asking_per_caller_max: 1,
    }
}

fn offer(queue: &mut Queue<u32>, slot: &Slot, turn: u32) -> Option<Offer<u32>> {
    queue.reserve(&slot.owner).then(|| queue.offer(slot.clone(), turn))
}

#[test]
fn turns_of_one_conversation_run_one_after_another() {
    let mut queue = Queue::new(limits(9, 9, 9, 9));
    assert_eq!(offer(&mut queue, &slot("ann", "c1"), 1), Some(Offer::Start(1)));
    assert_eq!(offer(&mut queue, &slot("ann", "c1"), 2), Some(Offer::Queued { position: 1 }));
    assert_eq!(offer(&mut queue, &slot("ann", "c2"), 3), Some(Offer::Start(3)), "another conversation does not wait");
    assert_eq!(offer(&mut queue, &slot("bob", "c1"), 4), Some(Offer::Start(4)), "a context belongs to its caller");
    assert!(queue.finish(&slot("ann", "c2")).is_empty());
    assert_eq!(queue.finish(&slot("ann", "c1")), [2]);
}

#[test]
fn a_caller_with_narrower_bounds_has_them_alone() {
    let mut queue = Queue::new(limits(9, 4, 9, 4));
    let narrow = CallerLimits { running_max: Some(1), queued_max: Some(1), ..CallerLimits::default() };
    let mut offered = |caller: &str, context: &str, narrow: CallerLimits, turn: u32| {
        let slot = slot(caller, context);
        let started = queue.bound(&slot.owner, narrow);
        (queue.reserve(&slot.owner).then(|| queue.offer(slot, turn)), started)
    };
    let all = CallerLimits::default();
    assert_eq!(offered("ann", "c1", narrow, 1), (Some(Offer::Start(1)), vec![]));
    assert_eq!(offered("ann", "c2", narrow, 2), (Some(Offer::Queued { position: 1 }), vec![]));
    assert_eq!(offered("ann", "c3", narrow, 3), (None, vec![]));
    assert_eq!(offered("bob", "c1", all, 4), (Some(Offer::Start(4)), vec![]));
    assert_eq!(offered("bob", "c2", all, 5), (Some(Offer::Start(5)), vec![]));
    let wide = CallerLimits { running_max: Some(99), queued_max: Some(99), ..CallerLimits::default() };
    let queued = Some(Offer::Queued { position: 1 });
    assert_eq!(offered("ann", "c2", wide, 6), (queued, vec![2]), "as of the latest turn, which passes none of before");
    let started = (4..99).take_while(|number| offered("ann", &format!("c{number}"), wide, *number).0.is_some()).count();
    assert_eq!(started, 5, "and never more than all may");
}

#[test]
fn a_turn_that_asks_makes_room_and_keeps_its_conversation() {
    let mut queue = Queue::new(limits(1, 1, 9, 9));
    let (first, second, third) = (slot("ann", "c1"), slot("bob", "c1"), slot("eve", "c1"));
    offer(&mut queue, &first, 1);
    assert_eq!(offer(&mut queue, &first, 2), Some(Offer::Queued { position: 1 }), "the same conversation");
    assert_eq!(offer(&mut queue, &second, 3), Some(Offer::Queued { position: 2 }));
    assert_eq!(queue.pause(&first), Some(vec![3]));
    assert_eq!(queue.pause(&second), Some(vec![]));
    assert_eq!(offer(&mut queue, &third, 4), Some(Offer::Start(4)));
    assert_eq!(queue.pause(&third), None, "two ask already");
    queue.go_on(&second);
    assert_eq!(queue.pause(&third), Some(vec![]));
    assert_eq!(offer(&mut queue, &slot("eve", "c2"), 5), Some(Offer::Queued { position: 2 }));
    assert_eq!(queue.finish(&first), Vec::<u32>::new(), "its place was given away");
    assert_eq!(queue.finish(&second), [2], "the one that went on had its own");
}

#[test]
fn a_caller_has_only_so_many_turns_that_ask() {
    let mut queue = Queue::new(limits(9, 9, 9, 9));
    for (context, turn) in [("c1", 1), ("c2", 2)] {
        offer(&mut queue, &slot("ann", context), turn);
    }
    assert_eq!((queue.pause(&slot("ann", "c1")), queue.pause(&slot("ann", "c2"))), (Some(vec![]), None));
    queue.finish(&slot("ann", "c1"));
    assert_eq!(queue.pause(&slot("ann", "c2")), Some(vec![]));
}

#[test]
fn waiting_callers_are_served_in_rotation() {
    let mut queue = Queue::new(limits(1, 1, 99, 99));
    offer(&mut queue, &slot("ann", "c0"), 0);
    for turn in 1..=3 {
        offer(&mut queue, &slot("ann", &format!("c{turn}")), turn);
    }
    offer(&mut queue, &slot("bob", "b"), 9);
    let mut served = Vec::new();
    for done in [slot("ann", "c0"), slot("ann", "c1"), slot("bob", "b"), slot("ann", "c2")] {
        served.extend(queue.finish(&done));
    }
    assert_eq!(served, [1, 9, 2, 3]);
}

#[test]
fn a_place_counts_the_turns_that_start_before_it() {
    let mut queue = Queue::new(limits(1, 1, 99, 99));
    offer(&mut queue, &slot("ann", "c0"), 0);
    let mut positions = Vec::new();
    for (turn, (caller, context)) in
        (1..).zip([("ann", "a1"), ("ann", "a2"), ("ann", "a3"), ("bob", "b1"), ("eve", "e1"), ("bob", "b2")])
    {
        if let Some(Offer::Queued { position }) = offer(&mut queue, &slot(caller, context), turn) {
            positions.push(position);
        }
    }
    assert_eq!(positions, [1, 2, 3, 2, 3, 5], "bob's second comes after ann's second");
}

#[test]
fn a_closed_queue_gives_every_turn_back() {
    let mut queue = Queue::new(limits(1, 1, 9, 9));
    let ann = slot("ann", "a");
    offer(&mut queue, &ann, 1);
    offer(&mut queue, &ann, 2);
    assert!(queue.reserve(&ann.owner));
    assert_eq!(queue.close(), [2]);
    assert_eq!(queue.offer(ann.clone(), 3), Offer::Closed(3));
    assert!(!queue.reserve(&ann.owner) && queue.finish(&ann).is_empty());
}

#[test]
fn beyond_the_limits_there_is_no_place_and_a_released_one_is_free_again() {
    let mut queue = Queue::new(limits(1, 1, 2, 1));
    let (ann, bob, eve) = (slot("ann", "a"), slot("bob", "b"), slot("eve", "e"));
    assert_eq!(offer(&mut queue, &ann, 1), Some(Offer::Start(1)));
    assert_eq!(offer(&mut queue, &ann, 2), Some(Offer::Queued { position: 1 }));
    assert_eq!(offer(&mut queue, &ann, 3), None, "one waiting turn a caller");
    assert!(queue.reserve(&bob.owner));
    assert_eq!(offer(&mut queue, &eve, 4), None, "the promised place counts");
    queue.release(&bob.owner);
    assert_eq!(offer(&mut queue, &eve, 4), Some(Offer::Queued { position: 2 }));
    assert_eq!(queue.remove(&eve.owner, |turn| *turn == 4), Some(4));
    assert_eq!(offer(&mut queue, &bob, 5), Some(Offer::Queued { position: 2 }));
}

#[derive(Debug, Clone)]
enum Step {
    Offer { caller: u8, context: u8 },
    Finish { nth: u8 },
    Remove { caller: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..3u8, 0..3u8).prop_map(|(caller, context)| Step::Offer { caller, context }),
        2 => any::<u8>().prop_map(|nth| Step::Finish { nth }),
        1 => (0..3u8).prop_map(|caller| Step::Remove { caller }),
    ];
    proptest::collection::vec(step, 0..80)
}

proptest! {
    #[test]
    fn no_limit_is_broken_and_no_turn_is_lost(steps in steps()) {
        let limits = limits(3, 2, 4, 3);
        let mut queue = Queue::new(limits);
        let mut running: Vec<(Slot, u32)> = Vec::new();
        let mut slots: HashMap<u32, Slot> = HashMap::new();
        let (mut taken, mut ended) = (0, 0);
        for (turn, step) in (0u32..).zip(steps) {
            match step {
                Step::Offer { caller, context } => {
                    let slot = slot(["ann", "bob", "eve"][usize::from(caller)], &context.to_string());
                    slots.insert(turn, slot.clone());
                    match offer(&mut queue, &slot, turn) {
                        Some(Offer::Start(turn)) => { taken += 1; running.push((slot, turn)); }
                        Some(Offer::Queued { position }) => {
                            prop_assert!(position >= 1);
                            taken += 1;
                        }
                        Some(Offer::Closed(_)) | None => {}
                    }
                }
                Step::Finish { nth } if !running.is_empty() => {
                    let (slot, _) = running.remove(usize::from(nth) % running.len());
                    ended += 1;
                    running.extend(queue.finish(&slot).into_iter().map(|turn| (slots[&turn].clone(), turn)));
                }
                Step::Finish { .. } => {}
                Step::Remove { caller } => {
                    let owner = slot(["ann", "bob", "eve"][usize::from(caller)], "0").owner;
                    ended += usize::from(queue.remove(&owner, |_| true).is_some());
                }
            }
            prop_assert!(running.len() <= limits.running_per_agent_max);
            for caller in ["ann", "bob", "eve"] {
                let own = running.iter().filter(|(slot, _)| slot.owner.principal.as_str() == caller).count();
                prop_assert!(own <= limits.running_per_caller_max);
            }
            let mut contexts: Vec<_> = running.iter().map(|(slot, _)| format!("{slot:?}")).collect();
            contexts.sort();
            contexts.dedup();
            prop_assert_eq!(contexts.len(), running.len(), "two turns of one conversation at once");
        }
        let waiting = queue.close().len();
        prop_assert_eq!(taken, ended + running.len() + waiting);
    }
}
