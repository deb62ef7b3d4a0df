//! Drawing members so that different failure domains come first.
//!
//! The members of a domain stand side by side on the line. A draw closes all of its domain; when
//! every domain is closed a round is over, and what was not drawn in it is open again. So the first
//! member is drawn from all, each with the chance of its part, and every other from the domains
//! that the answer has least of.
//!
//! The places of one domain are drawn among its members with equal chances for equal parts: over
//! many answers each of them appears equally often. A domain of few members appears as often as one
//! of many, as far as it has members: its members appear more often, but not more often first.

use std::ops::Range;

use crate::snapshot::drawing::{Gaps, Line};
use crate::snapshot::rotation::Draw;

/// Which members share a domain.
#[derive(Debug, PartialEq, Eq)]
pub struct Domains {
    /// Of each member.
    of: Box<[u16]>,
    /// Where the members of each domain end.
    ends: Box<[u16]>,
}

impl Domains {
    /// `numbers` has one for each member, ascending. `None` when the order cannot matter: there is
    /// one domain, or none has two members.
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

    /// On the line.
    fn range(&self, line: &Line, member: usize) -> (u32, u32) {
        let domain = self.of.get(member).copied().unwrap_or_default();
        let members = self.members(usize::from(domain));
        (line.range(members.start).0, line.range(members.end.saturating_sub(1)).1)
    }
}

/// Who is left to draw, with the domains that are closed.
#[derive(Debug)]
pub struct Spread<'l, const MOST: usize> {
    line: &'l Line,
    domains: &'l Domains,
    /// Members.
    drawn: Gaps<MOST>,
    /// Domains of this round, and members that were drawn before it.
    closed: Gaps<MOST>,
}

impl<'l, const MOST: usize> Spread<'l, MOST> {
    /// Nobody drawn yet; at most `MOST` may be.
    pub fn new(line: &'l Line, domains: &'l Domains) -> Spread<'l, MOST> {
        Spread { line, domains, drawn: Gaps::none(), closed: Gaps::none() }
    }

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
