//! Why an image, or an app of it, is not run here: one answer for the list, its page, its description and its run.
//!
//! In: an open image and its metadata. Out: a [`NotRun`], if there is a reason. Never: judges the host or the runtime.

use super::metadata::Metadata;
use super::name::AppName;
use super::obstacle::Obstacle;
use super::opened::{Distrust, Image};

/// Why it is not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRun {
    /// Because of what it is.
    #[error("{0}")]
    Obstacle(Obstacle),
    /// Because others could have changed it.
    #[error("{0}")]
    Distrust(Distrust),
}

impl NotRun {
    /// Whether there are apps to run in its place.
    #[must_use]
    pub fn has_apps(self) -> bool {
        self == Self::Obstacle(Obstacle::OnlyApps)
    }
}

impl Image {
    /// As far as its metadata and its rights tell.
    #[must_use]
    pub fn not_run(&self, metadata: &Metadata, app: Option<&AppName>) -> Option<NotRun> {
        let distrust = || self.trust().err().map(NotRun::Distrust);
        metadata.obstacle(app).map(NotRun::Obstacle).or_else(distrust)
    }

    /// The same, and a SIF's file system is opened to see whether the runscript may be executed, where only its description
    /// was read: too much for a list of a hundred images.
    #[must_use]
    pub fn not_run_closely(&self, metadata: &Metadata, app: Option<&AppName>) -> Option<NotRun> {
        self.not_run(metadata, app).or_else(|| {
            let forbidden = metadata.described && self.may_execute_runscript(app) == Some(false);
            forbidden.then_some(NotRun::Obstacle(Obstacle::Forbidden))
        })
    }
}
