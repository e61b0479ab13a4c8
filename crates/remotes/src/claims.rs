//! Conditional writes where the place has none: one writer at a time, by claims that all can see.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use store::{Backend, BackendError};

use crate::error::RemoteError;
use crate::http;

/// Where claims are; a claim has a name that is used once.
pub(crate) const CLAIMS: &str = "claims/";

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    /// A claim that stood for so long while we watched was left by a writer that died; it is removed.
    pub(crate) abandoned: Duration,
    /// For how long is waited at most.
    pub(crate) patience: Duration,
}

impl Lease {
    /// A minute for the holder, five for those who wait.
    pub(crate) const USUAL: Self = Self { abandoned: Duration::from_secs(60), patience: Duration::from_secs(300) };
}

/// That nobody else writes, until it is too late for that.
pub(crate) struct Held {
    since: Instant,
    within: Duration,
}

impl Held {
    /// Whether there is so much time left that a write can be begun.
    pub(crate) fn is_safe(&self) -> bool {
        self.since.elapsed() < self.within
    }
}

/// Does the work while nobody else does such work at the same place.
///
/// Each writer writes a claim of its own and then lists the claims. Of two, at least the one that listed later sees the
/// other's, so no two see only their own. Whoever sees another withdraws and tries again after a random pause. This needs
/// a place where a file that was written is in every listing that begins later. Whether a claim was abandoned is measured
/// by the clock of the one who watches it, so clocks need not agree.
pub(crate) fn exclusively<T>(
    place: &dyn Backend,
    lease: Lease,
    work: impl FnOnce(&Held) -> Result<T, BackendError>,
) -> Result<T, BackendError> {
    let begin = Instant::now();
    let mut seen: BTreeMap<String, Instant> = BTreeMap::new();
    let mut attempt = 0;
    loop {
        let own = format!(
            "{CLAIMS}{}",
            http::token().map_err(|error| error.of_operation("write", CLAIMS, &place.describe()))?
        );
        let since = Instant::now();
        let others = place.write(&own, b"claimed").and_then(|()| others(place, &own));
        match others {
            Ok(others) if others.is_empty() => {
                let result = work(&Held { since, within: lease.abandoned / 2 });
                // A claim that stays is removed by whoever waits for it; the work is done all the same.
                let _ = place.delete(&own);
                return result;
            }
            Ok(others) => {
                place.delete(&own)?;
                seen.retain(|claim, _| others.contains(claim));
                for claim in others {
                    let first = *seen.entry(claim.clone()).or_insert_with(Instant::now);
                    if first.elapsed() >= lease.abandoned {
                        place.delete(&claim)?;
                        seen.remove(&claim);
                    }
                }
            }
            Err(error) => {
                let _ = place.delete(&own);
                return Err(error);
            }
        }
        if begin.elapsed() >= lease.patience {
            let seconds = begin.elapsed().as_secs();
            return Err(RemoteError::Busy { place: place.describe(), seconds }.of_operation(
                "write",
                CLAIMS,
                &place.describe(),
            ));
        }
        attempt += 1;
        std::thread::sleep(http::pause(attempt.min(4)).min(lease.abandoned / 4));
    }
}

fn others(place: &dyn Backend, own: &str) -> Result<Vec<String>, BackendError> {
    let mut others = Vec::new();
    place.list(CLAIMS, &mut |entry| {
        if entry.name != own {
            others.push(entry.name);
        }
        Ok(())
    })?;
    Ok(others)
}
