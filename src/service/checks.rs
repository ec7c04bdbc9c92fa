//! What has to hold for the site to do its work, for `health` and `doctor`.

use super::{Check, Metrics, Service, Weight};
use crate::auth::Principal;
use crate::error::Error;
use crate::image::Listing;
use crate::log;
use crate::run::{Finding, Host, HostCache, HostFeature, Runtime, RuntimeError, StartError};

impl Service {
    /// Looks at everything. With `probe` the runtime and the host are tried
    /// out, which starts processes; without, only what is written down of an
    /// earlier trial is told.
    pub fn checks(&self, probe: bool) -> Vec<Check> {
        // whoever watches asks often: the data folder itself says whether it can be read
        let listing = if probe { self.listing(&Principal::Owner) } else { self.top(&Principal::Owner) };
        self.checks_of(&listing, &self.in_use(), probe)
    }

    fn checks_of(&self, listing: &Result<Listing, Error>, in_use: &Result<usize, Error>, probe: bool) -> Vec<Check> {
        let runtime = Runtime::find(self.config.runtime.as_deref());
        let mut checks = vec![self.in_folder(check_data(listing)), check_state(in_use)];
        checks.extend(self.check_trust());
        checks.extend(listing.as_ref().ok().filter(|_| probe).and_then(|listing| self.check_tables(listing)));
        checks.extend(listing.as_ref().ok().filter(|_| probe).and_then(|listing| self.check_rules(listing)));
        checks.extend(listing.as_ref().ok().and_then(check_size));
        checks.extend(self.check_tokens());
        checks.extend(self.check_audit());
        checks.extend(self.check_logo());
        checks.extend(self.check_visitors());
        checks.extend(runtime.as_ref().ok().and_then(owned));
        // what the runtime is asked with lies in the state folder: not in one that others can change
        checks.extend(match (&runtime, self.slots(None)) {
            (Err(error), _) => vec![needed(RUNTIME, Err(&error.clone().into()))],
            (Ok(_), Err(error)) => vec![needed(RUNTIME, Err(&error))],
            (Ok(runtime), Ok(_)) => self.check_runtime(runtime, probe),
        });
        checks
    }

    /// The runtime, and what it can do here. Without `probe` a question that had no answer is told as such.
    fn check_runtime(&self, runtime: &Runtime, probe: bool) -> Vec<Check> {
        let cache = HostCache::new(runtime, &self.config.state);
        let found = match probe {
            true => cache.renew().map(Some),
            false => Ok(cache.recorded()),
        };
        let unanswered = if probe { None } else { cache.last_error() };
        match (found, unanswered) {
            // what nobody knows yet is no yes
            (Ok(None), None) if !probe && cache.is_probing() => {
                vec![needed(RUNTIME, Err(&RuntimeError::Asking.into()))]
            }
            (Err(error), _) => vec![needed(RUNTIME, Err(&error.into()))],
            (Ok(_), Some(error)) => vec![needed(RUNTIME, Err(&error.into()))],
            (Ok(found), None) => {
                let version = found.as_ref().map_or("not tried yet", |found| &found.version).to_owned();
                [needed(RUNTIME, Ok(version))].into_iter().chain(found.iter().flat_map(features)).collect()
            }
        }
    }

    /// Logs what does not hold, once at the start of a server.
    pub fn announce(&self) {
        let listing = self.listing(&Principal::Owner);
        for check in self.checks_of(&listing, &self.in_use(), true) {
            if let Some(wrong) = check.wrong {
                log::event("missing", &[("what", &check.what), ("why", &wrong), ("lost", &check.lost)]);
            }
        }
        for refused in listing.iter().flat_map(|listing| &listing.refused) {
            log::event("not-served", &[("entry", &refused.shown), ("why", &refused.why)]);
        }
        log::event("checked", &[]);
    }

