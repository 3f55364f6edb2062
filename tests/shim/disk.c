/* The disk under a host's database, as a test wants it: LD_PRELOADed into the real binary, where SQLite's
 * calls of libc pass through it.
 *
 *   DISK_JOURNAL=FILE      every write, truncation, sync and removal of the database and its log is noted there,
 *                          with its bytes: enough to say what a machine could find that lost its power
 *   DISK_SYNCS_NOTHING=1   a sync says that it is done, and does nothing
 *   DISK_FULL=FILE         as long as FILE is there, no write has room
 *   DISK_FAULT='CALL FILE N FAULT'
 *                          the N-th CALL (write, sync) on FILE (db, log, any) meets FAULT: `eio`, or
 *                          `kill`: the process ends as by kill -9 before the call does anything
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum file { OTHER, DATABASE, LOG, DIRECTORY };
enum call { WRITE, TRUNCATE, SYNC, FAILED_SYNC, FAILED_WRITE, REMOVE };

/* What precedes the bytes of a write in the journal. */
struct record {
    uint32_t call;
    uint32_t file;
    uint64_t offset; /* of a write; the length of a truncation; how many records precede a sync's begin */
    uint64_t length;
};

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_unlink)(const char *);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static uint64_t records;
static const char *full;
static int syncs_nothing;
static char fault_call[8], fault_file[8], fault[8];
static long fault_at = -1, fault_calls;

__attribute__((constructor)) static void begin(void) {
    real_write = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    real_pwrite = (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
    real_ftruncate = (int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    real_unlink = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
    const char *path = getenv("DISK_JOURNAL");
    if (path)
        journal = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    full = getenv("DISK_FULL");
    syncs_nothing = getenv("DISK_SYNCS_NOTHING") != NULL;
    const char *plan = getenv("DISK_FAULT");
    if (plan && sscanf(plan, "%7s %7s %ld %7s", fault_call, fault_file, &fault_at, fault) != 4) {
        fprintf(stderr, "DISK_FAULT is not CALL FILE N FAULT: %s\n", plan);
        _exit(2);
    }
}

static int ends_with(const char *path, size_t length, const char *end) {
    size_t end_length = strlen(end);
    return length >= end_length && memcmp(path + length - end_length, end, end_length) == 0;
}

static enum file file_at(const char *path, size_t length) {
    if (ends_with(path, length, "/greenroom.db"))
        return DATABASE;
    if (ends_with(path, length, "/greenroom.db-wal"))
        return LOG;
    return ends_with(path, length, "/data") ? DIRECTORY : OTHER;
}

static enum file file_of(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path);
    return length > 0 ? file_at(path, (size_t)length) : OTHER;
}

static void append(const void *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = syscall(SYS_write, journal, bytes, length);
        if (written <= 0)
            abort();
        bytes = (const char *)bytes + written;
        length -= (size_t)written;
    }
}

static void note(enum call call, enum file file, uint64_t offset, const void *bytes, size_t length) {
    if (journal < 0 || file == OTHER)
        return;
    struct record record = {call, file, offset, length};
    pthread_mutex_lock(&lock);
    append(&record, sizeof record);
    append(bytes, length);
    records++;
    pthread_mutex_unlock(&lock);
}

static uint64_t noted(void) {
    pthread_mutex_lock(&lock);
    uint64_t count = records;
    pthread_mutex_unlock(&lock);
    return count;
}

/* Whether this call fails by plan. */
static int is_faulty(const char *call, enum file file) {
    if (fault_at < 0 || strcmp(call, fault_call) != 0 || file == OTHER || file == DIRECTORY)
        return 0;
    if (strcmp(fault_file, "any") != 0 && strcmp(fault_file, file == LOG ? "log" : "db") != 0)
        return 0;
    if (__atomic_add_fetch(&fault_calls, 1, __ATOMIC_SEQ_CST) != fault_at)
        return 0;
    if (strcmp(fault, "kill") == 0)
        kill(getpid(), SIGKILL);
    return 1;
}

/* Why a write can't be made; 0 if it can. */
static int refusal(enum file file) {
    if (file == OTHER)
        return 0;
    if (is_faulty("write", file)) {
        note(FAILED_WRITE, file, 0, NULL, 0);
        return EIO;
    }
    return full && access(full, F_OK) == 0 ? ENOSPC : 0;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    enum file file = fd > 2 && fd != journal ? file_of(fd) : OTHER;
    if (file == OTHER)
        return real_write(fd, bytes, length);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    int error = refusal(file);
    if (error) {
        errno = error;
        return -1;
    }
    ssize_t written = real_write(fd, bytes, length);
    if (written > 0)
        note(WRITE, file, (uint64_t)offset, bytes, (size_t)written);
    return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    enum file file = file_of(fd);
    int error = refusal(file);
    if (error) {
        errno = error;
        return -1;
    }
    ssize_t written = real_pwrite(fd, bytes, length, offset);
    if (written > 0)
        note(WRITE, file, (uint64_t)offset, bytes, (size_t)written);
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite64(fd, bytes, length, offset);
}

int ftruncate64(int fd, off_t length) {
    enum file file = file_of(fd);
    int failed = real_ftruncate(fd, length);
    if (!failed)
        note(TRUNCATE, file, (uint64_t)length, NULL, 0);
    return failed;
}

int ftruncate(int fd, off_t length) {
    return ftruncate64(fd, length);
}

int fsync(int fd) {
    enum file file = file_of(fd);
    uint64_t before = noted();
    if (is_faulty("sync", file)) {
        note(FAILED_SYNC, file, before, NULL, 0);
        errno = EIO;
        return -1;
    }
    if (file != OTHER && syncs_nothing)
        return 0;
    int failed = real_fsync(fd);
    note(failed ? FAILED_SYNC : SYNC, file, before, NULL, 0);
    return failed;
}

int fdatasync(int fd) {
    return fsync(fd);
}

int unlink(const char *path) {
    int failed = real_unlink(path);
    if (!failed)
        note(REMOVE, file_at(path, strlen(path)), 0, NULL, 0);
    return failed;
}
