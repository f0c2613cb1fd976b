/* One block of SHA-1 (FIPS 180-4, section 6.1.2) over words of LANES streams; m holds its words, big-endian. */
#include "constants.h"

/* Word t of the message schedule, kept in a ring of sixteen. */
#define SHA1_LATER(t) \
    (w[(t) & 15] = ROTATE(w[((t) + 13) & 15] ^ PARITY(w[((t) + 8) & 15], w[((t) + 2) & 15], w[(t) & 15]), 1))
#define SHA1_WORD(t) ((t) < 16 ? w[(t) & 15] : SHA1_LATER(t))

#define SHA1_STEP(f, a, b, c, d, e, t) \
    e += SHA1_WORD(t) + k[(t) / 20]; \
    e += f(b, c, d); \
    e += ROTATE(a, 5); \
    b = ROTATE(b, 30)

#define SHA1_FIVE(f, t) \
    SHA1_STEP(f, a, b, c, d, e, t); \
    SHA1_STEP(f, e, a, b, c, d, t + 1); \
    SHA1_STEP(f, d, e, a, b, c, t + 2); \
    SHA1_STEP(f, c, d, e, a, b, t + 3); \
    SHA1_STEP(f, b, c, d, e, a, t + 4)

#define SHA1_TWENTY(f, t) \
    SHA1_FIVE(f, t); \
    SHA1_FIVE(f, t + 5); \
    SHA1_FIVE(f, t + 10); \
    SHA1_FIVE(f, t + 15)

INLINE void NAME(sha1)(W state[5], const W m[16])
{
    static const uint32_t constants[4] = SHA1_CONSTANTS;
    const uint32_t *k = constants;
    OPAQUE(k);
    W a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    W w[16];
    for (int i = 0; i < 16; i++)
        w[i] = m[i];
    SHA1_TWENTY(CHOOSE, 0);
    SHA1_TWENTY(PARITY, 20);
    SHA1_TWENTY(MAJORITY, 40);
    SHA1_TWENTY(PARITY, 60);
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}
