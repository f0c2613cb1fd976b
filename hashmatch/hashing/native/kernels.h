/*
 * MD5 (RFC 1321), SHA-1 and SHA-256 (FIPS 180-4) of one stream or of many side by side.
 *
 * A digest is a serial chain: one stream cannot be hashed faster by a wider machine, but many streams can, one in each
 * lane of a vector. Nothing here allocates, locks or keeps state of its own, save which kernel was chosen; functions
 * may be called from any number of threads as long as no two of them share what they write to.
 */
#ifndef HASHMATCH_KERNELS_H
#define HASHMATCH_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum { ALG_MD5 = 1, ALG_SHA1 = 2, ALG_SHA256 = 4, ALG_ALL = 7 }; /* bits, as hashmatch.digests.Algorithm.bit */
enum { ALGORITHMS = 3, BLOCK = 64, MOST_LANES = 16, MOST_DIGEST = 32 };

/* Running state of one stream. */
struct digester {
    uint32_t md5[4], sha1[5], sha256[8];
    uint64_t length; /* bytes compressed so far, a multiple of BLOCK; kept by the caller */
};

/* Up to MOST_LANES streams side by side: row i holds state word i of every lane. */
struct lanes {
    _Alignas(64) uint32_t md5[4][MOST_LANES];
    _Alignas(64) uint32_t sha1[5][MOST_LANES];
    _Alignas(64) uint32_t sha256[8][MOST_LANES];
    const uint8_t *data[MOST_LANES]; /* where the next block of a lane is */
};

/* Length in bytes of the digest of one algorithm, given by its bit. */
size_t digest_size(unsigned algorithm);

void digester_start(struct digester *);

/*
 * Compress whole blocks of one stream. Only the state words of the algorithms asked for are touched, and `length` is
 * not, so that several threads may each run one algorithm over the same bytes.
 */
void digester_blocks(struct digester *, unsigned algorithms, const uint8_t *data, size_t blocks);

/*
 * Compress the last bytes of a stream, of any number, with the padding, and write the digests of the algorithms asked
 * for: MD5 to out[0], SHA-1 to out[1], SHA-256 to out[2]. `length` must be right; the digester can go on afterwards.
 */
void digester_finish(const struct digester *, unsigned algorithms, const uint8_t *tail, size_t length,
                     uint8_t out[ALGORITHMS][MOST_DIGEST]);

/* Copy the state words of the algorithms asked for between a lane and a digester; `length` and `data` are left alone. */
void lanes_put(struct lanes *, unsigned lane, const struct digester *, unsigned algorithms);
void lanes_take(const struct lanes *, unsigned lane, struct digester *, unsigned algorithms);

/*
 * Advance every lane of the bit mask `active` (not 0) by `blocks` whole blocks, and its `data` behind them. Idle lanes
 * are untouched, and their `data` is not read.
 */
void lanes_advance(struct lanes *, uint32_t active, unsigned algorithms, size_t blocks);

/*
 * Advance `count` streams held as digesters, any number of them, by `blocks` whole blocks each. As digester_blocks does,
 * touches only the state words of the algorithms asked for, and no `length`.
 */
void digesters_advance(struct digester *const streams[], const uint8_t *const data[], unsigned count,
                       unsigned algorithms, size_t blocks);

/* Whole blocks of one stream among many; the stream must differ from the others'. */
struct stretch {
    struct digester *stream;
    const uint8_t *data;
    size_t blocks;
};

/* Compress stretches of any lengths: lanes are refilled as stretches end. Sorts them, the longest first. */
void stretches_advance(struct stretch *, size_t count, unsigned algorithms);

/* The end of one stream among many: less than BLOCK bytes, and where its digests go, as for digester_finish. */
struct ending {
    const struct digester *stream;
    const uint8_t *tail;
    size_t length;
    uint8_t (*out)[MOST_DIGEST];
};

void endings_finish(const struct ending *, size_t count, unsigned algorithms);

/*
 * The kernel in use: the fastest this processor can run, unless another was asked for by name. Names are listed fastest
 * first; the list ends with NULL. kernel_use returns 0 where no usable kernel has the name. Choose before threads start.
 */
const char *const *kernel_names(void);
int kernel_use(const char *name);
const char *kernel_name(void);
const char *kernel_description(void); /* for reports: "AVX-512, 16 lanes; SHA-NI" */

#endif
