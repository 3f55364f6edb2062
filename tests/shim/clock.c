/* The wall clock of a host, as a test sets it: LD_PRELOADed into the real binary, whose questions for the
 * time of day pass through it. Every other clock of the machine, above all the monotonic one, is true.
 *
 *   CLOCK_CONTROL=FILE     two 64-bit numbers: by how many nanoseconds the wall clock is off, which the test
 *                          changes as it likes, and by how many it was when the host last looked
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

struct control {
    int64_t offset;
    int64_t seen;
};

static struct control *control;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CLOCK_CONTROL");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) {
        fprintf(stderr, "CLOCK_CONTROL is not a file of two numbers: %s\n", path ? path : "");
        _exit(2);
    }
    close(file);
    control = mapped;
}

static int64_t wall_clock(void) {
    struct timespec true_time;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &true_time);
    int64_t offset = control ? __atomic_load_n(&control->offset, __ATOMIC_SEQ_CST) : 0;
    if (control)
        __atomic_store_n(&control->seen, offset, __ATOMIC_SEQ_CST);
    return true_time.tv_sec * SECOND + true_time.tv_nsec + offset;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
        return (int)syscall(SYS_clock_gettime, clock, time);
    int64_t now = wall_clock();
    time->tv_sec = now / SECOND;
    time->tv_nsec = now % SECOND;
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    int64_t now = wall_clock();
    time->tv_sec = now / SECOND;
    time->tv_usec = now % SECOND / 1000;
    return 0;
}

time_t time(time_t *result) {
    time_t now = wall_clock() / SECOND;
    if (result)
        *result = now;
    return now;
}
