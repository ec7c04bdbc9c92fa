//! The table of problems: everything that an answer can be instead of what was asked for.
//!
//! Each [`Code`] has a row: the word that programs compare, the HTTP status (RFC 9110), a title (RFC 9457 §3.1.4: the same
//! each time), and what it means, for the page that its `type` leads to. A row is all there is to say of a problem in
//! general; what happened this time stands in the answer's `detail`. Words never change.

use std::fmt;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemRow {
    /// The word for programs: the last part of `type`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// A short summary.
    pub title: &'static str,
    /// What it means and what can be done, in general.
    pub about: &'static str,
}

macro_rules! problems {
    ($($(#[$meta:meta])* $code:ident $status:literal $text:literal $title:literal $about:literal)*) => {
        /// A kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the table says what each means")]
        pub enum Code { $($(#[$meta])* $code),* }

        impl Code {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$code),*];

            /// What there is to say of it.
            pub const fn row(self) -> ProblemRow {
                match self {
                    $(Code::$code => ProblemRow { code: $text, status: $status, title: $title, about: $about }),*
                }
            }
        }
    };
}

problems! {
    BadRequest 400 "bad-request" "The request cannot be understood"
        "The request is malformed. For example, a length is not a number, or `Host` holds several names."
    BadArguments 400 "bad-arguments" "Some arguments cannot be used"
        "`errors` lists each of them and says what to write instead. Nothing has run."
    TooManyParameters 400 "too-many-parameters" "There are too many parameters"
        "Send only the arguments that the image declares, each once."
    NotJson 400 "not-json" "The content is not JSON"
        "Send one JSON object whose members are the arguments. `detail` says where the mistake is."
    NotAnObject 400 "not-an-object" "The content is JSON, but not an object"
        "Send one JSON object whose members are the arguments."
    QueryBesideContent 400 "query-beside-content" "The address has a query beside the content"
        "A POST has its arguments in its content. Leave the query out of the address. Nothing has run."
    BadPage 400 "bad-page" "The list has no such page"
        "Send `page` as a whole number, or leave it out."
    UnknownVersion 400 "unknown-version" "There is no document of that version"
        "Send `version` as 3.1 or 3.0, or leave it out."
    ContentIncomplete 400 "content-incomplete" "The content ended too early"
        "The connection ended before the announced length of the content was reached. Send the content again."
    NotSignedIn 401 "not-signed-in" "Only who is signed in may do this"
        "The image may be looked at, but what was asked for is allowed to named people or programs only. Sign in, or send a token in `Authorization: Bearer`. Nothing has run."
    WrongToken 401 "wrong-token" "The token is not valid"
        "The token in `Authorization: Bearer` is unknown, was removed, or has expired. The site's owner can make another one (`singularity-nginx token add`)."
    NotAllowed 403 "not-allowed" "You may not do this"
        "The image may be looked at, but no rule of the site lets you do what was asked for. Its owner can add one (`[[rules]]`). Nothing has run."
    IdentityRefused 403 "identity-refused" "It cannot be believed who you are"
        "The web server says who you are, and the application cannot believe it. The site's owner finds the reason in the log. Nothing has run."
    UnprovenOrigin 403 "unproven-origin" "It is not known which page asked for this"
        "A browser signs you in with each request, whichever page asks for it. So a run needs a sign that a page of this site asked for it: `Origin`, `Sec-Fetch-Site`, or a token of your own instead of the browser's sign-in. Nothing has run."
    CrossSite 403 "cross-site" "A page of another site may not do this"
        "A script or a form of another site asked for a run. The site's owner can allow its origin (`allow_origins`)."
    Embedded 403 "embedded" "A run cannot be a part of a page"
        "No page can embed a run as a picture, a frame or a script, and no browser may prefetch one. Link to the image's page instead."
    NotTrusted 403 "not-trusted" "The image is not run, because others can change it"
        "Somebody other than its owner can change the image or a folder above it. The site's owner can remove that right."
    NotOffered 403 "not-offered" "The image is not offered as a file"
        "The site's owner can offer it (`download`)."
    NoSuchAddress 404 "no-such-address" "Nothing is at this address"
        "The list of all images, and the links on their pages, lead to every address."
    NoSuchImage 404 "no-such-image" "There is no such image"
        "The image may have been renamed or removed. Each request reads the data folder again."
    NoSuchApp 404 "no-such-app" "The image has no such app"
        "The image's page lists its apps."
    MethodNotAllowed 405 "method-not-allowed" "This address does not accept that method"
        "`Allow` names the methods that it accepts."
    LengthRequired 411 "length-required" "The content has no length"
        "Send `Content-Length`. Chunked content is not accepted."
    ContentTooLarge 413 "content-too-large" "The content is too large"
        "Send at most 64 KiB of arguments."
    QueryTooLong 414 "query-too-long" "The query is too long"
        "Send at most 8 KiB in the address. Send longer arguments by POST."
    UnknownContent 415 "unknown-content" "The content has a type that is not accepted"
        "Send the arguments as application/x-www-form-urlencoded or as an application/json object."
    UnknownHost 421 "unknown-host" "This server does not answer for that host"
        "Use the address that the site's owner gave you."
    UnreadableImage 422 "unreadable-image" "The image cannot be read"
        "The file is damaged or of an unsupported kind. `detail` says which part and why."
    NotRunHere 422 "not-run-here" "This image is not run here"
        "You can look at the image, but it is not run: it is encrypted, or there is nothing in it to run, or its kind is not run here. `detail` says why."
    TooManyRequests 429 "too-many-requests" "Too many requests came from your address"
        "The web server limits how many requests of one address may be in progress, and how many may begin in a second. Wait for `Retry-After` seconds, then try again."
    VisitorBusy 429 "visitor-busy" "Too much at once from your address"
        "One address may have only a limited number of runs, and of answers of runs, at the same time. Everybody who shares your address counts."
    TooManyRuns 429 "too-many-runs" "You have begun too many runs"
        "One visitor may begin only a limited number of runs in a minute (`runs_a_minute`). Wait for `Retry-After` seconds, then try again."
    FieldTooLarge 431 "field-too-large" "A header field is too large"
        "Send at most 8 KiB in each header field."
    Internal 500 "internal" "Something went wrong here"
        "This program has a fault. The site's log has the reason under the request's id (`instance`)."
    ImageUnavailable 500 "image-unavailable" "The image could not be opened"
        "The file exists, but the system could not open it. Try again later."
    ContainerFailed 502 "container-failed" "The container failed"
        "The container ended with an exit status other than 0. `stdout` and `stderr` hold the end of what it wrote. The image's author can tell you more."
    ContainerKilled 502 "container-killed" "The container was killed"
        "A signal ended the container. Often it comes from the kernel, because the container used too much memory."
    RuntimeFailed 502 "runtime-failed" "The container runtime could not run the image"
        "The container runtime failed before or while it started the image. `stderr` holds its message."
    OutputLimit 502 "output-limit" "The output is longer than this site keeps"
        "The run was ended when its output reached the site's limit (`output_limit`). `stdout` holds the beginning. Ask for less."
    Unreachable 502 "unreachable" "The application cannot be reached"
        "The web server has no connection to the application, or lost it before the answer came. A run that had begun is ended. Try again later."
    RunLost 502 "run-lost" "The run was lost"
        "Something outside this program ended the run's supervisor. Try again."
    Busy 503 "busy" "All slots are busy"
        "The site already runs as many containers as it allows. Try again after `Retry-After` seconds."
    Crowded 503 "crowded" "Too many answers are being sent"
        "The server is already sending as many answers of runs as it can. Try again after `Retry-After` seconds."
    Audit 503 "audit" "Nothing is run, because it could not be written down"
        "This site writes down every run (`audit`), and refuses runs while it cannot (`strict`). The site's log has the reason."
    NoRoom 503 "no-room" "There is no room for the answer"
        "The answer is long, and the server has no room to keep it while you read it. Try again, or ask for less."
    Replaced 503 "replaced" "The image has just been replaced"
        "The image was replaced by another file during your request. Check its arguments, then ask again."
    Isolation 503 "isolation" "Nothing is run, because containers might not be isolated"
        "Either this host cannot isolate containers as the site requires, or that is not known yet. `singularity-nginx doctor` tells the site's owner more."
    TokensUnknown 503 "tokens-unknown" "Tokens cannot be checked"
        "The site's tokens cannot be read, so no program is let in by one. The site's log has the reason."
    NoRuntime 503 "no-runtime" "The container runtime cannot be used"
        "It is missing or does not work. `singularity-nginx doctor` tells the site's owner why."
    CannotStart 503 "cannot-start" "Nothing can be run right now"
        "The server has run out of processes, memory or descriptors, or it cannot use its state folder. The site's log has the reason."
    DataFolder 503 "data-folder" "The data folder cannot be read"
        "The folder with the images is missing, or this program may not read it. The site's log has the reason."
    Cancelled 503 "cancelled" "The run was ended"
        "Nobody was waiting for it any more, or the server was stopped."
    Deadline 504 "deadline" "The run did not finish in time"
        "The run reached the site's deadline and was ended. Ask for less work."
    NoAnswer 504 "no-answer" "The application did not answer in time"
        "The web server waits only so long for the application. A run that had begun is ended. Ask for less work, or try again later."
}

impl Code {
    /// The code of a word.
    pub fn parse(word: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.row().code == word)
    }
}

impl fmt::Display for Code {
    /// Its word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn words_are_unique_and_lead_back() {
        let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.row().code).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            let row = code.row();
            assert_eq!(Code::parse(row.code), Some(*code));
            assert!(row.code.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", row.code);
            assert!((400..600).contains(&row.status), "{}", row.code);
            assert!(!row.title.ends_with('.') && row.about.ends_with('.'), "{}", row.code);
        }
        assert_eq!(Code::parse("nothing"), None);
    }
}
