//! All words that people see on pages, in one place. English, plain.
//!
//! The words of errors stand beside the errors; those of one image come from
//! its author.

/// The name of the site, where it has none of its own.
pub const SITE: &str = "Containers";
/// The foot of every page.
pub const FOOT: &str = "Served by Singularity Nginx";
/// The first link of every page, for keyboards and screen readers.
pub const SKIP: &str = "Skip to the content";

/// The home page.
pub mod home {
    #![allow(missing_docs)]
    pub const SEARCH: &str = "Search";
    pub const SURPRISE: &str = "Surprise me";
    pub const NONE_TITLE: &str = "There is no image here yet";
    pub const NONE: &str = "Copy an image into the data folder, and it is here at the next request.";
    pub const NO_MATCH: &str = "No image has that in its name.";
    pub const NO_ARGUMENTS: &str = "takes no arguments";
    pub const ARGUMENTS: &str = "Arguments";
    pub const UNREADABLE: &str = "Cannot be read: ";
    pub const PAGES: &str = "Pages";
    pub const PREVIOUS: &str = "← Previous";
    pub const NEXT: &str = "Next →";

    /// `12 images`, `1 image with “x” in the name`
    pub fn count(total: usize, query: &str) -> String {
        let images = if total == 1 { "image" } else { "images" };
        if query.is_empty() {
            format!("{total} {images}")
        } else {
            format!("{total} {images} with “{query}” in the name")
        }
    }
}

/// The page of an image, and of a run.
pub mod image {
    #![allow(missing_docs)]
    pub const WHERE: &str = "Where you are";
    pub const ALL: &str = "All images";
    pub const RUN_IT: &str = "Run it";
    pub const RUN_AGAIN: &str = "Run it again";
    pub const RUN: &str = "Run";
    pub const CANCEL: &str = "Cancel";
    pub const NO_ARGUMENTS: &str = "It takes no arguments.";
    pub const REQUIRED: &str = " (required)";
    pub const COMMAND: &str = "This runs";
    pub const RESULT: &str = "Result";
    pub const OUTPUT: &str = "Output";
    pub const MESSAGES: &str = "Messages";
    pub const NOTHING: &str = "It printed nothing.";
    pub const PICTURE: &str = "The picture that the container made";
    pub const CUT: &str = "cut at the limit";
    pub const MORE: &str = "This is the beginning; the whole output comes when you ask for text/plain.";
    pub const USE: &str = "Use it from";
    pub const SITE_HINT: &str = "SITE is the address of this server.";
    pub const LABELS: &str = "Labels";
    pub const LABEL: &str = "Label";
    pub const VALUE: &str = "Value";
    pub const FILTER: &str = "Filter the labels";
    pub const AS_JSON: &str = "As JSON: ";
    pub const APPS: &str = "Apps";
    pub const RUNSCRIPT: &str = "Runscript";
    pub const DEFINITION: &str = "Definition file";
    pub const DOWNLOAD: &str = "Download the image";
    pub const CHECKSUM: &str = "To compare after the download:";
    pub const NOTES: &str = "Notes";
    pub const FOR_AUTHOR: &str = "For its author: ";
    pub const NOT_RUN: &str = "This image is not run here: ";
    pub const NOT_PASSED: &str = "What was not passed as sent";
    pub const IGNORED: &str = " is no argument of this image and was ignored";
    pub const BECAME: &str = " became ";

    /// What the script says, by the names it knows.
    pub const SCRIPT: &[(&str, &str)] = &[
        ("running", "Running"),
        ("starting", "Starting…"),
        ("done", "Done"),
        ("failed", "It failed with exit status "),
        ("killed", "It was killed; often this means that it used too much memory"),
        ("deadline", "It did not finish in time and was ended"),
        ("output-limit", "Its output was cut at the limit"),
        ("cancelled", "Cancelled"),
        ("lost", "The connection was lost before the end"),
        ("nothing", "It printed nothing."),
        ("copied", "Copied"),
        ("save", "Save the output"),
        ("copy", "Copy"),
        ("link", "Link to this form, filled in"),
        ("messages", "Messages"),
        ("rows", " rows; the first are shown"),
        ("picture", "The picture that the container made"),
        ("ignored", " is no argument of this image and was ignored"),
        ("became", " became "),
    ];
}

/// The page of a problem.
pub mod problem {
    #![allow(missing_docs)]
    pub const STATUS: &str = "Status ";
    pub const REQUEST: &str = " · request ";
}
