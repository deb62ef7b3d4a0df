/*
 * Lets User-Mode Linux run on processors whose register set is larger than its buffer (AMX).
 *
 * Its kernel 6.1 hands PTRACE_SETREGSET a buffer that was sized for AVX-512, the host's kernel
 * refuses what is shorter than the whole set, and the machine panics at its first process. This
 * library reads the whole set, lays the given part over its beginning and writes the whole back.
 * Preloaded: LD_PRELOAD=ptrace-shim.so linux.uml ...
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PEEK_FIRST 1
#define PEEK_LAST 3
#define GET_REGISTER_SET 0x4204
#define SET_REGISTER_SET 0x4205
#define EXTENDED_STATE 0x202
#define LARGEST_STATE 65536

static long ask_kernel(long request, long pid, long address, long data)
{
	return syscall(SYS_ptrace, request, pid, address, data);
}

static long write_whole_state(long pid, const struct iovec *part)
{
	static __thread char state[LARGEST_STATE] __attribute__((aligned(64)));
	struct iovec whole = { state, sizeof state };

	long status = ask_kernel(GET_REGISTER_SET, pid, EXTENDED_STATE, (long)&whole);
	if (status < 0)
		return status;
	memcpy(state, part->iov_base,
	       part->iov_len < whole.iov_len ? part->iov_len : whole.iov_len);
	return ask_kernel(SET_REGISTER_SET, pid, EXTENDED_STATE, (long)&whole);
}

long ptrace(int request, ...)
{
	va_list arguments;
	va_start(arguments, request);
	long pid = va_arg(arguments, int);
	long address = (long)va_arg(arguments, void *);
	long data = (long)va_arg(arguments, void *);
	va_end(arguments);

	/* The C library's promise for PEEK: the word itself, and errno tells an error. */
	if (request >= PEEK_FIRST && request <= PEEK_LAST) {
		long word;
		long status = ask_kernel(request, pid, address, (long)&word);
		if (status < 0)
			return status;
		errno = 0;
		return word;
	}
	if (request == SET_REGISTER_SET && address == EXTENDED_STATE)
		return write_whole_state(pid, (const struct iovec *)data);
	return ask_kernel(request, pid, address, data);
}
