//! Drawing members without replacement, with parts that may differ.
//!
//! The members stand on a line, each as long as its part. A point of the line is a member; what was
//! drawn is passed over when the next point is looked for. So a draw costs as much as there are
//! members drawn before, and with unequal parts a binary search, however many members there are.

/// The parts of all members.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// Where each member ends. Empty when all are alike: then each is 1 long.
    ends: Box<[u32]>,
    len: u32,
}

impl Line {
    /// A part is 1 at least; all together fit into 32 bits: 10,000 members of 10,000.
    pub fn new(parts: &[u32]) -> Line {
        if parts.iter().all(|part| parts.first() == Some(part)) {
            return Line { ends: [].into(), len: parts.len() as u32 };
        }
        let mut len = 0u32;
        let end = |part: &u32| {
            len = len.saturating_add((*part).max(1));
            len
        };
        Line { ends: parts.iter().map(end).collect(), len }
    }

    #[inline]
    pub fn is_even(&self) -> bool {
        self.ends.is_empty()
    }

    /// Nobody drawn yet; at most `MOST` may be.
    pub fn all<const MOST: usize>(&self) -> Left<'_, MOST> {
        Left { line: self, drawn: [(0, 0); MOST], count: 0, len: self.len }
    }

    fn member(&self, point: u32) -> usize {
        if self.is_even() { point as usize } else { self.ends.partition_point(|end| *end <= point) }
    }

    fn range(&self, member: usize) -> (u32, u32) {
        let end = |index: usize| self.ends.get(index).copied();
        match (member.checked_sub(1).map_or(Some(0), end), end(member)) {
            (Some(start), Some(end)) => (start, end),
            _ => (member as u32, member as u32 + 1),
        }
    }
}

/// Who is left to draw.
#[derive(Debug)]
pub struct Left<'l, const MOST: usize> {
    line: &'l Line,
    /// Ranges of the line, ascending.
    drawn: [(u32, u32); MOST],
    count: usize,
    len: u32,
}

impl<const MOST: usize> Left<'_, MOST> {
    pub fn len(&self) -> u32 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The member at a point below [`Left::len`] of what is left, which is gone then.
    pub fn take(&mut self, mut point: u32) -> usize {
        let mut at = 0;
        for (start, end) in self.drawn.iter().take(self.count) {
            if point < *start {
                break;
            }
            point += end - start;
            at += 1;
        }
        let member = self.line.member(point);
        let range = self.line.range(member);
        // The place behind the last is free: the ranges behind `at` move there, one by one.
        let mut held = range;
        for place in self.drawn.iter_mut().take(self.count + 1).skip(at) {
            std::mem::swap(place, &mut held);
        }
        self.count += 1;
        self.len = self.len.saturating_sub(range.1 - range.0);
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
            let line = Line::new(&parts);
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
        let line = Line::new(&[2, 1, 3]);
        let mut left = line.all::<3>();
        assert_eq!((left.take(2), left.len()), (1, 5));
        assert_eq!((left.take(2), left.len()), (2, 2));
        assert_eq!((left.take(1), left.len()), (0, 0));
    }

    #[test]
    fn equal_parts_need_no_ends() {
        assert!(Line::new(&[25, 25]).is_even());
        assert!(Line::new(&[]).is_even());
        assert!(!Line::new(&[25, 100]).is_even());
    }
}
