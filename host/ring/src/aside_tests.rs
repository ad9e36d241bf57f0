//! Readers that stand aside: nobody waits for them, and they begin again where the writer has not been.

use crate::{Policy, Publisher, RecvError, Registered, Ring, Start, Subscriber};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::thread;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn ring(policy: Policy) -> (Publisher, Subscriber) {
    let publisher = Ring::create(4096, Start::Live).unwrap();
    let subscriber = publisher.ring().subscribe(policy).unwrap();
    (publisher, subscriber)
}

#[test]
fn who_stands_aside_holds_nobody_up_and_begins_anew() {
    let (mut publisher, mut subscriber) = ring(Policy::Block);
    let mut other = publisher.ring().subscribe(Policy::Block).unwrap();
    publisher.write(&[1; 4096]).unwrap();
    other.release(4096).unwrap();
    subscriber.release(1000).unwrap();
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    assert_eq!(publisher.register(&waker, 4096), Registered::Waiting);
    subscriber.stand_aside();
    subscriber.stand_aside();
    assert_eq!(count.0.load(Ordering::Relaxed), 1, "the publisher is woken");
    // Nothing is lost as long as there is room.
    subscriber.stand_in();
    assert_eq!(
        (subscriber.position(), subscriber.missed_bytes()),
        (1000, 0)
    );
    subscriber.stand_aside();
    publisher.write(&[2; 1000]).unwrap();
    assert_eq!(publisher.register(&waker, 4096), Registered::Waiting);
    other.release(1000).unwrap();
    assert_eq!(
        count.0.load(Ordering::Relaxed),
        2,
        "only the other one is waited for"
    );
    publisher.write(&[3; 4096]).unwrap();
    assert!(publisher.write(&[4]).is_err(), "the other one still gates");
    subscriber.stand_in();
    subscriber.stand_in();
    assert_eq!(
        (
            subscriber.policy(),
            subscriber.lag_bytes(),
            subscriber.missed_bytes()
        ),
        (Policy::Block, 4096, 4096),
        "what another one keeps in the ring is not missed"
    );
    other.release_all().unwrap();
    assert!(publisher.write(&[5]).is_err(), "it gates again");
    let batch = subscriber.batch(4096).unwrap();
    assert_eq!(&*batch, [3; 4096]);
    batch.release_all();
    publisher.write(&[6; 4096]).unwrap();
}

#[test]
fn a_reader_that_stands_in_while_data_flows_sees_nothing_torn() {
    const ROUNDS: u64 = 20_000;
    let (mut publisher, mut subscriber) = ring(Policy::Block);
    let mut other = publisher.ring().subscribe(Policy::Block).unwrap();
    let writer = thread::spawn(move || {
        let mut number = 0_u64;
        while number < ROUNDS * 64 {
            if publisher.write(&number.to_ne_bytes()).is_ok() {
                number += 1;
            } else {
                let _ = other.release_all();
                thread::yield_now();
            }
        }
    });
    let mut read = 0_u64;
    loop {
        subscriber.stand_aside();
        subscriber.stand_in();
        for _ in 0..50 {
            match subscriber.batch(8) {
                Ok(batch) => {
                    let number = u64::from_ne_bytes(batch[..].try_into().unwrap());
                    let at = batch.subscriber.position() / 8;
                    assert_eq!(number, at, "what lies there was overwritten");
                    batch.release_all();
                    read += 1;
                }
                Err(RecvError::Empty) => thread::yield_now(),
                Err(closed) => {
                    assert_eq!(closed, RecvError::Closed);
                    assert!(read > 0, "it read something");
                    return writer.join().unwrap();
                }
            }
        }
    }
}
