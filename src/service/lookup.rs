//! What there is to see: the folder, one image, a form as far as it is filled in.

use super::folder_view::FolderView;
use super::{Download, Folder, FolderRow, FolderRowDetails, FormPreview, ImageDetails, ImageRights, Opened, Service};
use crate::args::{ArgError, ArgSpec, BindError, BindReport, Input, Rejected, ValueError, bind};
use crate::auth::{Action, Principal};
use crate::config::ImageSettings;
use crate::error::Error;
use crate::image::{
    AppName, CatalogEntry, FindError, FolderName, Found, Image, ImageName, NotRun, Target, TargetPath, summary,
};
use crate::run::{Runtime, command};

/// Images on one page of the list.
const PAGE: usize = 100;

impl Service {
    /// The images and folders of a folder, or all images in it and its folders whose name holds this text, upper or lower
    /// case: a page of 100 of each, from 1.
    pub fn list(&self, who: &Principal, folder: &FolderName, search: &str, page: usize) -> Result<Folder, Error> {
        let search: String = search.trim().chars().filter(|c| !c.is_control()).take(128).collect();
        let view = self.view(who)?;
        let mut listing = if search.is_empty() { view.list(folder)? } else { view.list_all(folder)? };
        if !search.is_empty() {
            let wanted = search.to_lowercase();
            listing.images.retain(|entry| entry.name.as_str().to_lowercase().contains(&wanted));
            listing.folders.clear();
        }
        let total = listing.images.len();
        let first = page.saturating_sub(1) * PAGE;
        let more = first + PAGE < total.max(listing.folders.len());
        let rows = listing.images.into_iter().skip(first).take(PAGE).map(|entry| row(&view, entry)).collect();
        let folders = listing.folders.into_iter().skip(first).take(PAGE).collect();
        Ok(Folder { name: folder.clone(), folders, rows, total, page, more, query: search })
    }

    /// The rows of these images.
    pub fn rows(&self, who: &Principal, images: Vec<CatalogEntry>) -> Result<Vec<FolderRow>, Error> {
        let view = self.view(who)?;
        Ok(images.into_iter().map(|entry| row(&view, entry)).collect())
    }

    /// The image as a file, where the site offers it.
    pub fn download(&self, who: &Principal, path: &TargetPath) -> Result<Download, Error> {
        let image = self.image(who, path)?;
        let name = image.name().clone();
        if !self.settings_of(&image).download || image.is_directory() {
            return Err(Error::NoDownload);
        }
        self.require(who, Action::Download, &image)?;
        Ok(Download {
            image: name,
            size: image.size(),
            modified: image.modified(),
            accel: self.config.accel.clone(),
            file: image.file().try_clone().map_err(FindError::Io)?,
        })
    }

    /// The image that a path leads to, where no app may stand behind it.
    pub fn image(&self, who: &Principal, path: &TargetPath) -> Result<Image, Error> {
        match self.find(who, path)? {
            (image, None) => Ok(image),
            (_, Some(_)) => Err(Error::NoRoute),
        }
    }

    /// The image that a path leads to, and the name of an app behind it.
    fn find(&self, who: &Principal, path: &TargetPath) -> Result<(Image, Option<AppName>), Error> {
        match self.view(who)?.find(path)? {
            Found::Image(image, app) => Ok((*image, app)),
            Found::Folder(folder) => Err(FindError::Folder(folder).into()),
        }
    }

    /// What `who` may do with what a path leads to; none: there is no image.
    pub fn rights_at(&self, who: &Principal, path: &TargetPath) -> Result<ImageRights, Error> {
        self.find(who, path).map(|(image, _)| self.rights_of(who, &image))
    }

    /// The names of all images.
    pub fn names(&self, who: &Principal) -> Result<Vec<ImageName>, Error> {
        Ok(self.listing(who)?.images.into_iter().map(|entry| entry.name).collect())
    }

    /// The names of those that lie in no folder.
    pub fn top_names(&self, who: &Principal) -> Result<Vec<ImageName>, Error> {
        Ok(self.top(who)?.images.into_iter().map(|entry| entry.name).collect())
    }

    /// Some image, by the clock: nobody can predict or needs to. None where there is none.
    pub fn random(&self, who: &Principal) -> Result<Option<ImageName>, Error> {
        let mut names = self.names(who)?;
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        match names.len() {
            0 => Ok(None),
            count => Ok(Some(names.swap_remove(clock.subsec_nanos() as usize / 1000 % count))),
        }
    }

