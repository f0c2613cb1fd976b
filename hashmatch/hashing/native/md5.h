/* One block of MD5 (RFC 1321, section 3.4) over words of LANES streams; m holds its words, little-endian. */
#include "constants.h"

#define MD5_F(x, y, z) CHOOSE(x, y, z)
#define MD5_G(x, y, z) CHOOSE(z, x, y)
#define MD5_H(x, y, z) PARITY(x, y, z)

#define MD5_STEP(f, a, b, c, d, word, i, turn) \
    a += m[(word) & 15] + k[i]; \
    a += f(b, c, d); \
    a = b + ROTATE(a, turn)

/* Four steps from number i on, of a round that takes words `stride` apart. */
#define MD5_FOUR(f, i, word, stride, turn0, turn1, turn2, turn3) \
    MD5_STEP(f, a, b, c, d, word, i, turn0); \
    MD5_STEP(f, d, a, b, c, word + stride, i + 1, turn1); \
    MD5_STEP(f, c, d, a, b, word + 2 * stride, i + 2, turn2); \
    MD5_STEP(f, b, c, d, a, word + 3 * stride, i + 3, turn3)

#define MD5_ROUND(f, i, word, stride, turn0, turn1, turn2, turn3) \
    MD5_FOUR(f, i, word, stride, turn0, turn1, turn2, turn3); \
    MD5_FOUR(f, i + 4, word + 4 * stride, stride, turn0, turn1, turn2, turn3); \
    MD5_FOUR(f, i + 8, word + 8 * stride, stride, turn0, turn1, turn2, turn3); \
    MD5_FOUR(f, i + 12, word + 12 * stride, stride, turn0, turn1, turn2, turn3)

INLINE void NAME(md5)(W state[4], const W m[16])
{
    static const uint32_t k[64] = MD5_CONSTANTS;
    W a = state[0], b = state[1], c = state[2], d = state[3];
    MD5_ROUND(MD5_F, 0, 0, 1, 7, 12, 17, 22);
    MD5_ROUND(MD5_G, 16, 1, 5, 5, 9, 14, 20);
    MD5_ROUND(MD5_H, 32, 5, 3, 4, 11, 16, 23);
    MD5_ROUND(MD5_I, 48, 0, 7, 6, 10, 15, 21);
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

#undef MD5_F
#undef MD5_G
#undef MD5_H
#undef MD5_STEP
#undef MD5_FOUR
#undef MD5_ROUND
