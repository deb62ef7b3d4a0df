//! Draws members so that different failure domains come first.
//!
//! The members of a domain are neighbours on the [`PartLine`]. Drawing a member closes its domain:
//! no other member of it is drawn in this round. When every domain is closed, the next round
//! begins, in which all members that are not drawn yet can be drawn. So the first member is drawn
//! from all members, each with the chance of its part, and every other member from the domains with
//! the fewest members in the answer.
//!
//! Within a domain, members with equal parts have equal chances: over many answers each appears
//! equally often. A small domain appears as often as a large one, as far as it has members: its
//! members appear more often, but not more often in the first place.

use std::ops::Range;

use crate::snapshot::drawing::{Gaps, PartLine};
use crate::snapshot::rotation::Draw;

/// The domains of all members.
#[derive(Debug, PartialEq, Eq)]
pub struct Domains {
    /// The domain of each member.
    of: Box<[u16]>,
    /// The end of each domain's members.
    ends: Box<[u16]>,
}

impl Domains {
    /// `numbers` has the domain of each member, ascending. `None` when domains make no difference:
    /// there is one domain, or none has two members.
    pub fn new(numbers: &[u32]) -> Option<Domains> {
        let runs: Vec<usize> = numbers.chunk_by(|a, b| a == b).map(<[u32]>::len).collect();
        if runs.len() < 2 || runs.len() == numbers.len() {
            return None;
        }
        let of = runs.iter().zip(0u16..).flat_map(|(len, domain)| vec![domain; *len]).collect();
        let mut end = 0;
        let end = |len: &usize| {
            end += *len as u16;
            end
        };
        Some(Domains { of, ends: runs.iter().map(end).collect() })
    }

    /// The members of each domain.
    pub fn iter(&self) -> impl Iterator<Item = Range<usize>> {
        (0..self.ends.len()).map(|domain| self.members(domain))
    }

    fn members(&self, domain: usize) -> Range<usize> {
        let end = |domain: usize| self.ends.get(domain).copied().map(usize::from);
        let start = domain.checked_sub(1).and_then(end).unwrap_or_default();
        start..end(domain).unwrap_or(start)
    }

    /// The range on the line of the domain of `member`.
    fn range(&self, line: &PartLine, member: usize) -> (u32, u32) {
        let domain = self.of.get(member).copied().unwrap_or_default();
        let members = self.members(usize::from(domain));
        (line.range(members.start).0, line.range(members.end.saturating_sub(1)).1)
    }
}

/// The members that are not drawn yet, and the closed domains.
#[derive(Debug)]
pub struct SpreadDraw<'l, const MOST: usize> {
    line: &'l PartLine,
    domains: &'l Domains,
    /// Ranges of drawn members.
    drawn: Gaps<MOST>,
    /// Ranges of the domains closed in this round, and of the members drawn before it.
    closed: Gaps<MOST>,
}

impl<'l, const MOST: usize> SpreadDraw<'l, MOST> {
    /// All members, for at most `MOST` draws.
    pub fn new(line: &'l PartLine, domains: &'l Domains) -> SpreadDraw<'l, MOST> {
        SpreadDraw { line, domains, drawn: Gaps::none(), closed: Gaps::none() }
    }

    /// Draws the next member, and closes its domain. Must not be called when all are drawn.
    pub fn next(&mut self, draw: &mut Draw) -> usize {
        if self.closed.taken() >= self.line.len() {
            self.closed.copy(&self.drawn);
        }
        let left = self.line.len().saturating_sub(self.closed.taken());
        let (point, _) = self.closed.find(draw.below(left));
        let member = self.line.member(point);
        let range = self.line.range(member);
        self.drawn.insert(self.drawn.before(range.0), range);
        self.closed.cover(self.domains.range(self.line, member));
        member
    }
}
