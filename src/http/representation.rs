//! In which form an answer is wanted: decided once, when a request comes in, from its `Accept` alone.
//!
//! RFC 9110 §12.5.1. What says nothing, or accepts everything, gets what programs get: JSON, or what a run prints.

use super::accept::quality;

/// The media type of [`Representation::Envelope`].
pub const ENVELOPE: &str = "application/vnd.singularity-run+json";
/// The media type of [`Representation::Events`].
pub const EVENTS: &str = "text/event-stream";

/// The forms of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Representation {
    /// For programs: JSON; of a run, stdout itself.
    #[default]
    Raw,
    /// Of a run: what ran and what came of it, as JSON. Of anything else, JSON.
    Envelope,
    /// Of a run: while it happens. Of anything else, JSON.
    Events,
    /// A page for people.
    Page,
}

impl Representation {
    /// What an `Accept` field prefers; on a tie JSON, then a page.
    pub fn of(accept: Option<&str>) -> Representation {
        // text is what a run may print; where it is not named, JSON stands for all that programs get
        let named = accept.is_some_and(|accept| accept.to_ascii_lowercase().contains("text/plain"));
        let text = if named { quality(accept, "text/plain") } else { 0 };
        let raw = quality(accept, "application/json").max(text);
        let offers = [
            (raw, Representation::Raw),
            (quality(accept, "text/html"), Representation::Page),
            (quality(accept, ENVELOPE), Representation::Envelope),
            (quality(accept, EVENTS), Representation::Events),
        ];
        let better =
            |best: (u16, Representation), offer: (u16, Representation)| if offer.0 > best.0 { offer } else { best };
        offers.into_iter().fold((0, Representation::Raw), better).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_accept_prefers() {
        for (accept, expected) in [
            ("", Representation::Raw),
            ("*/*", Representation::Raw),
            ("application/json", Representation::Raw),
            ("text/plain", Representation::Raw),
            ("application/vnd.singularity-run+json", Representation::Envelope),
            ("text/event-stream", Representation::Events),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Representation::Page),
            ("image/avif,image/svg+xml,image/*;q=0.8,*/*;q=0.5", Representation::Raw),
            ("image/svg+xml", Representation::Raw),
            ("audio/ogg", Representation::Raw),
            ("text/html;q=0.5, text/plain", Representation::Raw),
            ("application/json;q=0, */*;q=0.1", Representation::Page),
            ("Text/Plain, text/html;q=0.9", Representation::Raw),
            ("text/html;q=0, text/*", Representation::Events),
        ] {
            assert_eq!(Representation::of(Some(accept)), expected, "{accept}");
        }
        assert_eq!(Representation::of(None), Representation::Raw);
    }
}
