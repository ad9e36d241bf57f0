//! Publishes 0, 1, 2.. as fast as it goes, in batches.
