/* One block of MD5 (RFC 1321, section 3.4) over words of LANES streams; m holds its words, little-endian. */
#include "constants.h"

/*
 * x is what the step before has just made, so what needs only y and z is best done early. G takes each bit from x or
 * from y, never from both, so that its halves can be added one after the other.
 */
#define MD5_F(x, y, z) CHOOSE(x, y, z)
#define MD5_F_EARLY(y, z) 0
#define MD5_H(x, y, z) PARITY(x, y, z)
#define MD5_H_EARLY(y, z) 0
#define MD5_I_EARLY(y, z) 0
#ifdef TERNARY
#define MD5_G(x, y, z) CHOOSE(z, x, y)
#define MD5_G_EARLY(y, z) 0
#else
#define MD5_G(x, y, z) ((x) & (z))
#define MD5_G_EARLY(y, z) ((y) & ~(z))
#endif

#define MD5_STEP(f, a, b, c, d, word, i, turn) \
    a += m[(word) & 15]; \
    a += k[i]; \
    a += f##_EARLY(c, d); \
    SETTLE(a); \
    a += f(b, c, d); \
    a = b + ROTATE(a, turn)

/* Four steps from number i on, in a round that takes words `stride` apart. */
#define MD5_FOUR(f, i, word, stride, turn0, turn1, turn2, turn3) \
    MD5_STEP(f, a, b, c, d, word, i, turn0); \
    MD5_STEP(f, d, a, b, c, (word) + (stride), (i) + 1, turn1); \
    MD5_STEP(f, c, d, a, b, (word) + 2 * (stride), (i) + 2, turn2); \
    MD5_STEP(f, b, c, d, a, (word) + 3 * (stride), (i) + 3, turn3)

/* Steps i to i + 3 of the 64; i is a constant. */
#define MD5_STEPS(i) \
    do { \
        if ((i) < 16) { \
            MD5_FOUR(MD5_F, i, i, 1, 7, 12, 17, 22); \
        } else if ((i) < 32) { \
            MD5_FOUR(MD5_G, i, 5 * (i) + 1, 5, 5, 9, 14, 20); \
        } else if ((i) < 48) { \
            MD5_FOUR(MD5_H, i, 3 * (i) + 5, 3, 4, 11, 16, 23); \
        } else { \
            MD5_FOUR(MD5_I, i, 7 * (i), 7, 6, 10, 15, 21); \
        } \
    } while (0)

#define MD5_ROUND(i) \
    MD5_STEPS(i); \
    MD5_STEPS(i + 4); \
    MD5_STEPS(i + 8); \
    MD5_STEPS(i + 12)

INLINE void NAME(md5)(W state[4], const W m[16])
{
    static const uint32_t constants[64] = MD5_CONSTANTS;
    const uint32_t *k = constants;
    OPAQUE(k);
    W a = state[0], b = state[1], c = state[2], d = state[3];
    MD5_ROUND(0);
    MD5_ROUND(16);
    MD5_ROUND(32);
    MD5_ROUND(48);
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}
