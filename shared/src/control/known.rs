//! What one walk has asked and need not ask again: 300 services on one repository list it once. Nothing outlives the
//! walk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cloud::{Answer, Cloud, CloudError, Listing, Trouble};
use crate::model::Digest;
use crate::policy::Track;
use crate::scan::Scan;

/// How often a walk lists one repository. After a release it is listed again, so that whoever writes last has seen
/// the newest push; where many are released, what is pushed after that is the next hint's.
const LISTINGS: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Known(Mutex<BTreeMap<String, Repository>>);

#[derive(Debug, Default)]
struct Repository {
    listing: Option<Result<Arc<Listing>, Failed>>,
    listings: u32,
    scans: BTreeMap<Digest, Scan>,
}

/// A registry in trouble is in trouble for every service.
#[derive(Debug, Clone)]
struct Failed {
    operation: &'static str,
    trouble: Trouble,
    message: String,
}

impl Known {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Repository>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before another look at a service that was told to run something else.
    pub(super) fn look_again(&self, tracks: &[Track]) {
        let mut known = self.lock();
        for track in tracks {
            if let Some(repository) = known.get_mut(&track.repository)
                && repository.listings < LISTINGS
            {
                repository.listing = None;
            }
        }
    }

    pub(super) async fn listing<C: Cloud>(&self, cloud: &C, repository: &str) -> Answer<Arc<Listing>> {
        let known = self.lock().get(repository).and_then(|it| it.listing.clone());
        let listing = match known {
            Some(known) => known,
            None => {
                let asked = cloud.tagged_images(repository).await.map(Arc::new);
                let asked = asked.map_err(|error| Failed {
                    operation: error.operation,
                    trouble: error.trouble,
                    message: error.message,
                });
                let mut known = self.lock();
                let entry = known.entry(repository.to_owned()).or_default();
                entry.listings += 1;
                entry.listing.insert(asked).clone()
            }
        };
        listing.map_err(|Failed { operation, trouble, message }| CloudError {
            operation,
            subject: repository.to_owned(),
            trouble,
            message,
            source: None,
        })
    }

    pub(super) async fn scan<C: Cloud>(&self, cloud: &C, repository: &str, digest: &Digest) -> Answer<Scan> {
        let known = self.lock().get(repository).and_then(|it| it.scans.get(digest).cloned());
        if let Some(known) = known {
            return Ok(known);
        }
        let scan = cloud.scan(repository, digest).await?;
        self.lock().entry(repository.to_owned()).or_default().scans.insert(digest.clone(), scan.clone());
        Ok(scan)
    }
}
