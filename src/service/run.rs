//! A run, from bound arguments to its outcome: slot, process, outcome. Knows no HTTP.

use std::time::{Duration, Instant};

use super::folder_view::address_of;
use super::{Caller, FinishedRun, Opened, Service};
use crate::args::{ArgSpec, Arguments, HARMLESS};
use crate::auth::Action;
use crate::config::ImageSettings;
use crate::error::Error;
use crate::image::Image;
use crate::run::{
    self, Busy, Client, End, Host, HostCache, HostFeature, Invocation, InvocationOptions, Limits, Network, Outcome,
    Run, Runtime, RuntimeError, Slot, Slots, StartError,
};
use crate::visitor::Visitor;
use sha2::{Digest, Sha256};

/// The status with which a runtime ends that cannot start a container.
const RUNTIME_FAILED: i32 = 255;
/// How often a waiting visitor looks for a free slot.
const ANOTHER_TRY: Duration = Duration::from_millis(100);

impl Service {
    /// The slots of the site, and those of an image with a table of its own.
    pub fn slots(&self, image: Option<&str>) -> Result<Slots, Error> {
        let settings = image.map_or(self.config.site_settings(), |image| self.config.settings(image));
        let prefix = image.map_or("slot".to_owned(), lock_name);
        Ok(Slots::open(&self.config.state, &prefix, settings.slots)?)
    }

    /// A slot of the site, and one of the image where it has its own number; of a link, one of what it leads to, too.
    fn try_slots(&self, image: &Image, visitor: Option<&run::VisitorQuota>) -> Result<Vec<Slot>, Error> {
        // the image's first: a crowd that waits for one image takes no slot of the site
        let mut slots = Vec::new();
        let names = [image.name().as_str()].into_iter().chain(address_of(image.leads_to()));
        for name in names.filter(|name| self.config.special_images().any(|special| special == *name)) {
            slots.push((self.slots(Some(name))?, None));
        }
        slots.push((self.slots(None)?, visitor));
        let take = |(slots, visitor): (Slots, Option<&run::VisitorQuota>)| {
            slots.take(visitor).map_err(StartError::from)?.map_err(|busy| match busy {
                Busy::Site => Error::Busy,
                Busy::Visitor => Error::VisitorBusy,
            })
        };
        slots.into_iter().map(take).collect()
    }

    /// The same, waiting for them as long as `wait` says and the visitor is there, where not too many wait already.
    /// Nobody tells when a slot gets free: another process may hold it.
    fn take_slots(
        &self,
        opened: &Opened,
        counted: Option<&run::VisitorQuota>,
        visitor: Option<&Visitor>,
        client: Option<&Client>,
    ) -> Result<Vec<Slot>, Error> {
        let until = Instant::now() + opened.settings.wait;
        let left = || client.is_some_and(|client| (client.aborted)());
        let mut permit = None;
        loop {
            let taken = self.try_slots(&opened.image, counted);
            let waits = matches!(taken, Err(Error::Busy | Error::VisitorBusy));
            if !waits || Instant::now() >= until || left() {
                return taken;
            }
            if permit.is_none() {
                match self.waiting.try_acquire(1, visitor.and_then(Visitor::key)) {
                    Ok(acquired) => permit = Some(acquired),
                    Err(_) => return taken,
                }
            }
            std::thread::sleep(ANOTHER_TRY);
        }
    }

    /// Waits for the end of a run; all that is known of it.
    pub fn ran(
        &self,
        opened: Opened,
        arguments: &Arguments,
        run: Run,
        invocation: Invocation,
    ) -> Result<FinishedRun, Error> {
        let outcome = run.collect();
        self.doubt(&outcome);
        // the runtime opened the path before the container could print anything
        if opened.replaced() {
            return Err(Error::Replaced);
        }
        let stderr = invocation.scrub(&String::from_utf8_lossy(&outcome.stderr));
        let Opened { target, image, spec, settings, rights, .. } = opened;
        Ok(FinishedRun {
            target,
            size: (!image.is_directory()).then(|| image.size()),
            command: invocation.shown,
            argv: arguments.shown().to_vec(),
            runtime: invocation.runtime,
            outcome,
            stderr,
            report: arguments.report().clone(),
            output: spec.output(),
            max_age: kept_for(&settings, &spec),
            carried: !settings.launcher.is_empty(),
            by_post: rights.by_post,
            spec,
        })
    }

    /// A runtime that does not start what it could start before may have been changed behind its path: it is asked again.
    /// Its status alone says nothing: every Perl program that dies has the same.
    fn doubt(&self, outcome: &Outcome) {
        if outcome.end == End::Exited(RUNTIME_FAILED)
            && outcome.stdout.is_empty()
            && String::from_utf8_lossy(&outcome.stderr).lines().any(run::gives_up)
            && let Ok(runtime) = Runtime::find(self.config.runtime.as_deref())
        {
            HostCache::new(&runtime, &self.config.state).invalidate();
        }
    }

