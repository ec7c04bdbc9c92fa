//! What is known of a host and its runtime: for each [`HostFeature`] a yes, a no with its reason, or an *unknown*; pure.
//!
//! *Yes* and *no* are answers of the kernel or of the runtime. *Unknown* is what came of a question that was not answered
//! (too slow, killed, no memory): it is no *no*, and no run is weakened by it.

use serde::{Deserialize, Serialize};

use super::host_feature::HostFeature;
use super::runtime_flags::RuntimeFlags;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// It holds here.
    Yes,
    /// It does not, for this reason.
    No(String),
    /// The question was not answered, for this reason.
    Unknown(String),
}

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Host {
    /// What the runtime calls itself: `apptainer version 1.4.5`.
    pub version: String,
    /// The flags that it offers.
    pub flags: RuntimeFlags,
    /// What is known. A feature that is not in it is unknown.
    findings: Vec<(HostFeature, Finding)>,
}

impl Host {
    /// A host of which nothing is known.
    pub fn unknown(version: &str, flags: RuntimeFlags) -> Host {
        Host { version: version.to_owned(), flags, findings: Vec::new() }
    }

    /// A host where everything holds.
    pub fn all(version: &str) -> Host {
        let findings = HostFeature::ALL.map(|feature| (feature, Finding::Yes)).to_vec();
        Host { findings, ..Host::unknown(version, RuntimeFlags::all()) }
    }

    /// The same with another finding.
    pub fn with(mut self, feature: HostFeature, finding: Finding) -> Host {
        self.findings.retain(|(known, _)| *known != feature);
        self.findings.push((feature, finding));
        self
    }

    /// What is known of it.
    pub fn finding(&self, feature: HostFeature) -> Finding {
        let found = self.findings.iter().find(|(known, _)| *known == feature);
        found.map_or(Finding::Unknown("nobody has asked yet".to_owned()), |(_, finding)| finding.clone())
    }

    /// Whether this is known to hold here.
    pub fn has(&self, feature: HostFeature) -> bool {
        self.finding(feature) == Finding::Yes
    }

    /// Why it is known not to hold here.
    pub fn lacks(&self, feature: HostFeature) -> Option<String> {
        match self.finding(feature) {
            Finding::No(why) => Some(why),
            Finding::Yes | Finding::Unknown(_) => None,
        }
    }

    /// The first of these features that is not known, and why.
    pub fn not_known(&self, needed: &[HostFeature]) -> Option<(HostFeature, String)> {
        needed.iter().find_map(|feature| match self.finding(*feature) {
            Finding::Unknown(why) => Some((*feature, why)),
            Finding::Yes | Finding::No(_) => None,
        })
    }

    /// Without what is not known.
    pub fn answered(&self) -> Host {
        let mut answered = self.clone();
        answered.findings.retain(|(_, finding)| !matches!(finding, Finding::Unknown(_)));
        answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_neither_yes_nor_no() {
        let host = Host::all("x")
            .with(HostFeature::Fuse, Finding::No("none".to_owned()))
            .with(HostFeature::NetworkNamespaces, Finding::Unknown("late".to_owned()));
        for host in [host.clone(), host.answered()] {
            assert_eq!(host.lacks(HostFeature::Fuse), Some("none".to_owned()));
            assert!(host.has(HostFeature::UserNamespaces));
            assert!(!host.has(HostFeature::NetworkNamespaces), "unknown is no yes");
            assert_eq!(host.lacks(HostFeature::NetworkNamespaces), None, "unknown is no no");
            let needed = [HostFeature::Fuse, HostFeature::NetworkNamespaces];
            assert_eq!(host.not_known(&needed).map(|(feature, _)| feature), Some(HostFeature::NetworkNamespaces));
            assert_eq!(host.not_known(&[HostFeature::Fuse]), None);
        }
    }
}
