/* What a kernel is made of; private to the files that implement kernels.h. */
#ifndef HASHMATCH_KERNEL_H
#define HASHMATCH_KERNEL_H

#include "kernels.h"

/* Advances `count` lanes, at most as many as its width, named in `which`; leaves `data` alone. */
typedef void lane_function(struct lanes *, const uint8_t which[], unsigned count, unsigned algorithms, size_t blocks);

/*
 * Advances one stream by whole blocks, as digester_blocks does; or two streams, where that is asked for one algorithm of
 * those that `struct kernel` says go by pairs.
 */
typedef void stream_function(struct digester *const streams[], const uint8_t *const data[], unsigned count,
                             unsigned algorithms, size_t blocks);

lane_function lanes_avx512_16, lanes_avx512_8, lanes_avx512_4, lanes_avx2_8, lanes_avx2_4, lanes_sse_4, lanes_generic_4;
stream_function stream_scalar, stream_sha_ni, stream_sha_ni_avx512;

enum { MOST_WIDTHS = 3, NEVER = MOST_LANES + 1 };

struct width {
    lane_function *advance;
    unsigned lanes;
    /* From how many streams on this width is used for MD5, SHA-1 and SHA-256. */
    uint8_t from[ALGORITHMS];
};

struct kernel {
    const char *name;
    const char *description;
    struct width widths[MOST_WIDTHS]; /* widest first; where none is used, streams go one after the other */
    stream_function *stream;
    unsigned in_pairs; /* algorithms of which two streams at once are faster than one after the other */
};

extern const struct kernel *kernel_in_use;

#endif
