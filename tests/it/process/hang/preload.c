/* Makes system calls hang, as a disk on another machine does that does not answer. While the file
   HANG_GATE exists, calls for a path with HANG_PATH in it do not return; and a thread whose name
   begins with HANG_THREAD does not come back from asking for the time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int is_shut(void) {
    const char *gate = getenv("HANG_GATE");
    return gate && access(gate, F_OK) == 0;
}

static void wait_for(const char *path) {
    const char *part = getenv("HANG_PATH");
    while (part && path && strstr(path, part) && is_shut()) usleep(10000);
}

int open64(const char *path, int flags, ...) {
    static int (*real)(const char *, int, ...);
    if (!real) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    wait_for(path);
    return real(path, flags, mode);
}

int statx(int at, const char *path, int flags, unsigned mask, struct statx *out) {
    static int (*real)(int, const char *, int, unsigned, struct statx *);
    if (!real)
        real = (int (*)(int, const char *, int, unsigned, struct statx *))dlsym(RTLD_NEXT, "statx");
    wait_for(path);
    return real(at, path, flags, mask, out);
}

int posix_spawnp(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const words[], char *const variables[]) {
    static int (*real)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                       const posix_spawnattr_t *, char *const[], char *const[]);
    if (!real)
        real = (int (*)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                        const posix_spawnattr_t *, char *const[], char *const[]))
            dlsym(RTLD_NEXT, "posix_spawnp");
    wait_for(path);
    return real(pid, path, actions, attributes, words, variables);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *thread = getenv("HANG_THREAD");
    char name[16] = "";
    if (thread && clock == CLOCK_REALTIME && pthread_getname_np(pthread_self(), name, 16) == 0 &&
        strncmp(name, thread, strlen(thread)) == 0)
        while (is_shut()) usleep(10000);
    return real(clock, now);
}
