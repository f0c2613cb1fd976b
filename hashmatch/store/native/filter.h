/*
 * The filter that tells most absent keys without LevelDB: a blocked Bloom filter whose blocks vouch for themselves.
 * The format is described in docs/store-format.md.
 */

#ifndef HASHMATCH_FILTER_H
#define HASHMATCH_FILTER_H

#include <stddef.h>
#include <stdint.h>

enum {
    FILTER_BLOCK = 64,     /* bytes; one line of the processor's cache */
    FILTER_WORDS = 7,      /* of bits; the eighth is the check value */
    FILTER_BITS_SHIFT = 6, /* each word has 2^6 bits, and each key sets one bit in each word */
};

/* The blocks of one algorithm in one filter. */
struct section {
    const uint8_t *blocks;
    uint64_t first; /* number of the first block within the filter */
    uint64_t count;
    uint64_t salt; /* of the generation, so that another one's blocks do not pass for its own */
};

/* Which of `count` blocks a sealed key without its algorithm belongs to; keys in order have blocks in order. */
static inline uint64_t filter_block(const uint8_t *sealed, uint64_t count)
{
    const uint64_t leading = (uint64_t)sealed[0] << 24 | sealed[1] << 16 | sealed[2] << 8 | sealed[3];
    return leading * count >> 32;
}

/* Set the bits of a key in its block. */
void filter_add(uint8_t *block, const uint8_t *sealed);

/* Write the check value of block `number`. */
void filter_close(uint8_t *block, uint64_t number, uint64_t salt);

enum answer { ABSENT, CANDIDATE, DAMAGED };

/* Ask for one sealed key without its algorithm. */
enum answer filter_ask(const struct section *section, const uint8_t *sealed);

#endif
