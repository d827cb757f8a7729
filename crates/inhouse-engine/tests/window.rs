//! How often somebody may start something.

#![allow(clippy::unwrap_used, reason = "tests")]

use inhouse_engine::{RetryAfter, SlidingWindow, WindowOptions};

fn window(starts_max: u32, keys_max: usize) -> SlidingWindow<u32> {
    SlidingWindow::new(WindowOptions { starts_max, window_ms: 60_000, keys_max })
}

#[test]
fn no_stretch_of_the_windows_length_holds_more_than_the_limit() {
    let mut window = window(30, 10);
    let admitted: Vec<u64> = (0..5_000).map(|step| step * 97).filter(|now| window.admit(&1, *now).is_ok()).collect();
    assert!(admitted.windows(31).all(|run| run[30] - run[0] >= 60_000));
    assert!(admitted.len() >= 30 * 8);
}

#[test]
fn the_retry_time_is_exact_and_keys_do_not_touch_each_other() {
    let mut window = window(2, 10);
    assert_eq!((window.admit(&1, 0), window.admit(&1, 10_500)), (Ok(()), Ok(())));
    assert_eq!(window.admit(&1, 20_000), Err(RetryAfter { seconds: 40 }));
    assert_eq!(window.admit(&1, 59_999), Err(RetryAfter { seconds: 1 }));
    assert_eq!(window.admit(&2, 20_000), Ok(()));
    assert_eq!(window.admit(&1, 60_000), Ok(()));
    assert_eq!(window.admit(&1, 0), Err(RetryAfter { seconds: 71 }));
}

#[test]
fn a_key_may_have_less_than_all_and_never_more() {
    let mut window = window(3, 10);
    let admitted = |window: &mut SlidingWindow<u32>, key: u32, max: u32| {
        (0..9).filter(|_| window.admit_of(&key, max, 0).is_ok()).count()
    };
    assert_eq!([(1, 2), (2, 9), (3, 0)].map(|(key, max)| admitted(&mut window, key, max)), [2, 3, 0]);
}

#[test]
fn memory_stays_bounded_and_the_longest_idle_key_is_forgotten() {
    let mut window = window(1, 100);
    for key in 0..10_000 {
        assert_eq!(window.admit(&key, u64::from(key)), Ok(()));
    }
    assert!(window.admit(&9_900, 10_000).is_err(), "a hundred are remembered");
    assert!(window.admit(&9_899, 10_000).is_ok() && window.admit(&0, 10_000).is_ok(), "and no more");
    let nothing = WindowOptions { starts_max: 0, ..WindowOptions::default() };
    assert_eq!(SlidingWindow::new(nothing).admit(&1, 0), Err(RetryAfter { seconds: 60 }));
}
