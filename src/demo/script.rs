//! What a story is written in: people, beats, and what has to come of each.

/// A story.
#[derive(Debug, Clone)]
pub struct Story {
    /// When it begins, a little before its first beat.
    pub begins: &'static str,
    /// The repository where it plays.
    pub repository: &'static str,
    /// Who pays for support.
    pub partners: Vec<Role>,
    /// Who gives it.
    pub agents: &'static [&'static str],
    /// What happens, in order of time.
    pub beats: Vec<Beat>,
    /// What it comes to.
    pub comes_to: Tally,
}

/// A partner with the one member who speaks for it.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    /// The partner's id.
    pub id: &'static str,
    /// The partner's name.
    pub name: &'static str,
    /// The id of its tier when the story begins.
    pub tier: &'static str,
    /// The member's login.
    pub member: &'static str,
}

/// One moment of a story.
#[derive(Debug, Clone)]
pub struct Beat {
    /// When.
    pub at: &'static str,
    /// Told before it, if a new scene begins.
    pub scene: Option<&'static str>,
    /// What happens.
    pub act: Act,
    /// Everything that the desk has to make of it; what stands here does happen, and nothing else does.
    pub expect: Vec<Expect>,
    /// Told where nothing comes of it.
    pub quiet: &'static str,
}

/// What happens in a beat. Tickets have names of the story's own, whatever numbers they get.
#[derive(Debug, Clone)]
pub enum Act {
    /// Somebody opens an issue.
    Opens {
        /// Login.
        who: &'static str,
        /// The story's name for it.
        ticket: &'static str,
        /// Its title.
        title: &'static str,
        /// Its text.
        text: &'static str,
    },
    /// Somebody comments.
    Says {
        /// Login.
        who: &'static str,
        /// Where.
        ticket: &'static str,
        /// The comment.
        text: &'static str,
    },
    /// Somebody comments, and the webhook that would tell the desk gets stuck on its way.
    SaysUnheard {
        /// Login.
        who: &'static str,
        /// Where.
        ticket: &'static str,
        /// The comment.
        text: &'static str,
    },
    /// What was stuck arrives.
    StuckArrives,
    /// An operator gives a partner another tier, from now on.
    Moves {
        /// The partner's id.
        partner: &'static str,
        /// The id of the new tier.
        tier: &'static str,
    },
    /// Nobody does anything, and that is what it is about: told in these words, `{}` being the ticket.
    Passes {
        /// Which ticket.
        ticket: &'static str,
        /// In words.
        words: &'static str,
    },
}

/// Something that has to be so after a beat.
#[derive(Debug, Clone, Copy)]
pub enum Expect {
    /// The ticket's labels are these, in any order.
    Labels(&'static str, &'static [&'static str]),
    /// The desk's status comment has this in it.
    Comment(&'static str, &'static str),
    /// The desk has posted one more comment, with this in it.
    Posted(&'static str, &'static str),
    /// The desk wrote nothing on the issue, neither now nor before.
    LeftAlone(&'static str),
    /// The chat got a message about the ticket with this in it.
    Ping(&'static str, &'static str),
    /// The desk told nothing new on the issue.
    NothingNew(&'static str),
}

/// What a story comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Tally {
    pub issues: usize,
    pub admitted: usize,
    pub waited: usize,
    pub met: usize,
    pub breached: usize,
    pub left_alone: usize,
    pub pings: usize,
}

impl Beat {
    pub(super) const fn at(at: &'static str, act: Act) -> Self {
        Self { at, scene: None, act, expect: Vec::new(), quiet: "Nothing changes." }
    }

    pub(super) const fn scene(mut self, words: &'static str) -> Self {
        self.scene = Some(words);
        self
    }

    pub(super) const fn quiet(mut self, words: &'static str) -> Self {
        self.quiet = words;
        self
    }

    pub(super) fn then(mut self, expect: impl IntoIterator<Item = Expect>) -> Self {
        self.expect.extend(expect);
        self
    }
}
