//! The folder, or one image, as its callers must know it: [`Described`].
//!
//! Bounded: a folder's description holds at most [`MAX_IMAGES`] images and [`MAX_BYTES`] of their own words; the rest
//! is counted, and each image has a description of its own.

use super::run::kept_for;
use super::{Callable, Described, Service};
use crate::args::ArgSpec;
use crate::auth::Principal;
use crate::error::Error;
use crate::image::{AppName, FolderName, Image, Labels, Listing, Metadata, NotRun, Target, TargetPath, summary};

/// Images, and folders, in one description.
const MAX_IMAGES: usize = 100;
/// Bytes of labels and help in one description.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Characters of help for each image or app.
const MAX_HELP: usize = 4096;

/// How closely it is looked whether something is run.
type Look = fn(&Image, &Metadata, Option<&AppName>) -> Option<NotRun>;

impl Service {
    /// What can be called now. Images that cannot be read are left out; one that is asked for by name is an error.
    pub fn describe(&self, who: &Principal, image: Option<&TargetPath>) -> Result<Described, Error> {
        let (metrics, tokens) = (self.config.metrics, !self.config.access.rules.is_empty());
        if let Some(path) = image {
            let opened = self.image(who, path)?;
            let name = opened.name().clone();
            let callables = self.callables(who, &opened, &opened.metadata()?, Image::not_run_closely);
            return Ok(Described { image: Some(name), folders: Vec::new(), callables, left_out: 0, metrics, tokens });
        }
        let view = self.view(who)?;
        let Listing { images: names, mut folders, .. } = view.list_all(&FolderName::default())?;
        folders.truncate(MAX_IMAGES);
        let mut callables = Vec::new();
        let mut bytes = 0;
        let mut seen = 0;
        for entry in names.iter().take(MAX_IMAGES) {
            let read = |image: Image| image.metadata().map(|read| (image, read)).map_err(Error::from);
            if let Ok((image, metadata)) = view.image(&entry.name).map_err(Error::from).and_then(read) {
                bytes += metadata.apps.iter().map(|app| weight(&app.labels, &app.help)).sum::<usize>();
                bytes += weight(&metadata.labels, &metadata.help);
                if bytes > MAX_BYTES {
                    break;
                }
                callables.extend(self.callables(who, &image, &metadata, Image::not_run));
            }
            seen += 1;
        }
        Ok(Described { image: None, folders, callables, left_out: names.len() - seen, metrics, tokens })
    }

    /// An image and its apps.
    fn callables(&self, who: &Principal, image: &Image, metadata: &Metadata, not_run: Look) -> Vec<Callable> {
        let (settings, rights, name) = (self.settings_of(image), self.rights_of(who, image), image.name());
        let callable = |target: Target, labels: &Labels, help: &Option<String>| {
            let spec = ArgSpec::from_labels(labels.iter());
            let has_secrets = spec.has_secrets();
            let runs = not_run(image, metadata, target.app.as_ref()).is_none();
            Callable {
                download: rights.download && target.app.is_none(),
                target,
                summary: summary(help.as_deref(), labels),
                help: help.as_ref().map(|text| text.chars().take(MAX_HELP).collect()),
                max_age: kept_for(&settings, &spec),
                spec,
                policy: settings.sanitise.clone(),
                get: runs && rights.get && !has_secrets,
                post: runs && rights.post,
            }
        };
        let mut all = vec![callable(Target::image(name), &metadata.labels, &metadata.help)];
        all.extend(metadata.apps.iter().map(|app| {
            let target = Target { image: name.clone(), app: Some(app.name.clone()) };
            callable(target, &app.labels, &app.help)
        }));
        all
    }
}

/// What an image or app adds at most to a description.
fn weight(labels: &Labels, help: &Option<String>) -> usize {
    let ours = labels.iter().filter(|(name, _)| name.to_ascii_uppercase().starts_with("SINGULARITY_RUNSCRIPT_"));
    ours.map(|(_, value)| value.len()).sum::<usize>() + help.as_ref().map_or(0, |text| text.len().min(4 * MAX_HELP))
}
