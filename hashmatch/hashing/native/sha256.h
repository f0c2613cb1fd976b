/* One block of SHA-256 (FIPS 180-4, section 6.2.2) over words of LANES streams; m holds its words, big-endian. */
#include "constants.h"

#define SHA256_UPPER0(x) PARITY(ROTATE(x, 30), ROTATE(x, 19), ROTATE(x, 10))
#define SHA256_UPPER1(x) PARITY(ROTATE(x, 26), ROTATE(x, 21), ROTATE(x, 7))
#define SHA256_LOWER0(x) PARITY(ROTATE(x, 25), ROTATE(x, 14), (x) >> 3)
#define SHA256_LOWER1(x) PARITY(ROTATE(x, 15), ROTATE(x, 13), (x) >> 10)

/* Word t of the message schedule, kept in a ring of sixteen. */
#define SHA256_LATER(t) \
    (w[(t) & 15] += SHA256_LOWER1(w[((t) + 14) & 15]) + w[((t) + 9) & 15] + SHA256_LOWER0(w[((t) + 1) & 15]))
#define SHA256_WORD(t) ((t) < 16 ? w[(t) & 15] : SHA256_LATER(t))

#define SHA256_STEP(a, b, c, d, e, f, g, h, t) \
    h += SHA256_WORD(t) + k[t]; \
    h += CHOOSE(e, f, g) + SHA256_UPPER1(e); \
    d += h; \
    h += MAJORITY(a, b, c) + SHA256_UPPER0(a)

#define SHA256_EIGHT(t) \
    SHA256_STEP(a, b, c, d, e, f, g, h, t); \
    SHA256_STEP(h, a, b, c, d, e, f, g, t + 1); \
    SHA256_STEP(g, h, a, b, c, d, e, f, t + 2); \
    SHA256_STEP(f, g, h, a, b, c, d, e, t + 3); \
    SHA256_STEP(e, f, g, h, a, b, c, d, t + 4); \
    SHA256_STEP(d, e, f, g, h, a, b, c, t + 5); \
    SHA256_STEP(c, d, e, f, g, h, a, b, t + 6); \
    SHA256_STEP(b, c, d, e, f, g, h, a, t + 7)

INLINE void NAME(sha256)(W state[8], const W m[16])
{
    static const uint32_t constants[64] = SHA256_CONSTANTS;
    const uint32_t *k = constants;
    OPAQUE(k);
    W a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    W w[16];
    for (int i = 0; i < 16; i++)
        w[i] = m[i];
    SHA256_EIGHT(0);
    SHA256_EIGHT(8);
    SHA256_EIGHT(16);
    SHA256_EIGHT(24);
    SHA256_EIGHT(32);
    SHA256_EIGHT(40);
    SHA256_EIGHT(48);
    SHA256_EIGHT(56);
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}