    /// The site in numbers, where its owner wants them told. Images are counted as far as `who` may see them.
    pub fn metrics(&self, who: &Principal) -> Result<Metrics, Error> {
        if !self.config.metrics {
            return Err(Error::NoRoute);
        }
        let (listing, in_use) = (self.listing(&Principal::Owner), self.in_use());
        let checks = self.checks_of(&listing, &in_use, false);
        let listing = if self.rights(who).are_unbound() { listing } else { self.listing(who) };
        let (listing, slots) = (listing?, self.slots(None)?);
        Ok(Metrics {
            slots: slots.count(),
            in_use: in_use?,
            refusals: slots.refusals().map_err(StartError::from)?,
            images: listing.images.len(),
            not_served: listing.refused.len(),
            checks,
        })
    }

    /// A folder that others can change: pages are shown, and nothing is run.
    fn check_trust(&self) -> Option<Check> {
        let why = self.view(&Principal::Owner).ok()?.trust().err()?;
        let trust = Topic {
            what: "data-trust",
            buys: "nobody else can change what runs",
            lost: "nothing runs",
            get: "remove the right of others to write, with chmod go-w, also from each folder above",
        };
        Some(self.in_folder(needed(trust, Err(&why))))
    }

    /// Its owner is told which folder it is.
    fn in_folder(&self, check: Check) -> Check {
        let folder = std::path::absolute(&self.config.data).unwrap_or_else(|_| self.config.data.clone());
        let folder = folder.display();
        let wrong = check.wrong.as_ref().map(|why| format!("{folder}: {why}"));
        Check { detail: format!("{folder}, {}", check.detail), wrong, ..check }
    }

    /// Tables of images that are not there: a slip of the pen, or not yet copied.
    fn check_tables(&self, listing: &Listing) -> Option<Check> {
        let there = |name: &str| listing.images.iter().any(|entry| entry.name.as_str() == name);
        let missing: Vec<&str> = self.config.special_images().filter(|name| !there(name)).collect();
        let tables = Topic {
            what: "image-tables",
            buys: "each `[images.\"NAME\"]` names an image of the folder",
            lost: "their settings have no effect",
            get: "compare their names with `singularity-nginx list`",
        };
        (!missing.is_empty()).then(|| better(tables, format!("there is no image {}", missing.join(", "))))
    }

    /// Rules that say something else than was meant.
    fn check_rules(&self, listing: &Listing) -> Option<Check> {
        let mistakes = self.mistakes(Some(listing));
        let rules = Topic {
            what: "rules",
            buys: "each rule has an effect",
            lost: "somebody may have more or fewer rights than was meant",
            get: "look at `singularity-nginx may --all`, and correct the rules",
        };
        (!mistakes.is_empty()).then(|| better(rules, mistakes.join("; ")))
    }

    /// Tokens that cannot be read let nobody in.
    fn check_tokens(&self) -> Option<Check> {
        let why = self.tokens()?.tokens().err()?;
        let tokens = Topic {
            what: "tokens",
            buys: "programs with a token are let in",
            lost: "requests with a token get 503",
            get: "set `store` to a folder that only this account can use (chmod 0700), and put its files back",
        };
        Some(needed(tokens, Err(&Error::Identity(why.into()))))
    }

    /// A logo that is configured and cannot be shown.
    /// Lines of the audit that are missing. Where `strict` refuses runs without it, nothing is ready.
    fn check_audit(&self) -> Option<Check> {
        let why = self.audit_fails()?;
        let audit = Topic {
            what: "audit",
            buys: "every run is written down (`audit`)",
            lost: "runs are not written down; with `strict` none is started",
            get: "make room on the disk, or let this account write to the file of `audit` and make its folder. The next run \
                writes down how many lines are missing",
        };
        Some(match self.config.strict {
            true => needed(audit, Err(&Error::Audit(why))),
            false => better(audit, why.to_string()),
        })
    }

    fn check_logo(&self) -> Option<Check> {
        let path = self.config.brand.logo.as_ref().filter(|_| self.logo().is_none())?;
        let logo = Topic {
            what: "logo",
            buys: "every page shows the site's own logo",
            lost: "pages show the program's logo",
            get: "name a PNG, JPEG, GIF, WebP or SVG of at most 256 KiB that this account may read",
        };
        Some(better(logo, format!("{} cannot be shown", path.display())))
    }

