//! The one writer: events → state → answers, in one task.
//!
//! | file | does or decides |
//! |---|---|
//! | [`event`] | everything that can change something |
//! | [`writer`] | does: takes events in, publishes snapshots and status |
//! | [`state`] | decides: what an event changes |
//! | [`answers`] | decides: who is answered |
//! | [`charge`] | decides: which tier of a pool stays in charge |
//! | [`watched`] | decides: one target's part of it |
//! | [`checks`] | decides: one verdict of a member's checks |
//! | [`member`] | decides: a member's standing, by its verdicts and the operator |
//! | [`moves`] | decides: which changes of standing clients feel |
//! | [`damping`] | decides: how long a member that falls often is held out |
//! | [`slow_start`] | decides: what part of the answers a member has that returned |
//! | [`load`] | decides: which part a member takes that says how loaded it is |
//! | [`suspicion`], [`common`] | decides: whether most members failed, or the one who probes |
//! | [`controls`] | decides: when the control targets are probed, and what they say |
//! | [`roster`] | decides: which targets there are, over a reload |
//! | [`request`] | decides: what an operator asks for, or every fault of it |
//! | [`push`] | decides: what is reported of a member, and to which check |
//! | [`orders`] | decides: what the operator's orders make of the members |
//! | [`store`] | does: what a restart remembers |
//! | [`overrides`], [`recorder`] | does: the operator's orders on the disk, before they count |
//! | [`report`], [`member_report`], [`explain`] | decides: what is told, and in which words |
//! | [`board`] | decides: which part of it is brought up to date, and when |
//! | [`journal`] | what happened, for log, page and hooks |
//! | [`turns`] | changes of standing, on their way to the hooks |
//! | [`pulse`] | whether verdicts are made |
//! | [`troubles`] | what is wrong with the server's own files |
//! | [`loaded`] | a configuration made ready to serve |

pub mod answers;
pub mod board;
pub mod charge;
pub mod checks;
pub mod common;
pub mod controls;
pub mod damping;
pub mod event;
pub mod explain;
pub mod journal;
pub mod load;
pub mod loaded;
pub mod member;
pub mod member_report;
pub mod moves;
pub mod orders;
pub mod overrides;
pub mod pulse;
pub mod push;
pub mod recorder;
pub mod report;
pub mod request;
pub mod roster;
pub mod slow_start;
pub mod state;
pub mod status;
pub mod store;
pub mod suspicion;
pub mod troubles;
pub mod turns;
pub mod watched;
pub mod writer;
