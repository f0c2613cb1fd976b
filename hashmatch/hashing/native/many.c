/* Any number of streams over the lanes there are. */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

void digesters_advance(struct digester *const streams[], const uint8_t *const data[], unsigned count,
                       unsigned algorithms, size_t blocks)
{
    struct lanes lanes;
    for (unsigned first = 0; first < count; first += MOST_LANES) {
        const unsigned part = count - first < MOST_LANES ? count - first : MOST_LANES;
        for (unsigned i = 0; i < part; i++) {
            lanes_put(&lanes, i, streams[first + i], algorithms);
            lanes.data[i] = data[first + i];
        }
        lanes_advance(&lanes, (1u << part) - 1, algorithms, blocks);
        for (unsigned i = 0; i < part; i++)
            lanes_take(&lanes, i, streams[first + i], algorithms);
    }
}

static int longer_first(const void *left, const void *right)
{
    const size_t a = ((const struct stretch *)left)->blocks, b = ((const struct stretch *)right)->blocks;
    return (a < b) - (a > b);
}

void stretches_advance(struct stretch *stretches, size_t count, unsigned algorithms)
{
    qsort(stretches, count, sizeof *stretches, longer_first);
    while (count && stretches[count - 1].blocks == 0)
        count--;

    struct lanes lanes;
    const struct stretch *in_lane[MOST_LANES];
    size_t left[MOST_LANES], next = 0;
    uint32_t active = 0;
    for (;;) {
        for (unsigned lane = 0; lane < MOST_LANES && next < count; lane++) {
            if (active >> lane & 1)
                continue;
            in_lane[lane] = &stretches[next++];
            lanes_put(&lanes, lane, in_lane[lane]->stream, algorithms);
            lanes.data[lane] = in_lane[lane]->data;
            left[lane] = in_lane[lane]->blocks;
            active |= 1u << lane;
        }
        if (!active)
            return;
        size_t blocks = SIZE_MAX;
        for (unsigned lane = 0; lane < MOST_LANES; lane++)
            if (active >> lane & 1 && left[lane] < blocks)
                blocks = left[lane];
        lanes_advance(&lanes, active, algorithms, blocks);
        for (unsigned lane = 0; lane < MOST_LANES; lane++) {
            if (!(active >> lane & 1) || (left[lane] -= blocks))
                continue;
            lanes_take(&lanes, lane, in_lane[lane]->stream, algorithms);
            active &= ~(1u << lane);
        }
    }
}

/* The last one or two blocks of a stream: a bit of one, zeros, and room for the length. */
struct padded {
    uint8_t bytes[2 * BLOCK];
    uint8_t *length_at;
    uint64_t bits;
};

static void pad(struct padded *padded, const struct ending *ending)
{
    memset(padded->bytes, 0, sizeof padded->bytes);
    memcpy(padded->bytes, ending->tail, ending->length);
    padded->bytes[ending->length] = 0x80;
    padded->length_at = padded->bytes + (ending->length < BLOCK - 8 ? 1 : 2) * BLOCK - 8;
    padded->bits = (ending->stream->length + ending->length) * 8;
}

static void write_words(uint8_t *out, const uint32_t *words, int count, int reversed)
{
    for (int i = 0; i < count; i++) {
        const uint32_t word = reversed ? __builtin_bswap32(words[i]) : words[i];
        memcpy(out + 4 * i, &word, 4);
    }
}

static void write_digests(const struct digester *digester, unsigned algorithms, uint8_t (*out)[MOST_DIGEST])
{
    if (algorithms & ALG_MD5)
        write_words(out[0], digester->md5, 4, 0);
    if (algorithms & ALG_SHA1)
        write_words(out[1], digester->sha1, 5, 1);
    if (algorithms & ALG_SHA256)
        write_words(out[2], digester->sha256, 8, 1);
}

static void finish_some(const struct ending *endings, unsigned count, unsigned algorithms)
{
    struct lanes lanes;
    struct padded padded[MOST_LANES];
    uint32_t two_blocks = 0;
    for (unsigned i = 0; i < count; i++) {
        pad(&padded[i], &endings[i]);
        lanes_put(&lanes, i, endings[i].stream, algorithms);
        lanes.data[i] = padded[i].bytes;
        if (padded[i].length_at > padded[i].bytes + BLOCK)
            two_blocks |= 1u << i;
    }
    if (two_blocks)
        lanes_advance(&lanes, two_blocks, algorithms, 1);
    /* The last block differs: MD5 wants the length little-endian, the others big-endian. */
    const uint32_t all = (1u << count) - 1;
    if (algorithms & ALG_MD5) {
        for (unsigned i = 0; i < count; i++)
            memcpy(padded[i].length_at, &padded[i].bits, 8);
        lanes_advance(&lanes, all, ALG_MD5, 1);
    }
    if (algorithms & (ALG_SHA1 | ALG_SHA256)) {
        for (unsigned i = 0; i < count; i++) {
            const uint64_t reversed = __builtin_bswap64(padded[i].bits);
            memcpy(padded[i].length_at, &reversed, 8);
            lanes.data[i] = padded[i].length_at + 8 - BLOCK;
        }
        lanes_advance(&lanes, all, algorithms & (ALG_SHA1 | ALG_SHA256), 1);
    }
    for (unsigned i = 0; i < count; i++) {
        struct digester last;
        lanes_take(&lanes, i, &last, algorithms);
        write_digests(&last, algorithms, endings[i].out);
    }
}

void endings_finish(const struct ending *endings, size_t count, unsigned algorithms)
{
    for (size_t first = 0; first < count; first += MOST_LANES)
        finish_some(endings + first, count - first < MOST_LANES ? (unsigned)(count - first) : MOST_LANES, algorithms);
}