    /// Opens and reads an image.
    pub fn open(&self, who: &Principal, path: &TargetPath) -> Result<Opened, Error> {
        let (image, app) = self.find(who, path)?;
        let target = Target { image: image.name().clone(), app };
        let metadata = image.metadata()?;
        let labels = match &target.app {
            None => metadata.labels.clone(),
            Some(app) => metadata.app(app).ok_or(Error::NoApp)?.labels.clone(),
        };
        let spec = ArgSpec::from_labels(labels.iter());
        let (settings, mut rights) = (self.settings_of(&image).into_owned(), self.rights_of(who, &image));
        if spec.has_secrets() {
            self.only_by_post(who, &image, &mut rights);
        }
        Ok(Opened { target, image, metadata, labels, spec, settings, rights })
    }

    /// What a page of the image shows; its definition file for its owner, and
    /// for visitors where the site says so.
    pub fn facts(&self, who: &Principal, path: &TargetPath, input: Input<'_>) -> Result<ImageDetails, Error> {
        let Opened { target, image, mut metadata, labels, spec, settings, rights } = self.open(who, path)?;
        let app = target.app.as_ref().and_then(|app| metadata.app(app));
        let help = app.map_or(&metadata.help, |app| &app.help).clone();
        let runscript = app.map_or(&metadata.runscript, |app| &app.runscript).clone();
        if *who != Principal::Owner && !settings.show_definition {
            metadata.definition = None;
        }
        let summary = summary(help.as_deref(), &labels);
        if *who == Principal::Owner {
            image.read_other_scripts(&mut metadata);
        }
        let asked = self.asked(&target, &spec, input, &settings)?;
        let refused = image.not_run_closely(&metadata, target.app.as_ref());
        let size = (!image.is_directory()).then(|| image.size());
        let modified = image.modified();
        let (download, by_post) = (rights.download, rights.by_post);
        Ok(ImageDetails {
            target,
            size,
            modified,
            metadata,
            labels,
            help,
            summary,
            runscript,
            spec,
            asked,
            refused,
            download,
            by_post,
            rights,
        })
    }

    /// What would come of a form filled in like this. What is required and
    /// not there yet is no error before the run is asked for.
    fn asked(
        &self,
        target: &Target,
        spec: &ArgSpec,
        input: Input<'_>,
        settings: &ImageSettings,
    ) -> Result<FormPreview, Error> {
        match bind(spec, input, &settings.sanitise) {
            Ok(arguments) => Ok(self.filled_in(target, arguments.shown(), arguments.report(), &[])),
            Err(BindError::Rejected(rejected)) => {
                let mut asked = self.to_mend(target, &rejected);
                asked.errors.retain(|error| error.why != ValueError::Missing);
                Ok(asked)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A page for a run whose arguments cannot be used: the form again.
    pub fn rejected(&self, who: &Principal, path: &TargetPath, rejected: &Rejected) -> Result<ImageDetails, Error> {
        let mut facts = self.facts(who, path, Input::NOTHING)?;
        facts.asked = self.to_mend(&facts.target, rejected);
        Ok(facts)
    }

    fn to_mend(&self, target: &Target, rejected: &Rejected) -> FormPreview {
        self.filled_in(target, rejected.others(), rejected.report(), rejected.errors())
    }

    fn filled_in(&self, target: &Target, argv: &[String], report: &BindReport, errors: &[ArgError]) -> FormPreview {
        let runtime = Runtime::find(self.config.runtime.as_deref());
        let runtime = runtime.unwrap_or_else(|_| Runtime::at("apptainer".as_ref()));
        let app = target.app.as_ref().map(|app| app.as_str());
        FormPreview {
            command: command(&runtime, target.image.as_str(), app, argv),
            argv: argv.to_vec(),
            errors: errors.to_vec(),
            report: report.clone(),
        }
    }
}

fn row(view: &FolderView<'_>, entry: CatalogEntry) -> FolderRow {
    let opened = view.image(&entry.name);
    // of one that may not be opened, what the folder tells
    let known = match &opened {
        Ok(image) => Some((image.size(), image.modified())),
        Err(_) => view.metadata(&entry.name),
    };
    let facts = opened.map_err(Error::from).and_then(|image| row_facts(&image)).map_err(|error| error.detail());
    FolderRow {
        target: Target::image(&entry.name),
        size: known.filter(|_| !entry.directory).map(|(size, _)| size),
        modified: known.map_or(std::time::SystemTime::UNIX_EPOCH, |(_, modified)| modified),
        facts,
    }
}

fn row_facts(image: &Image) -> Result<FolderRowDetails, Error> {
    let metadata = image.metadata()?;
    let refused = image.not_run(&metadata, None);
    let (summary, spec) = (metadata.summary(), ArgSpec::from_labels(metadata.labels.iter()));
    let instead = refused.is_some_and(NotRun::has_apps);
    let apps = if instead { metadata.apps.into_iter().map(|app| app.name).collect() } else { Vec::new() };
    Ok(FolderRowDetails { format: metadata.format, architecture: metadata.architecture, summary, spec, apps, refused })
}
