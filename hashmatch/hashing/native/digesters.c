/* Streams by themselves and side by side, on whichever kernel is in use. */
#include "constants.h"
#include "kernel.h"

size_t digest_size(unsigned algorithm)
{
    return algorithm == ALG_MD5 ? 16 : algorithm == ALG_SHA1 ? 20 : 32;
}

void digester_start(struct digester *digester)
{
    static const struct digester start = {MD5_START, SHA1_START, SHA256_START, 0};
    *digester = start;
}

/* The width that `count` streams of one algorithm go by, or NULL where they go one after the other. */
static const struct width *width_for(int algorithm, unsigned count)
{
    for (const struct width *width = kernel_in_use->widths; width < kernel_in_use->widths + MOST_WIDTHS; width++)
        if (width->advance && count >= width->from[algorithm])
            return width;
    return NULL;
}

void digester_blocks(struct digester *digester, unsigned algorithms, const uint8_t *data, size_t blocks)
{
    for (int algorithm = 0; algorithm < ALGORITHMS; algorithm++)
        if (algorithms >> algorithm & 1 && width_for(algorithm, 1)) {
            /* A lane by itself is faster here than plain integers are. */
            digesters_advance(&digester, &data, 1, algorithms, blocks);
            return;
        }
    kernel_in_use->stream(&digester, &data, 1, algorithms, blocks);
}

void digester_finish(const struct digester *digester, unsigned algorithms, const uint8_t *tail, size_t length,
                     uint8_t out[ALGORITHMS][MOST_DIGEST])
{
    struct digester last = *digester;
    const size_t whole = length / BLOCK;
    digester_blocks(&last, algorithms, tail, whole);
    last.length += whole * BLOCK;
    endings_finish(&(struct ending){&last, tail + whole * BLOCK, length % BLOCK, out}, 1, algorithms);
}

void lanes_put(struct lanes *lanes, unsigned lane, const struct digester *digester, unsigned algorithms)
{
    if (algorithms & ALG_MD5)
        for (int i = 0; i < 4; i++)
            lanes->md5[i][lane] = digester->md5[i];
    if (algorithms & ALG_SHA1)
        for (int i = 0; i < 5; i++)
            lanes->sha1[i][lane] = digester->sha1[i];
    if (algorithms & ALG_SHA256)
        for (int i = 0; i < 8; i++)
            lanes->sha256[i][lane] = digester->sha256[i];
}

void lanes_take(const struct lanes *lanes, unsigned lane, struct digester *digester, unsigned algorithms)
{
    if (algorithms & ALG_MD5)
        for (int i = 0; i < 4; i++)
            digester->md5[i] = lanes->md5[i][lane];
    if (algorithms & ALG_SHA1)
        for (int i = 0; i < 5; i++)
            digester->sha1[i] = lanes->sha1[i][lane];
    if (algorithms & ALG_SHA256)
        for (int i = 0; i < 8; i++)
            digester->sha256[i] = lanes->sha256[i][lane];
}

static void one_after_the_other(struct lanes *lanes, const uint8_t which[], unsigned count, unsigned algorithms,
                                size_t blocks)
{
    const int single = (algorithms & (algorithms - 1)) == 0;
    const unsigned step = single && algorithms & kernel_in_use->in_pairs ? 2 : 1;
    for (unsigned first = 0; first < count; first += step) {
        struct digester digesters[2], *const streams[2] = {&digesters[0], &digesters[1]};
        const uint8_t *data[2];
        const unsigned part = count - first < step ? count - first : step;
        for (unsigned i = 0; i < part; i++) {
            lanes_take(lanes, which[first + i], streams[i], algorithms);
            data[i] = lanes->data[which[first + i]];
        }
        kernel_in_use->stream(streams, data, part, algorithms, blocks);
        for (unsigned i = 0; i < part; i++)
            lanes_put(lanes, which[first + i], streams[i], algorithms);
    }
}

/* Algorithms that go by the same width share the loading of their blocks. */
static void advance(struct lanes *lanes, const uint8_t which[], unsigned count, unsigned algorithms, size_t blocks)
{
    while (count && algorithms) {
        const struct width *const width = width_for(__builtin_ctz(algorithms), count);
        unsigned together = 0;
        for (int algorithm = 0; algorithm < ALGORITHMS; algorithm++)
            if (algorithms >> algorithm & 1 && width_for(algorithm, count) == width)
                together |= 1u << algorithm;
        if (!width) {
            one_after_the_other(lanes, which, count, together, blocks);
        } else {
            const unsigned part = count < width->lanes ? count : width->lanes;
            width->advance(lanes, which, part, together, blocks);
            advance(lanes, which + part, count - part, together, blocks);
        }
        algorithms &= ~together;
    }
}

void lanes_advance(struct lanes *lanes, uint32_t active, unsigned algorithms, size_t blocks)
{
    uint8_t which[MOST_LANES] = {0};
    unsigned count = 0;
    for (uint32_t left = active; left; left &= left - 1)
        which[count++] = (uint8_t)__builtin_ctz(left);
    advance(lanes, which, count, algorithms, blocks);
    for (unsigned i = 0; i < count; i++)
        lanes->data[which[i]] += blocks * BLOCK;
}