    /// Runs that were counted for nobody.
    fn check_visitors(&self) -> Option<Check> {
        let why = self.uncounted()?;
        let visitors = Topic {
            what: "visitor-counting",
            buys: "one visitor leaves slots and connections to the others",
            lost: "these runs have only a common limit",
            get: "if visitors come through a proxy, name it in `proxies`; if they are this host's own users, there is \
                nothing to do",
        };
        Some(better(visitors, format!("runs came {why}")))
    }

    /// Slots that are taken now. Locks that cannot be opened are found by opening them: a full or read-only disk,
    /// something else in their place.
    fn in_use(&self) -> Result<usize, Error> {
        Ok(self.slots(None)?.in_use().map_err(StartError::from)?)
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

fn check_data(listing: &Result<Listing, Error>) -> Check {
    let data = Topic {
        what: "data",
        buys: "the images",
        lost: "nothing is shown",
        get: "set `data` to the folder with the images",
    };
    let counted =
        |listing: &Listing| format!("images: {}, entries not served: {}", listing.images.len(), listing.refused.len());
    needed(data, listing.as_ref().map(counted))
}

/// More entries than are looked at.
fn check_size(listing: &Listing) -> Option<Check> {
    let size = Topic {
        what: "data-size",
        buys: "search, `random`, OpenAPI and totals know all images",
        lost: "some images are found only by their address, or in the list of their folder",
        get: "keep only images in the data folder",
    };
    listing.cut.then(|| better(size, "the data folder has more entries than are looked at".to_owned()))
}

fn check_state(in_use: &Result<usize, Error>) -> Check {
    let state = Topic {
        what: "state",
        buys: "the number of containers that run at once is limited",
        lost: "nothing runs",
        get: "set `state` to a folder that only this account can use",
    };
    needed(state, in_use.as_ref().map(|_| String::new()))
}

fn needed(topic: Topic, outcome: Result<String, &Error>) -> Check {
    let Topic { what, buys, lost, get } = topic;
    let (detail, wrong, public) = match outcome {
        Ok(detail) => (detail, None, None),
        Err(error) => (String::new(), Some(error.to_string()), Some(error.detail())),
    };
    Check { what, weight: Weight::Needed, detail, wrong, public, buys, lost, get }
}

/// Something that could be better, and is not.
fn better(topic: Topic, wrong: String) -> Check {
    let Topic { what, buys, lost, get } = topic;
    Check { what, weight: Weight::Better, detail: String::new(), wrong: Some(wrong), public: None, buys, lost, get }
}

/// A runtime that the serving account owns can be changed from within a container, as `/proc/1/exe`.
fn owned(runtime: &Runtime) -> Option<Check> {
    let owner = Topic {
        what: "runtime-owner",
        buys: "no container can change the runtime",
        lost: "a container can change the runtime, and so every later run",
        get: "install the runtime as root, or let another account own its files",
    };
    runtime.is_ours().then(|| better(owner, format!("{} belongs to the serving account", runtime.path().display())))
}

fn features(host: &Host) -> Vec<Check> {
    let check = |feature: HostFeature| {
        let (wrong, public) = match host.finding(feature) {
            Finding::Yes => (None, None),
            Finding::No(why) => (Some(why), Some(format!("Without it, {}.", feature.without()))),
            Finding::Unknown(why) => (
                Some(format!("not known: {why}")),
                Some("It is not known whether this holds here, so nothing that needs it is run.".to_owned()),
            ),
        };
        Check {
            what: feature.code(),
            weight: if feature.promised() { Weight::Promised } else { Weight::Better },
            detail: String::new(),
            public,
            wrong,
            buys: feature.buys(),
            lost: feature.without(),
            get: feature.get(),
        }
    };
    HostFeature::ALL.into_iter().map(check).collect()
}