    /// Takes a slot and starts a run for this caller.
    pub fn start(
        &self,
        caller: Caller<'_>,
        opened: &Opened,
        arguments: &Arguments,
    ) -> Result<(Run, Invocation), Error> {
        self.require(&caller.principal, Action::Run(caller.verb), &opened.image)?;
        // a runscript was looked at before; who may write to the image may have changed
        opened.refused(opened.image.not_run(&opened.metadata, opened.target.app.as_ref()))?;
        let counted = self.counted(&caller)?;
        self.admit_run(counted.as_deref(), false)?;
        let quota =
            self.config.visitor_limit().zip(counted.clone()).map(|(limit, key)| run::VisitorQuota { key, limit });
        let slots = self.take_slots(opened, quota.as_ref(), caller.visitor, caller.client.as_ref())?;
        let invocation = self.invocation(opened, arguments)?;
        if opened.replaced() {
            return Err(Error::Replaced); // while we waited for a slot
        }
        self.admit_run(counted.as_deref(), true)?;
        let audit = self.audit(&caller, opened, arguments)?;
        let mut run = match Run::start(&invocation, &slots, caller.client) {
            Ok(run) => run,
            Err(error) => {
                let end = End::NotExecuted(error.to_string());
                audit.into_iter().for_each(|ended| ended(&end, Duration::ZERO));
                return Err(error.into());
            }
        };
        run.when_ended(audit);
        Ok((run, invocation))
    }

    /// The exact command of a run, with its bounds.
    pub fn invocation(&self, opened: &Opened, arguments: &Arguments) -> Result<Invocation, Error> {
        let (name, settings) = (opened.target.image.as_str(), &opened.settings);
        let runtime = Runtime::find(self.config.runtime.as_deref())?;
        Runtime::check_launcher(&settings.launcher)?;
        let host = self.host(&runtime, settings)?;
        let options = InvocationOptions {
            runtime: &runtime,
            host: &host,
            limits: limits(settings, &host),
            network: settings.network,
            launcher: &settings.launcher,
            locale: !opened.image.sets_locale(),
        };
        if !host.flags.no_eval && arguments.argv().iter().any(|word| !word.chars().all(is_left_alone)) {
            return Err(RuntimeError::Evaluates(runtime.path().to_owned()).into());
        }
        let app = opened.target.app.as_ref().map(|app| app.as_str());
        Ok(Invocation::new(&options, (name, opened.image.path()), app, (arguments.argv(), arguments.shown())))
    }

    /// What the runtime can do here. What a run of these settings needs is known; with `strict`, a promise that does not
    /// hold is an error.
    fn host(&self, runtime: &Runtime, settings: &ImageSettings) -> Result<Host, Error> {
        self.slots(None)?; // makes the state folder
        let host = HostCache::new(runtime, &self.config.state).get(&needed(settings))?;
        let promised = |feature: &HostFeature| match feature {
            // a limit of each process is none of the run
            HostFeature::Cgroups => settings.memory.is_some(),
            other => other.promised(),
        };
        let broken = || HostFeature::ALL.into_iter().filter(promised).find_map(|one| Some((one, host.lacks(one)?)));
        match broken().filter(|_| self.config.strict) {
            Some((feature, why)) => Err(Error::Strict(feature, why)),
            None => Ok(host),
        }
    }
}

/// What the locks of an image are called. Its name may hold `/`, or be longer than a file's: a hash of it (the first 16
/// bytes of SHA-256) stands for it.
fn lock_name(image: &str) -> String {
    let digest = Sha256::digest(image.as_bytes());
    digest.iter().take(16).fold("image-".to_owned(), |name, byte| name + &format!("{byte:02x}"))
}

/// What has to be known before a run of these settings: all that keeps it apart or bounds it.
fn needed(settings: &ImageSettings) -> Vec<HostFeature> {
    let needs = |feature: &HostFeature| match feature {
        HostFeature::Fuse => false,
        HostFeature::NetworkNamespaces => settings.network == Network::None,
        HostFeature::Cgroups => settings.memory.is_some() || settings.cpus.is_some(),
        _ => true,
    };
    HostFeature::ALL.into_iter().filter(needs).collect()
}

/// Whether a shell that evaluates an argument leaves this character as it is: those that visitors may send. A choice of an
/// author may hold others.
fn is_left_alone(character: char) -> bool {
    character.is_alphanumeric() || !character.is_ascii() || "._-".contains(character) || HARMLESS.contains(character)
}

/// Seconds for which an answer may be cached. A launcher's exit status proves nothing of the container's, so that an
/// answer of one may be half of it: it is not kept. Nor is what depends on a secret.
pub(super) fn kept_for(settings: &ImageSettings, spec: &ArgSpec) -> Option<u32> {
    spec.max_age().filter(|_| settings.launcher.is_empty() && !spec.has_secrets())
}

fn limits(settings: &ImageSettings, host: &Host) -> Limits {
    Limits {
        deadline: settings.deadline,
        output: settings.output_limit,
        memory: settings.memory,
        // carried elsewhere, it would count what others run there (Slurm passes limits on)
        processes: settings.launcher.is_empty().then_some(settings.processes),
        cpus: settings.cpus,
        user_namespace: Limits::user_namespace(host),
    }
}
