//! The statistics' ring: the kernel publishes what it knows of itself like any other publisher.
//!
//! The ring is made on the boot core when somebody first asks for it (the request `stats`), and its
//! publisher stays with the core: no task can hold it. A timer of the core publishes a frame each
//! period, but only while the ring has subscribers: the first one starts the timer, and when none is
//! left the timer is not set again, so a kernel that nobody looks at stays idle.
//!
//! The figures of all cores are single-writer counts that any core may read (see [`crate::stats`]),
//! so a frame needs no answer of another core, and shows a busy or stuck one too.
//!
//! The kernel waits for nobody: while a subscriber that blocks leaves no room, frames are left out and
//! counted.

use crate::core::{Core, Shared, TimerOwner};
use crate::ids::{CoreId, EndpointId, TaskId};
use crate::inbox::Post;
use crate::limits::{STATS_PERIOD_MS, STATS_RING_BYTES};
use crate::refusal::Refusal;
use crate::snapshot::{Before, Header, snapshot};
use crate::table::Key;
use okernel_abi::Errno;
use okernel_abi::frame::FRAME_VALUE;
use okernel_ring::{ClaimError, FramePublisher, Policy, Ring, Start, Subscriber};

/// The publisher of the statistics.
#[derive(Debug)]
pub(crate) struct Feed {
    ring: EndpointId,
    publisher: FramePublisher,
    period_ms: u64,
    /// Set while there are subscribers.
    timer: Option<Key>,
    /// Frames for which there was no room.
    skipped: u64,
    before: Before,
}

impl Shared {
    /// Subscribes to a ring by its number, for an end that lies on `core`; who subscribes to the
    /// statistics starts them.
    ///
    /// # Errors
    /// As for the request `sub`.
    pub(crate) fn subscribe(
        &self,
        ring: EndpointId,
        policy: Policy,
        core: CoreId,
        creator: Option<TaskId>,
    ) -> Result<(EndpointId, Subscriber), Refusal> {
        let made = self.directory.subscribe(ring, policy, core, creator)?;
        if self.feed.get() == Some(&ring) {
            self.signals[CoreId::BOOT.index()].post(Post::FeedWanted);
        }
        Ok(made)
    }

    /// No task can hold the publisher of the statistics.
    pub(crate) fn not_the_feed(&self, op: &str, id: EndpointId) -> Result<(), Refusal> {
        if self.feed.get() != Some(&id) {
            return Ok(());
        }
        Err(Refusal::new(
            Errno::NotGranted,
            format!(
                "{op}: the kernel itself publishes on {id}, its statistics; sub makes a subscriber"
            ),
        ))
    }
}

impl Core {
    /// The statistics' ring, which is made if need be; only the boot core is asked. From now on a
    /// frame is published each `period_ms`; 0 leaves the period as it is.
    pub(crate) fn feed_ring(&mut self, period_ms: u64) -> Result<EndpointId, Refusal> {
        if self.feed.is_none() {
            let feed = self.make_feed()?;
            let _ = self.shared.feed.set(feed.ring);
            self.feed = Some(Box::new(feed));
        }
        let Some(feed) = &mut self.feed else {
            return Err(Refusal::new(Errno::NotFound, "stats: there is no ring"));
        };
        let ring = feed.ring;
        if period_ms != 0 && period_ms != feed.period_ms {
            feed.period_ms = period_ms;
            if let Some(timer) = feed.timer.take() {
                self.timers.cancel(timer);
                self.start_feed();
            }
        }
        Ok(ring)
    }

    fn make_feed(&self) -> Result<Feed, Refusal> {
        if self.id != CoreId::BOOT {
            let text = "stats: only the boot core publishes statistics";
            return Err(Refusal::new(Errno::Unsupported, text));
        }
        let limit = |text: String| Refusal::new(Errno::Limit, format!("stats: {text}"));
        let publisher = Ring::create(STATS_RING_BYTES, Start::Live)
            .map_err(|error| limit(error.to_string()))?;
        let directory = &self.shared.directory;
        let ring = directory.add_publisher(publisher.ring().clone(), self.id, None)?;
        directory.set_name(ring, "stats");
        Ok(Feed {
            ring,
            publisher: FramePublisher::new(publisher).map_err(|error| limit(error.to_string()))?,
            period_ms: STATS_PERIOD_MS,
            timer: None,
            skipped: 0,
            before: Before::default(),
        })
    }

    /// The ring has a new subscriber: if it is the first, it gets a frame at once.
    pub(crate) fn feed_wanted(&mut self) {
        if self.feed.as_ref().is_some_and(|feed| feed.timer.is_none()) {
            self.publish_statistics();
            self.start_feed();
        }
    }

    fn start_feed(&mut self) {
        let now_ns = self.read_clock();
        if let Some(feed) = &mut self.feed {
            let period_ns = feed.period_ms * 1_000_000;
            let deadline_ns = now_ns.saturating_add(period_ns);
            feed.timer = Some(self.timers.set(deadline_ns, period_ns, TimerOwner::Feed));
            self.timer_next_ns = self.timer_next_ns.min(deadline_ns);
        }
    }

    /// The period is over.
    pub(crate) fn feed_due(&mut self) {
        let Some(feed) = &mut self.feed else {
            return;
        };
        if feed.publisher.publisher().ring().lags().is_empty() {
            if let Some(timer) = feed.timer.take() {
                self.timers.cancel(timer);
            }
            return;
        }
        self.publish_statistics();
    }

    /// Publishes one frame, unless there is no room for it.
    fn publish_statistics(&mut self) {
        let start_ns = self.read_clock();
        let Some(feed) = &mut self.feed else {
            return;
        };
        let header = Header {
            time_ns: start_ns,
            period_ms: feed.period_ms,
            skipped: feed.skipped,
        };
        let frame = snapshot(&self.shared, &header, &mut feed.before).to_bytes();
        match feed.publisher.send(FRAME_VALUE, &frame) {
            Ok(()) => {}
            Err(ClaimError::Full) => feed.skipped += 1,
            Err(error) => tracing::error!(%error, bytes = frame.len(), "no statistics"),
        }
        let end_ns = self.read_clock();
        self.stats.io_ns.add(end_ns - start_ns);
    }
}
