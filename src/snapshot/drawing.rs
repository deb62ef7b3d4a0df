//! Draws members without replacement; each member has a part of the chances.
//!
//! The members are laid on a line, each as long as its part, so a random point of the line is a
//! member. Ranges of drawn members are skipped. A draw takes time proportional to the number of
//! members drawn before, plus a binary search when parts differ, however many members there are.

/// The parts of all members, laid on a line.
#[derive(Debug, PartialEq, Eq)]
pub struct PartLine {
    /// The end of each member's range. Empty when all parts are equal: then each range has length
    /// 1.
    ends: Box<[u32]>,
    len: u32,
}

impl PartLine {
    /// Each part is at least 1. Their sum fits into 32 bits: 10,000 members of at most 10,000.
    pub fn new(parts: &[u32]) -> PartLine {
        if parts.iter().all(|part| parts.first() == Some(part)) {
            return PartLine { ends: [].into(), len: parts.len() as u32 };
        }
        let mut len = 0u32;
        let end = |part: &u32| {
            len = len.saturating_add((*part).max(1));
            len
        };
        PartLine { ends: parts.iter().map(end).collect(), len }
    }

    /// Whether all parts are equal.
    #[inline]
    pub fn is_even(&self) -> bool {
        self.ends.is_empty()
    }

    /// All members, for at most `MOST` draws.
    pub fn all<const MOST: usize>(&self) -> Remaining<'_, MOST> {
        Remaining { line: self, drawn: Gaps::none() }
    }

    /// The sum of all parts.
    pub fn len(&self) -> u32 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The member at `point`.
    pub fn member(&self, point: u32) -> usize {
        if self.is_even() { point as usize } else { self.ends.partition_point(|end| *end <= point) }
    }

    /// Start and end of a member's range.
    pub fn range(&self, member: usize) -> (u32, u32) {
        let end = |index: usize| self.ends.get(index).copied();
        match (member.checked_sub(1).map_or(Some(0), end), end(member)) {
            (Some(start), Some(end)) => (start, end),
            _ => (member as u32, member as u32 + 1),
        }
    }
}

/// Ranges that are taken out of a line.
#[derive(Debug)]
pub struct Gaps<const MOST: usize> {
    /// Ranges of the line, ascending.
    ranges: [(u32, u32); MOST],
    count: usize,
    len: u32,
}

impl<const MOST: usize> Gaps<MOST> {
    /// No ranges.
    #[inline]
    pub fn none() -> Gaps<MOST> {
        Gaps { ranges: [(0, 0); MOST], count: 0, len: 0 }
    }

    /// The total length of the ranges.
    pub fn taken(&self) -> u32 {
        self.len
    }

    /// Finds the point of the whole line that is at `point` of the line without the ranges. Returns
    /// it, and the number of ranges before it.
    #[inline]
    pub fn find(&self, mut point: u32) -> (u32, usize) {
        let mut at = 0;
        for (start, end) in self.ranges.iter().take(self.count) {
            if point < *start {
                break;
            }
            point += end - start;
            at += 1;
        }
        (point, at)
    }

    /// Adds a range that is behind the first `at` ranges.
    #[inline]
    pub fn insert(&mut self, at: usize, range: (u32, u32)) {
        // The ranges behind `at` move by one place.
        let mut held = range;
        for place in self.ranges.iter_mut().take(self.count + 1).skip(at) {
            std::mem::swap(place, &mut held);
        }
        self.count += 1;
        self.len += range.1 - range.0;
    }

    /// Adds a range, and removes the ranges inside it. No range may be partly inside.
    pub fn cover(&mut self, range: (u32, u32)) {
        let mut kept = 0;
        let mut before = 0;
        for index in 0..self.count {
            let Some(&(start, end)) = self.ranges.get(index) else { break };
            if range.0 <= start && end <= range.1 {
                self.len -= end - start;
                continue;
            }
            before += usize::from(end <= range.0);
            if let Some(to) = self.ranges.get_mut(kept) {
                *to = (start, end);
            }
            kept += 1;
        }
        self.count = kept;
        self.insert(before, range);
    }

    /// Copies the ranges of `other`.
    pub fn copy(&mut self, other: &Gaps<MOST>) {
        for (to, from) in self.ranges.iter_mut().zip(&other.ranges).take(other.count) {
            *to = *from;
        }
        (self.count, self.len) = (other.count, other.len);
    }

    /// The number of ranges before a point of the line.
    pub fn before(&self, point: u32) -> usize {
        self.ranges.iter().take(self.count).take_while(|(_, end)| *end <= point).count()
    }
}

/// The members that are not drawn yet.
#[derive(Debug)]
pub struct Remaining<'l, const MOST: usize> {
    line: &'l PartLine,
    drawn: Gaps<MOST>,
}

impl<const MOST: usize> Remaining<'_, MOST> {
    pub fn len(&self) -> u32 {
        self.line.len.saturating_sub(self.drawn.len)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Draws the member at `point` of the line without the drawn members. `point` must be below
    /// [`Remaining::len`].
    #[inline]
    pub fn take(&mut self, point: u32) -> usize {
        let (point, at) = self.drawn.find(point);
        let member = self.line.member(point);
        self.drawn.insert(at, self.line.range(member));
        member
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::rotation::Draw;

    #[test]
    fn everyone_is_drawn_once() {
        for parts in [vec![1; 256], (1..=256).collect(), vec![10_000, 1, 1, 500]] {
            let line = PartLine::new(&parts);
            for turn in 0..50 {
                let mut left = line.all::<256>();
                let mut draw = Draw::new(turn);
                let mut drawn: Vec<usize> =
                    parts.iter().map(|_| left.take(draw.below(left.len()))).collect();
                drawn.sort_unstable();
                assert_eq!(drawn, (0..parts.len()).collect::<Vec<_>>());
                assert!(left.is_empty());
            }
        }
    }

    #[test]
    fn a_point_is_looked_for_in_what_is_left() {
        let line = PartLine::new(&[2, 1, 3]);
        let mut left = line.all::<3>();
        assert_eq!((left.take(2), left.len()), (1, 5));
        assert_eq!((left.take(2), left.len()), (2, 2));
        assert_eq!((left.take(1), left.len()), (0, 0));
    }

    #[test]
    fn a_gap_takes_the_place_of_those_in_it() {
        let mut gaps = Gaps::<8>::none();
        for (at, range) in [(0, (3, 4)), (1, (6, 7)), (2, (9, 10)), (0, (0, 1))] {
            gaps.insert(at, range);
        }
        gaps.cover((3, 8));
        assert_eq!(
            (gaps.taken(), gaps.count, &gaps.ranges[..3]),
            (7, 3, &[(0, 1), (3, 8), (9, 10)][..])
        );
        gaps.cover((1, 3));
        assert_eq!((gaps.find(0), gaps.find(1), gaps.taken()), ((8, 3), (10, 4), 9));
        assert_eq!([0, 1, 5, 9].map(|point| gaps.before(point)), [0, 1, 2, 3]);
    }

    #[test]
    fn equal_parts_need_no_ends() {
        assert!(PartLine::new(&[25, 25]).is_even());
        assert!(PartLine::new(&[]).is_even());
        assert!(!PartLine::new(&[25, 100]).is_even());
    }
}
