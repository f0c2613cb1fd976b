/*
 * BLAKE2b's compression of LANES last blocks side by side, one message in each lane of a vector. Included once for every
 * width, with LANES, NAME and TARGET (the attribute that lets the compiler use the processor's wider registers).
 */

#define PASTED(a, b) a##b
#define WIDE(name, lanes) PASTED(name, lanes)
#define VECTOR WIDE(vector_, LANES)

typedef uint64_t VECTOR __attribute__((vector_size(8 * LANES)));

#define ROTATED_RIGHT(x, bits) ((x) >> (bits) | (x) << (64 - (bits)))

/* RFC 7693, section 3.1. */
#define MIX(a, b, c, d, x, y)                                                                                        \
    do {                                                                                                             \
        v[a] = v[a] + v[b] + (x);                                                                                    \
        v[d] = ROTATED_RIGHT(v[d] ^ v[a], 32);                                                                       \
        v[c] = v[c] + v[d];                                                                                          \
        v[b] = ROTATED_RIGHT(v[b] ^ v[c], 24);                                                                       \
        v[a] = v[a] + v[b] + (y);                                                                                    \
        v[d] = ROTATED_RIGHT(v[d] ^ v[a], 16);                                                                       \
        v[c] = v[c] + v[d];                                                                                          \
        v[b] = ROTATED_RIGHT(v[b] ^ v[c], 63);                                                                       \
    } while (0)

TARGET static void NAME(const uint64_t state[8], const uint8_t *slots, size_t stride, const uint8_t *lengths,
                        uint8_t *sealed)
{
    union {
        uint64_t word[LANES];
        VECTOR all;
    } m[16], length, low, high;
    VECTOR v[16];

    for (size_t lane = 0; lane < LANES; lane++) {
        for (size_t word = 0; word < 16; word++)
            m[word].word[lane] = 8 * word < stride ? load_little(slots + lane * stride + 8 * word) : 0;
        length.word[lane] = BLAKE2B_BLOCK + lengths[lane];
    }
    /* A word minus nothing in every lane: how a scalar becomes a vector in the compilers' extension. */
    const VECTOR none = {0};
    for (int i = 0; i < 8; i++) {
        v[i] = none + state[i];
        v[i + 8] = none + IV[i];
    }
    v[12] ^= length.all;
    v[14] = ~v[14];
    for (int round = 0; round < 12; round++) {
        const uint8_t *s = SIGMA[round % 10];
        MIX(0, 4, 8, 12, m[s[0]].all, m[s[1]].all);
        MIX(1, 5, 9, 13, m[s[2]].all, m[s[3]].all);
        MIX(2, 6, 10, 14, m[s[4]].all, m[s[5]].all);
        MIX(3, 7, 11, 15, m[s[6]].all, m[s[7]].all);
        MIX(0, 5, 10, 15, m[s[8]].all, m[s[9]].all);
        MIX(1, 6, 11, 12, m[s[10]].all, m[s[11]].all);
        MIX(2, 7, 8, 13, m[s[12]].all, m[s[13]].all);
        MIX(3, 4, 9, 14, m[s[14]].all, m[s[15]].all);
    }
    low.all = v[0] ^ v[8] ^ state[0];
    high.all = v[1] ^ v[9] ^ state[1];
    for (size_t lane = 0; lane < LANES; lane++) {
        store_little(sealed + lane * SEALED_SIZE, low.word[lane]);
        store_little(sealed + lane * SEALED_SIZE + 8, high.word[lane]);
    }
}

#undef PASTED
#undef WIDE
#undef VECTOR
#undef ROTATED_RIGHT
#undef MIX
#undef LANES
#undef NAME
#undef TARGET
