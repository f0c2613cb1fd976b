/* Files of a mounted tree: opened once, read in order, never written, never mapped. */
#define _GNU_SOURCE
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    /* O_NOFOLLOW and O_NONBLOCK are for a name that has become a link or a FIFO since it was listed. */
    FLAGS = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
    DROP_EVERY = 16 << 20, /* bytes of a cold file after which the page cache is relieved of them */
    HINT_AHEAD = 2 << 20,  /* bytes of a cold file that the device is asked for before they are needed */
};

static int open_file(int directory, const char *name, bool *atime_risked)
{
    int descriptor = openat(directory, name, FLAGS | O_NOATIME);
    *atime_risked = false;
    if (descriptor < 0 && errno == EPERM) {
        /* O_NOATIME is for the owner and for privileged readers. */
        descriptor = openat(directory, name, FLAGS);
        *atime_risked = descriptor >= 0;
    }
    return descriptor;
}

static bool listed_size(const struct rules *rules, uint64_t size)
{
    size_t low = 0, high = rules->sizes_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rules->sizes[middle] < size)
            low = middle + 1;
        else
            high = middle;
    }
    return low < rules->sizes_count && rules->sizes[low] == size;
}

/* Tell whether an open file is to be read; if not, the outcome says why. */
static bool to_be_read(const struct stat *status, const struct rules *rules, struct outcome *outcome)
{
    uint64_t size = (uint64_t)status->st_size;
    if (!S_ISREG(status->st_mode)) {
        outcome->failure = UNSTABLE;
    } else if (rules->one_device && status->st_dev != rules->device) {
        outcome->failure = UNSTABLE;
        outcome->error = EXDEV;
    } else if (size > rules->most_bytes) {
        outcome->failure = OVER_BUDGET;
    } else if (rules->defer_links && status->st_nlink > 1) {
        outcome->deferred = true;
    } else if (rules->sizes && size && !listed_size(rules, size)) {
        outcome->unlisted_size = true;
    } else {
        return true;
    }
    return false;
}

/* Nanoseconds, modulo 2^64: times centuries away are still told from others. */
static uint64_t nanoseconds(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_nsec;
}

bool source_open(struct source *source, int directory, const char *name, const struct rules *rules,
                 struct outcome *outcome)
{
    memset(outcome, 0, sizeof *outcome);
    memset(source, 0, sizeof *source);
    source->descriptor = open_file(directory, name, &outcome->atime_risked);
    if (source->descriptor < 0) {
        outcome->failure = OPEN_ERROR;
        outcome->error = errno;
        return false;
    }
    if (fstat(source->descriptor, &source->before) < 0) {
        outcome->failure = STATUS_ERROR;
        outcome->error = errno;
        outcome->atime_risked = false;
        close(source->descriptor);
        return false;
    }
    source->size = (uint64_t)source->before.st_size;
    source->probing = true;
    outcome->size = source->size;
    outcome->inode = source->before.st_ino;
    outcome->times[0] = nanoseconds(&source->before.st_mtim);
    outcome->times[1] = nanoseconds(&source->before.st_ctim);
    outcome->device = source->before.st_dev;
    outcome->allocated = (uint64_t)source->before.st_blocks * 512;
    if (to_be_read(&source->before, rules, outcome))
        return true;
    close(source->descriptor);
    return false;
}

static void hint_ahead(struct source *source)
{
    if (source->cold && source->done + HINT_AHEAD / 2 >= source->hinted_to && source->hinted_to < source->size) {
        posix_fadvise(source->descriptor, (off_t)source->hinted_to, HINT_AHEAD, POSIX_FADV_WILLNEED);
        source->hinted_to += HINT_AHEAD;
    }
}

/* Read from the page cache alone while it has what is asked for. What it had before stays in it; what this scan
 * brings in is dropped again, or a scan would leave a workstation with nothing of its own in memory. */
static ssize_t read_at(struct source *source, uint8_t *to, size_t room)
{
    off_t place = (off_t)source->done;
    if (source->probing) {
        struct iovec vector = {to, room};
        ssize_t got = preadv2(source->descriptor, &vector, 1, place, RWF_NOWAIT);
        /* Some file systems answer 0 where they would have to wait. */
        if (got > 0 || (got == 0 && source->done >= source->size))
            return got;
        if (got < 0 && errno != EAGAIN && errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS)
            return got;
        source->probing = false;
        /* Where the question cannot be asked, it is not known what was cached, and nothing is dropped. */
        source->cold = got == 0 || errno == EAGAIN;
        source->cold_from = source->dropped_to = source->hinted_to = source->done;
    }
    hint_ahead(source);
    return pread(source->descriptor, to, room, place);
}

void source_hint(struct source *source)
{
    uint8_t first;
    struct iovec vector = {&first, 1};
    /* Asked before the hint, as afterwards the page cache would have it through this scan alone. */
    if (source->size && preadv2(source->descriptor, &vector, 1, 0, RWF_NOWAIT) < 0 && errno == EAGAIN) {
        source->probing = false;
        source->cold = true;
        hint_ahead(source);
    }
}

static void drop_what_was_read(struct source *source)
{
    if (source->cold && source->done - source->dropped_to >= DROP_EVERY) {
        off_t length = (off_t)(source->done - source->dropped_to);
        posix_fadvise(source->descriptor, (off_t)source->dropped_to, length, POSIX_FADV_DONTNEED);
        source->dropped_to = source->done;
    }
}

ssize_t source_read(struct source *source, uint8_t *to, size_t room, struct outcome *outcome)
{
    uint64_t left = source->size - source->done;
    /* Asking for a byte more than there should be tells "ended" from "grew" without a second call. */
    size_t asked = left < room ? (size_t)left + 1 : room;
    ssize_t got;
    do
        got = read_at(source, to, asked);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        outcome->failure = READ_ERROR;
        outcome->error = errno;
        outcome->has_offset = true;
        outcome->offset = source->done;
        source->ended = true;
        return -1;
    }
    source->done += (uint64_t)got;
    source->ended = got == 0 || source->done > source->size || (source->done == source->size && (size_t)got < asked);
    drop_what_was_read(source);
    return got;
}

static bool changed(const struct stat *before, const struct stat *after)
{
    return before->st_size != after->st_size || before->st_ino != after->st_ino ||
           before->st_mtim.tv_sec != after->st_mtim.tv_sec || before->st_mtim.tv_nsec != after->st_mtim.tv_nsec ||
           before->st_ctim.tv_sec != after->st_ctim.tv_sec || before->st_ctim.tv_nsec != after->st_ctim.tv_nsec;
}

void source_close(struct source *source, struct outcome *outcome)
{
    struct stat after;
    outcome->bytes_read = source->done;
    if (outcome->failure == FINE) {
        if (fstat(source->descriptor, &after) < 0) {
            outcome->failure = READ_ERROR;
            outcome->error = errno;
            outcome->has_offset = true;
            outcome->offset = source->done;
        } else if (source->done > source->size || changed(&source->before, &after)) {
            outcome->failure = UNSTABLE;
        } else if (source->done < source->size) {
            outcome->failure = PARTIAL;
            outcome->has_offset = true;
            outcome->offset = source->done;
        }
    }
    if (source->cold)
        posix_fadvise(source->descriptor, (off_t)source->cold_from, 0, POSIX_FADV_DONTNEED);
    /* Nothing was written, so a close that reports an error (FUSE may) loses nothing. */
    close(source->descriptor);
}
