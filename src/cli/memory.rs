//! Giving memory back to the system.

/// Gives back what a load has left behind: of a large zone ten times what is kept, and the
/// allocator would hold on to most of it. Milliseconds: not on a thread that answers.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the C library has no other way, and no crate wraps it")]
pub fn give_back() {
    // SAFETY: it takes a number, locks what it touches, and moves nothing that is in use.
    unsafe { nix::libc::malloc_trim(0) };
}

/// Other C libraries give back by themselves.
#[cfg(not(target_env = "gnu"))]
pub fn give_back() {}
