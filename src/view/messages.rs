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
/// The link to where people sign in.
pub const SIGN_IN: &str = "Sign in";
/// Whose name follows.
pub const SIGNED_IN: &str = "Signed in as ";
/// In the place of what a container goes on to print on stderr while it is watched.
pub const STDERR_CUT: &str = "\n[more was printed. Live output ends here.]\n";

/// The home page.
pub mod home {
    #![allow(missing_docs)]
    pub const SEARCH: &str = "Search";
    pub const SURPRISE: &str = "Surprise me";
    pub const NONE_TITLE: &str = "There is no image here yet";
    pub const NONE_HERE: &str = "There is no image in this folder.";
    pub const FOLDERS: &str = "Folders";
    pub const NONE: &str = "Copy an image into the data folder. It appears at the next request.";
    pub const DEMOS: &str = "To start with demo images, call in a clone of Singularity Nginx:";
    pub const NO_ARGUMENTS: &str = "takes no arguments";
    pub const UNREADABLE: &str = "Cannot be read.";
    pub const REFUSED: &str = "Is not run here:";
    pub const PAGE: &str = "Page ";
    pub const PAGES: &str = "Pages";
    pub const PREVIOUS: &str = "← Previous";
    pub const NEXT: &str = "Next →";

    /// `and 3 more`
    pub fn more(count: usize) -> String {
        format!("and {count} more")
    }

