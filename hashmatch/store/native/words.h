/* Words as they lie in memory and in files, whatever the processor's own order of bytes. */

#ifndef HASHMATCH_WORDS_H
#define HASHMATCH_WORDS_H

#include <stdint.h>
#include <string.h>

static inline uint64_t swapped_where_big(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(word);
#else
    return word;
#endif
}

static inline uint64_t load_little(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return swapped_where_big(word);
}

static inline void store_little(uint8_t *bytes, uint64_t word)
{
    word = swapped_where_big(word);
    memcpy(bytes, &word, sizeof word);
}

static inline uint64_t load_big(const uint8_t *bytes)
{
    return __builtin_bswap64(load_little(bytes));
}

static inline uint64_t rotated_left(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

#endif
