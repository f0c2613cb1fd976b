/* The reading half's border: a file is opened, read from its start to its end, and closed with a verdict.
 *
 * The hashing half sees nothing of a file but the bytes that source_read gives. Evidence is never mapped: a truncated
 * file or a failing device would end the process instead of making a result.
 */
#ifndef HASHMATCH_SOURCE_H
#define HASHMATCH_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* How the files of a batch are read; see hashmatch.hashing.engine.ReadRules. */
struct rules {
    bool one_device;       /* every file must be on `device` */
    dev_t device;
    bool defer_links;      /* leave a file with several names for later */
    uint64_t most_bytes;   /* larger files are not read */
    const uint64_t *sizes; /* ascending; read no file of another size. NULL for any */
    size_t sizes_count;
};

enum failure {
    FINE,
    OPEN_ERROR,   /* the name could not be opened: what that means depends on the errno */
    STATUS_ERROR, /* an open file's status could not be learnt */
    READ_ERROR,
    PARTIAL,
    UNSTABLE,
    OVER_BUDGET,
};

/* What came of one file; see hashmatch.hashing.engine.FileResult. */
struct outcome {
    enum failure failure;
    int error;          /* errno, or 0 */
    bool has_offset;
    bool deferred, atime_risked, unlisted_size;
    uint64_t offset, size, inode, device, bytes_read, allocated;
    uint64_t times[2];  /* of the last change of content and of status: see file_stamp in hashmatch/hashing/engine.py */
    uint8_t digests[3][32];
};

/* One open file on the way from its first byte to its last. */
struct source {
    int descriptor;
    bool ended;         /* nothing more is to be read, or nothing more may be */
    bool probing;       /* the page cache is asked first: whether it had the content decides if it keeps it */
    bool cold;          /* from `cold_from` on the page cache had nothing */
    uint64_t cold_from, dropped_to, hinted_to;
    uint64_t size;      /* when it was opened */
    uint64_t done;      /* bytes read */
    struct stat before;
};

/* Open `name` in `directory`. False where the outcome is settled without reading. */
bool source_open(struct source *, int directory, const char *name, const struct rules *, struct outcome *);

/* If the page cache does not have the file, ask the device for its beginning, without waiting. */
void source_hint(struct source *);

/* Read up to `room` bytes that follow, never past one byte beyond the size the file had; 0 at the end (`ended` is
 * set with the last bytes already), -1 on failure, with the outcome settled. */
ssize_t source_read(struct source *, uint8_t *to, size_t room, struct outcome *);

/* Close, and settle the outcome of a file that did not fail: whole, partial or unstable. */
void source_close(struct source *, struct outcome *);

#endif