    /// `12 images`, `1 image with “x” in the name`
    pub fn count(total: usize, query: &str) -> String {
        let images = if total == 1 { "image" } else { "images" };
        match (query, total) {
            ("", _) => format!("{total} {images}"),
            (_, 0) => format!("No image has “{query}” in its name"),
            _ => format!("{total} {images} with “{query}” in the name"),
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
    pub const CORRECT: &str = "Some values cannot be used. The text beside each of them says what to do.";
    pub const REQUIRED: &str = " (required)";
    pub const CHOOSE: &str = "Choose…";
    pub const LEFT_OUT: &str = "— leave it out";
    pub const DEFAULT: &str = "default ";
    pub const DEFAULTED: &str = " (default)";
    pub const EXAMPLE: &str = "e.g. ";
    pub const STR: &str = "one word";
    pub const INT: &str = "whole number";
    pub const FLOAT: &str = "number";
    pub const LINK: &str = "Link to this form, filled in";
    pub const SAVE: &str = "Save the output";
    pub const COMMAND: &str = "This runs";
    pub const NOT_YET: &str = "Values that cannot be used are left out here. Nothing runs yet.";
    pub const RESULT: &str = "Result";
    pub const OUTPUT: &str = "Output";
    pub const MESSAGES: &str = "Messages";
    pub const NOTHING: &str = "It printed nothing.";
    pub const PICTURE: &str = "The picture that the container made";
    pub const CUT: &str = "cut at the limit";
    pub const MORE: &str = "This is only the beginning. Ask for text/plain to get the whole output.";
    pub const USE: &str = "Use it from";
    pub const DESCRIBED: &str = "Described for programs: ";
    pub const SITE_HINT: &str = "SITE is the address of this server.";
    pub const LABELS: &str = "Labels";
    pub const LABEL: &str = "Label";
    pub const VALUE: &str = "Value";
    pub const FILTER: &str = "Filter the labels";
    pub const AS_JSON: &str = "As JSON: ";
    pub const APPS: &str = "Apps";
    pub const RUNSCRIPT: &str = "Runscript";
    pub const DEFINITION: &str = "Definition file";
    pub const DOWNLOAD_TITLE: &str = "The image itself";
    pub const PROGRESS: &str = "Progress";
    pub const DOWNLOAD: &str = "Download the image";
    pub const CHECKSUM: &str = "To compare after the download:";
    pub const NOTES: &str = "Notes";
    pub const FOR_AUTHOR: &str = "For its author: ";
    pub const NOT_RUN: &str = "This image is not run here: ";
    pub const MAY_NOT_RUN: &str = "You may look at this image, but not run it. ";
    pub const YOU_MAY: &str = "You may: ";
    pub const ONLY_APPS: &str = "Of this image, only its apps can be run.";
    pub const LED_HERE: &str =
        "Nothing has run yet, because another site led here. Look at the values, then press Run.";
    pub const NOT_PASSED: &str = "Changed or ignored values";
    pub const IGNORED: &str = " was ignored: it is not an argument of this image, or one that no address may hold";
    pub const BECAME: &str = " became ";

    /// What the script says, by the names it knows.
    pub const SCRIPT: &[(&str, &str)] = &[
        ("running", "Running"),
        ("starting", "Starting…"),
        ("again", "Run again"),
        ("binary", "This output is not text. Save it to look at it."),
        ("done", "Done"),
        ("cancelled", "Cancelled"),
        ("lost", "The connection was lost before the end"),
        ("nothing", NOTHING),
        ("copied", "Copied"),
        ("output", OUTPUT),
        ("save", SAVE),
        ("copy", "Copy"),
        ("messages", MESSAGES),
        ("rows", " rows. Only the first are shown"),
        ("picture", PICTURE),
    ];
}

/// An image for another processor than the server's.
pub fn elsewhere(image: &str, server: &str) -> String {
    format!("It is made for {image}, but this server is {server}. It may not run here.")
}

/// `1 to 150`, `at least 1`, `at most 150`
pub fn bounds(minimum: Option<String>, maximum: Option<String>) -> Option<String> {
    match (minimum, maximum) {
        (Some(minimum), Some(maximum)) => Some(format!("{minimum} to {maximum}")),
        (Some(minimum), None) => Some(format!("at least {minimum}")),
        (None, Some(maximum)) => Some(format!("at most {maximum}")),
        (None, None) => None,
    }
}

/// The page about the addresses, for people who write programs.
pub mod api {
    #![allow(missing_docs)]
    pub const TITLE: &str = "For programs";
    pub const INTRODUCTION: &str = "Every page here is JSON, too: send `Accept: application/json`, or nothing special. \
         The page of an image has its calls in several languages, ready to copy.";
    pub const DOCUMENTS: &str = "Documents";
    pub const NEWER: &str = "OpenAPI 3.1 of all images";
    pub const OLDER: &str = "OpenAPI 3.0, for tools that read no other";
    pub const OF_ONE: &str = "Each image has a document of its own. Its page links to it.";
    pub const ADDRESSES: &str = "Addresses";
    pub const ADDRESS: &str = "Address";
    pub const METHODS: &str = "Methods";
    pub const WHAT: &str = "What is there";
    pub const ANSWERS: &str = "What a run answers";
    pub const ACCEPT: &str = "Accept";
    pub const ANSWER: &str = "Answer";
    /// `Accept` and what comes.
    pub const FORMS: [(&str, &str); 4] = [
        ("*/*", "the output itself, with the type that the author declares; else JSON, text or bytes, as it is"),
        (
            "application/vnd.singularity-run+json",
            "an envelope: command, exit code, stdout, stderr, time; also of a run that failed",
        ),
        ("text/event-stream", "the output while it is printed: events `command`, `stdout`, `stderr`, `exit`"),
        ("text/html", "a page"),
    ];
    pub const STATUSES: &str = "Statuses";
    pub const GOOD: &str = "200 is a good answer. Everything else that can happen has a status and a word, the last part of `type`. \
         `detail` says what happened and what to do next.";
    pub const STATUS: &str = "Status";
    pub const WORD: &str = "Word";
    pub const MEANING: &str = "Meaning";
    pub const CALL_TITLE: &str = "Try a call";
    pub const CALL: &str = "Call";
    pub const CALL_HINT: &str = "An address of a run runs the image.";
}

/// The page of a problem.
pub mod problem {
    #![allow(missing_docs)]
    pub const STATUS: &str = "Status ";
    pub const REQUEST: &str = " · request ";
}
