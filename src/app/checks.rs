//! What has to hold for the site to do its work, for `health` and `doctor`.

use super::Site;
use crate::error::Error;
use crate::log;
use crate::reply::{Check, Weight};
use crate::run::{Abilities, Ability, Runtime};

impl Site {
    /// Looks at everything. With `probe` the runtime and the host are tried
    /// out, which starts processes; without, only what is written down of an
    /// earlier trial is told.
    pub fn checks(&self, probe: bool) -> Vec<Check> {
        let runtime = Runtime::find(self.config.runtime.as_deref());
        let mut checks = vec![self.check_data(), self.check_state()];
        checks.extend(self.check_tables());
        let known = runtime.map_err(Error::from).and_then(|runtime| {
            if probe {
                return Ok(Some(Abilities::renew(&runtime, &self.config.state)?));
            }
            Ok(Abilities::recorded(&runtime, &self.config.state))
        });
        let version = |known: Option<&Abilities>| known.map(|known| known.version.clone()).unwrap_or_default();
        match known {
            Err(error) => checks.push(needed(RUNTIME, Err(error))),
            Ok(known) => {
                checks.push(needed(RUNTIME, Ok(version(known.as_ref()))));
                checks.extend(known.iter().flat_map(abilities));
            }
        }
        checks
    }

    /// Logs what does not hold, once at the start of a server.
    pub fn announce(&self) {
        for check in self.checks(true) {
            if let Some(wrong) = check.wrong {
                log::event("missing", &[("what", &check.what), ("why", &wrong), ("lost", &check.lost)]);
            }
        }
        for refused in self.catalog().and_then(|catalog| Ok(catalog.list()?.refused)).into_iter().flatten() {
            log::event("not-served", &[("entry", &refused.shown), ("why", &refused.why)]);
        }
    }

    fn check_data(&self) -> Check {
        let data = Topic {
            what: "data",
            buys: "the images",
            lost: "nothing is shown",
            get: "set `data` to the folder with the images",
        };
        let listed = self.catalog().and_then(|catalog| Ok(catalog.list()?));
        needed(
            data,
            listed.map(|listing| {
                format!("{} images, {} entries not served", listing.images.len(), listing.refused.len())
            }),
        )
    }

    /// Tables of images that are not there: a slip of the pen, or not yet copied.
    fn check_tables(&self) -> Option<Check> {
        let listing = self.catalog().and_then(|catalog| Ok(catalog.list()?)).ok()?;
        let there = |name: &str| listing.images.iter().any(|entry| entry.name.as_str() == name);
        let missing: Vec<&str> = self.config.special_images().filter(|name| !there(name)).collect();
        let tables = Topic {
            what: "image-tables",
            buys: "each `[images.\"NAME\"]` is about an image of the folder",
            lost: "their settings hold for nothing",
            get: "compare their names with `singularity-nginx list`",
        };
        let mut check = needed(tables, Ok(String::new()));
        check.weight = Weight::Better;
        check.wrong = Some(format!("there is no image {}", missing.join(", ")));
        (!missing.is_empty()).then_some(check)
    }

    fn check_state(&self) -> Check {
        let state = Topic {
            what: "state",
            buys: "the number of containers at once is limited",
            lost: "nothing runs",
            get: "set `state` to a folder of this account alone",
        };
        needed(state, self.slots(None).map(|_| String::new()))
    }
}

#[derive(Clone, Copy)]
struct Topic {
    what: &'static str,
    buys: &'static str,
    lost: &'static str,
    get: &'static str,
}

const RUNTIME: Topic = Topic {
    what: "runtime",
    buys: "containers run",
    lost: "nothing runs",
    get: "Debian, Ubuntu: scripts/install-runtime; RHEL: dnf install apptainer (EPEL); or set `runtime`",
};

fn needed(topic: Topic, outcome: Result<String, Error>) -> Check {
    let Topic { what, buys, lost, get } = topic;
    let (detail, wrong, public) = match outcome {
        Ok(detail) => (detail, None, None),
        Err(error) => (String::new(), Some(error.to_string()), Some(error.detail())),
    };
    Check { what, weight: Weight::Needed, detail, wrong, public, buys, lost, get }
}

fn abilities(found: &Abilities) -> Vec<Check> {
    let check = |ability: Ability| {
        let wrong = found.missing.iter().find(|(missing, _)| *missing == ability).map(|(_, why)| why.clone());
        Check {
            what: ability.word(),
            weight: if ability.promised() { Weight::Promised } else { Weight::Better },
            detail: String::new(),
            public: wrong.as_ref().map(|_| format!("Without it, {}.", ability.without())),
            wrong,
            buys: ability.buys(),
            lost: ability.without(),
            get: ability.get(),
        }
    };
    Ability::ALL.into_iter().map(check).collect()
}
