//! Splits the octets of a stream into messages, each behind its length (RFC 1035 §4.2.2). No I/O.

use crate::dns::work_slice::WorkSlice;

/// Maximum number of messages without a reply on a connection: messages without a whole header, and
/// responses.
pub const UNANSWERED: usize = 8;
/// Octets of input that are not counted against the memory of all connections.
pub const READ_ROOM: usize = 512;

/// Answers the complete messages of `input` in order, until the slice is spent or too many
/// messages of the connection are unanswered. `reply` appends to `output` and returns whether there
/// is a reply. Returns the number of octets of `input` that were consumed.
pub fn answer_frames(
    input: &[u8],
    output: &mut Vec<u8>,
    slice: &mut WorkSlice,
    unanswered: &mut usize,
    reply: impl Fn(&[u8], &mut Vec<u8>) -> bool,
) -> usize {
    let mut used = 0;
    while !slice.is_over()
        && *unanswered <= UNANSWERED
        && let Some(query) = frame(&input[used..])
    {
        let before = output.len();
        if !reply(query, output) {
            *unanswered += 1;
        }
        used += 2 + query.len();
        slice.count(2 + query.len() + output.len() - before);
    }
    used
}

/// The first complete message in `input`, without its length.
fn frame(input: &[u8]) -> Option<&[u8]> {
    let (length, rest) = input.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}

/// Octets of the first message in `input` including its length, if that is known; at least
/// [`READ_ROOM`].
pub fn wanted(input: &[u8]) -> usize {
    let length = input.first_chunk().map_or(0, |length| u16::from_be_bytes(*length));
    READ_ROOM.max(2 + usize::from(length))
}

/// Sets the capacity to `wanted` octets. It shrinks too, because long messages are rare.
pub fn make_room(input: &mut Vec<u8>, wanted: usize) {
    if input.capacity() < wanted {
        input.reserve_exact(wanted.saturating_sub(input.len()));
    } else {
        input.shrink_to(wanted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::work_slice::SLICE_MESSAGES;

    /// Replies with 100 octets to each message that is not empty.
    fn reply(query: &[u8], output: &mut Vec<u8>) -> bool {
        if !query.is_empty() {
            output.extend_from_slice(&[7; 100]);
        }
        !query.is_empty()
    }

    #[test]
    fn a_turn_ends_after_so_many_messages_and_so_many_octets() {
        let (mut slice, mut output, mut unanswered) = (WorkSlice::first(), vec![], 0);
        let short = [0, 1, 9].repeat(100);
        let used = answer_frames(&short, &mut output, &mut slice, &mut unanswered, reply);
        assert_eq!((used, output.len()), (3 * SLICE_MESSAGES, 100 * SLICE_MESSAGES));
        let (mut slice, mut output) = (WorkSlice::first(), vec![]);
        let long = [&[0x10, 0][..], &[9; 4096]].concat().repeat(10);
        let used = answer_frames(&long, &mut output, &mut slice, &mut unanswered, reply);
        assert_eq!(used, 4 * (2 + 4096));
        assert_eq!(answer_frames(&long, &mut output, &mut slice, &mut unanswered, reply), 0);
    }

    #[test]
    fn what_comes_behind_too_many_unanswered_messages_is_not_read() {
        let (mut slice, mut output, mut unanswered) = (WorkSlice::first(), vec![], 0);
        let input = [[0, 0].repeat(UNANSWERED + 1), vec![0, 1, 9]].concat();
        let used = answer_frames(&input, &mut output, &mut slice, &mut unanswered, reply);
        assert_eq!((used, unanswered, output.len()), (2 * UNANSWERED + 2, UNANSWERED + 1, 0));
    }

    #[test]
    fn there_is_room_for_the_message_that_comes_and_not_for_more() {
        let mut input = Vec::with_capacity(READ_ROOM);
        input.extend_from_slice(&[0xff, 0xff, 1, 2]);
        assert_eq!((wanted(&input), wanted(&[7]), wanted(&[])), (65_537, READ_ROOM, READ_ROOM));
        make_room(&mut input, 65_537);
        assert!((65_537..70_000).contains(&input.capacity()));
        input.clear();
        make_room(&mut input, READ_ROOM);
        assert!(input.capacity() < 2 * READ_ROOM);
    }
}
