/* BLAKE2b by RFC 7693, for a key of its own block and a message of one more. */

#include "blake2b.h"
#include "words.h"

static const uint64_t IV[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

static const uint8_t SIGMA[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

#define LANES 2
#define NAME seal_two
#define TARGET
#include "blake2b_lanes.h"

#if defined(__x86_64__)
#define LANES 4
#define NAME seal_four
#define TARGET __attribute__((target("avx2")))
#include "blake2b_lanes.h"

#define LANES 8
#define NAME seal_eight
#define TARGET __attribute__((target("avx512f")))
#include "blake2b_lanes.h"
#endif

typedef void sealing(const uint64_t *, const uint8_t *, size_t, const uint8_t *, uint8_t *);

static sealing *code_for(int lanes)
{
    if (lanes == 2)
        return seal_two;
#if defined(__x86_64__)
    if (lanes == 4 && __builtin_cpu_supports("avx2"))
        return seal_four;
    if (lanes == 8 && __builtin_cpu_supports("avx512f"))
        return seal_eight;
#endif
    return NULL;
}

int blake2b_can(int lanes)
{
    return code_for(lanes) != NULL;
}

void blake2b_seal(const uint64_t state[BLAKE2B_STATE], const struct messages *messages, uint8_t *sealed, int lanes)
{
    if (lanes == 0)
        lanes = blake2b_can(8) ? 8 : blake2b_can(4) ? 4 : 2;
    sealing *code = code_for(lanes);
    for (size_t first = 0; first < messages->count; first += (size_t)lanes)
        code(state, messages->slots + first * messages->stride, messages->stride, messages->lengths + first,
             sealed + first * SEALED_SIZE);
}

static uint64_t rotated_right(uint64_t word, int bits)
{
    return rotated_left(word, 64 - bits);
}

static void mix(uint64_t *a, uint64_t *b, uint64_t *c, uint64_t *d, uint64_t x, uint64_t y)
{
    *a += *b + x;
    *d = rotated_right(*d ^ *a, 32);
    *c += *d;
    *b = rotated_right(*b ^ *c, 24);
    *a += *b + y;
    *d = rotated_right(*d ^ *a, 16);
    *c += *d;
    *b = rotated_right(*b ^ *c, 63);
}

void blake2b_key_state(const uint8_t *key, size_t length, uint64_t state[BLAKE2B_STATE])
{
    uint8_t block[BLAKE2B_BLOCK] = {0};
    uint64_t m[16], v[16];

    memcpy(block, key, length);
    for (int i = 0; i < 16; i++)
        m[i] = load_little(block + 8 * i);
    for (int i = 0; i < 8; i++)
        state[i] = v[i] = v[i + 8] = IV[i];
    /* The parameter block: length of the result, length of the key, fanout 1, depth 1 (RFC 7693, section 2.5). */
    state[0] = v[0] ^= SEALED_SIZE | (uint64_t)length << 8 | 1 << 16 | 1 << 24;
    v[12] ^= BLAKE2B_BLOCK;
    for (int round = 0; round < 12; round++) {
        const uint8_t *s = SIGMA[round % 10];
        for (int i = 0; i < 4; i++)
            mix(&v[i], &v[4 + i], &v[8 + i], &v[12 + i], m[s[2 * i]], m[s[2 * i + 1]]);
        for (int i = 0; i < 4; i++)
            mix(&v[i], &v[4 + (i + 1) % 4], &v[8 + (i + 2) % 4], &v[12 + (i + 3) % 4], m[s[8 + 2 * i]],
                m[s[9 + 2 * i]]);
    }
    for (int i = 0; i < 8; i++)
        state[i] ^= v[i] ^ v[i + 8];
}
