//! Room for configs that are told: so many in all, and of each caller. It is taken before anything is waited for, and free again
//! when whoever holds it is gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use inhouse_trust::Principal;

use super::lock;

/// The rooms there are.
pub(super) struct Rooms {
    all_max: usize,
    per_caller_max: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    of: HashMap<Principal, usize>,
}

/// One of them. Clones are the same room.
#[derive(Clone)]
pub(crate) struct Room(#[expect(dead_code, reason = "held")] Arc<Held>);

struct Held {
    taken: Arc<Mutex<Taken>>,
    caller: Principal,
}

impl Rooms {
    /// So many in all, and of each caller.
    pub(super) fn new(all_max: usize, per_caller_max: usize) -> Self {
        Self { all_max, per_caller_max, taken: Arc::default() }
    }

    /// Takes one, if there is one.
    pub(super) fn enter(&self, caller: &Principal) -> Option<Room> {
        let mut taken = lock(&self.taken);
        let own = taken.of.get(caller).copied().unwrap_or_default();
        if taken.all >= self.all_max || own >= self.per_caller_max {
            return None;
        }
        taken.all += 1;
        taken.of.insert(caller.clone(), own + 1);
        Some(Room(Arc::new(Held { taken: Arc::clone(&self.taken), caller: caller.clone() })))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.all -= 1;
        if let Some(own) = taken.of.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                taken.of.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_counted_for_all_and_for_each_and_are_free_when_let_go() {
        let rooms = Rooms::new(3, 2);
        let (one, two) = (Principal::new("one").unwrap(), Principal::new("two").unwrap());
        let held = [rooms.enter(&one).unwrap(), rooms.enter(&one).unwrap()];
        assert!(rooms.enter(&one).is_none(), "two are its share");
        let other = rooms.enter(&two).unwrap();
        assert!(rooms.enter(&two).is_none(), "three are all");
        let same = other.clone();
        drop(other);
        assert!(rooms.enter(&two).is_none(), "still held");
        drop(same);
        assert!(rooms.enter(&two).is_some());
        drop(held);
        assert!(rooms.enter(&one).is_some());
        assert!(lock(&rooms.taken).of.is_empty(), "who holds none is not remembered");
    }
}
