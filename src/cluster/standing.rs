//! The state of a member by its health, and its standing in the answers.

/// The health of one member under one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No result yet. `last` is the prior standing, from an earlier run or configuration.
    Unknown {
        last: Option<Standing>,
    },
    Up,
    /// Up, with `count` of the `of` failures that make it down.
    Falling {
        count: u32,
        of: u32,
    },
    Down,
    /// Down, with `count` of the `of` successes in a row that make it up.
    Rising {
        count: u32,
        of: u32,
    },
}

/// Whether a member is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    Serving,
    Out,
}

impl Standing {
    pub fn other(self) -> Standing {
        match self {
            Standing::Serving => Standing::Out,
            Standing::Out => Standing::Serving,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Serving => "serving",
            Standing::Out => "out",
        }
    }
}

impl State {
    /// The standing that follows. A member without a result serves: a start must not empty the
    /// answers.
    pub fn standing(self) -> Standing {
        match self {
            State::Unknown { last } => last.unwrap_or(Standing::Serving),
            State::Up | State::Falling { .. } => Standing::Serving,
            State::Down | State::Rising { .. } => Standing::Out,
        }
    }

    /// Whether answers have their full TTL in this state. False if the next results may change the
    /// standing. An unknown state is no reason to shorten the TTL.
    pub fn is_stable(self) -> bool {
        match self {
            State::Up | State::Unknown { .. } => true,
            State::Falling { .. } | State::Down | State::Rising { .. } => false,
        }
    }

    /// One word for API, page and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Unknown { .. } => "unknown",
            State::Up => "up",
            State::Falling { .. } => "falling",
            State::Down => "down",
            State::Rising { .. } => "rising",
        }
    }
}
