/* Blocks of a filter: their bits and their check value, which is XXH64 as its specification (0.1.1) has it. */

#include "filter.h"
#include "words.h"

#define PRIME_1 0x9E3779B185EBCA87u
#define PRIME_2 0xC2B2AE3D27D4EB4Fu
#define PRIME_3 0x165667B19E3779F9u
#define PRIME_4 0x85EBCA77C2B2AE63u

static uint64_t xxh64_round(uint64_t accumulator, uint64_t word)
{
    return rotated_left(accumulator + word * PRIME_2, 31) * PRIME_1;
}

static uint64_t xxh64_merged(uint64_t hash, uint64_t accumulator)
{
    return (hash ^ xxh64_round(0, accumulator)) * PRIME_1 + PRIME_4;
}

/* XXH64 of the FILTER_WORDS words of bits: one stripe of four words, and three words behind it. */
static uint64_t xxh64_of_bits(const uint8_t *block, uint64_t seed)
{
    const uint64_t a = xxh64_round(seed + PRIME_1 + PRIME_2, load_little(block));
    const uint64_t b = xxh64_round(seed + PRIME_2, load_little(block + 8));
    const uint64_t c = xxh64_round(seed, load_little(block + 16));
    const uint64_t d = xxh64_round(seed - PRIME_1, load_little(block + 24));
    uint64_t hash = rotated_left(a, 1) + rotated_left(b, 7) + rotated_left(c, 12) + rotated_left(d, 18);

    hash = xxh64_merged(xxh64_merged(xxh64_merged(xxh64_merged(hash, a), b), c), d);
    hash += 8 * FILTER_WORDS;
    for (int word = 4; word < FILTER_WORDS; word++)
        hash = rotated_left(hash ^ xxh64_round(0, load_little(block + 8 * word)), 27) * PRIME_1 + PRIME_4;
    hash = (hash ^ hash >> 33) * PRIME_2;
    hash = (hash ^ hash >> 29) * PRIME_3;
    return hash ^ hash >> 32;
}

static uint64_t bit_in_word(uint64_t choice, int word)
{
    return (uint64_t)1 << (choice >> FILTER_BITS_SHIFT * word & 63);
}

void filter_add(uint8_t *block, const uint8_t *sealed)
{
    const uint64_t choice = load_big(sealed + 8);
    for (int word = 0; word < FILTER_WORDS; word++)
        store_little(block + 8 * word, load_little(block + 8 * word) | bit_in_word(choice, word));
}

void filter_close(uint8_t *block, uint64_t number, uint64_t salt)
{
    store_little(block + 8 * FILTER_WORDS, xxh64_of_bits(block, salt + number));
}

enum answer filter_ask(const struct section *section, const uint8_t *sealed)
{
    const uint64_t number = filter_block(sealed, section->count);
    const uint8_t *block = section->blocks + number * FILTER_BLOCK;
    const uint64_t choice = load_big(sealed + 8);
    uint64_t missing = 0;

    /* Also where every bit is set: damage is better found by the first look at it than by the first that it deceives. */
    if (load_little(block + 8 * FILTER_WORDS) != xxh64_of_bits(block, section->salt + section->first + number))
        return DAMAGED;
    for (int word = 0; word < FILTER_WORDS; word++)
        missing |= ~load_little(block + 8 * word) & bit_in_word(choice, word);
    return missing ? ABSENT : CANDIDATE;
}
