/*
 * Streams with the SHA instructions of x86, and MD5 beside them. Included after the definitions that words.h asks for.
 *
 * The instructions do four rounds of SHA-1, or two of SHA-256, over four words of the schedule; which words they want in
 * which order is in Intel's Software Developer's Manual, volume 2, SHA1RNDS4 to SHA256RNDS2. Each waits for the one
 * before it, so the digests of a stream, or the same digest of two streams, are woven together group by group: a group
 * is four rounds of SHA-1, four of SHA-256 and four steps of MD5.
 */
#include <immintrin.h>

#include "kernel.h"
#include "words.h"

#include "md5.h"

/* Rounds 4g to 4g + 3 of stream s; w is a ring of the last sixteen words of the schedule. */
#define SHA1_ROUNDS(g, s) \
    do { \
        __m128i *const w = sha1[s].w, *const e = &sha1[s].e; \
        const __m128i sum = (g) == 0 ? _mm_add_epi32(*e, w[0]) : _mm_sha1nexte_epu32(*e, w[(g) & 3]); \
        *e = sha1[s].abcd; \
        sha1[s].abcd = _mm_sha1rnds4_epu32(*e, sum, (g) / 5 & 3); \
        if ((g) < 16) \
            w[(g) & 3] = _mm_sha1msg2_epu32( \
                _mm_xor_si128(_mm_sha1msg1_epu32(w[(g) & 3], w[((g) + 1) & 3]), w[((g) + 2) & 3]), w[((g) + 3) & 3]); \
    } while (0)

#define SHA256_ROUNDS(g, s) \
    do { \
        __m128i *const w = sha256[s].w; \
        const __m128i sum = _mm_add_epi32(w[(g) & 3], _mm_load_si128((const __m128i *)sha256_constants + ((g) & 15))); \
        sha256[s].cdgh = _mm_sha256rnds2_epu32(sha256[s].cdgh, sha256[s].abef, sum); \
        sha256[s].abef = _mm_sha256rnds2_epu32(sha256[s].abef, sha256[s].cdgh, _mm_shuffle_epi32(sum, 0x0E)); \
        if ((g) < 12) \
            w[(g) & 3] = _mm_sha256msg2_epu32( \
                _mm_add_epi32(_mm_sha256msg1_epu32(w[(g) & 3], w[((g) + 1) & 3]), \
                              _mm_alignr_epi8(w[((g) + 3) & 3], w[((g) + 2) & 3], 4)), \
                w[((g) + 3) & 3]); \
    } while (0)

#define GROUP(g) \
    do { \
        for (int s = 0; s < count; s++) { \
            if (algorithms & ALG_SHA1) \
                SHA1_ROUNDS(g, s); \
            if (algorithms & ALG_SHA256 && (g) < 16) \
                SHA256_ROUNDS(g, s); \
        } \
        if (algorithms & ALG_MD5 && (g) < 16) \
            MD5_STEPS(4 * (g)); \
    } while (0)

#define FIVE_GROUPS(g) \
    GROUP(g); \
    GROUP(g + 1); \
    GROUP(g + 2); \
    GROUP(g + 3); \
    GROUP(g + 4)

/* States as the instructions want them: a to h from the highest word down. */
struct NAME(sha1) {
    __m128i abcd, e, w[4], abcd_before, e_before;
};

struct NAME(sha256) {
    __m128i abef, cdgh, w[4], abef_before, cdgh_before;
};

INLINE void NAME(sha1_load)(struct NAME(sha1) *sha1, const uint32_t state[5])
{
    sha1->abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0x1B);
    sha1->e = _mm_set_epi32((int)state[4], 0, 0, 0);
}

INLINE void NAME(sha1_store)(const struct NAME(sha1) *sha1, uint32_t state[5])
{
    _mm_storeu_si128((__m128i *)state, _mm_shuffle_epi32(sha1->abcd, 0x1B));
    state[4] = (uint32_t)_mm_extract_epi32(sha1->e, 3);
}

INLINE void NAME(sha256_load)(struct NAME(sha256) *sha256, const uint32_t state[8])
{
    const __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
    const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state + 1), 0x1B);
    sha256->abef = _mm_alignr_epi8(badc, hgfe, 8);
    sha256->cdgh = _mm_blend_epi16(hgfe, badc, 0xF0);
}

INLINE void NAME(sha256_store)(const struct NAME(sha256) *sha256, uint32_t state[8])
{
    const __m128i feba = _mm_shuffle_epi32(sha256->abef, 0x1B), dchg = _mm_shuffle_epi32(sha256->cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)state + 1, _mm_alignr_epi8(dchg, feba, 8));
}

INLINE void NAME(sha1_begin)(struct NAME(sha1) *sha1, const uint8_t *block)
{
    const __m128i reversed = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (int i = 0; i < 4; i++)
        sha1->w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)block + i), reversed);
    sha1->abcd_before = sha1->abcd;
    sha1->e_before = sha1->e;
}

INLINE void NAME(sha1_end)(struct NAME(sha1) *sha1)
{
    sha1->e = _mm_sha1nexte_epu32(sha1->e, sha1->e_before);
    sha1->abcd = _mm_add_epi32(sha1->abcd, sha1->abcd_before);
}

INLINE void NAME(sha256_begin)(struct NAME(sha256) *sha256, const uint8_t *block)
{
    const __m128i reversed = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    for (int i = 0; i < 4; i++)
        sha256->w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)block + i), reversed);
    sha256->abef_before = sha256->abef;
    sha256->cdgh_before = sha256->cdgh;
}

INLINE void NAME(sha256_end)(struct NAME(sha256) *sha256)
{
    sha256->abef = _mm_add_epi32(sha256->abef, sha256->abef_before);
    sha256->cdgh = _mm_add_epi32(sha256->cdgh, sha256->cdgh_before);
}

/* `count` and `algorithms` are constants where this is called. MD5 is of one stream; every lane of W does the same. */
INLINE void NAME(weave)(struct digester *const streams[], const uint8_t *const data[], const int count,
                        const unsigned algorithms, size_t blocks)
{
    typedef uint32_t unaligned __attribute__((aligned(1), may_alias));
    static const _Alignas(16) uint32_t md5_constants[64] = MD5_CONSTANTS, sha256_constants[64] = SHA256_CONSTANTS;
    const uint32_t *k = md5_constants;
    OPAQUE(k);
    W md5[4] = {0};
    struct NAME(sha1) sha1[2];
    struct NAME(sha256) sha256[2];
    if (algorithms & ALG_MD5)
        for (int i = 0; i < 4; i++)
            md5[i] += streams[0]->md5[i];
    for (int s = 0; s < count; s++) {
        if (algorithms & ALG_SHA1)
            NAME(sha1_load)(&sha1[s], streams[s]->sha1);
        if (algorithms & ALG_SHA256)
            NAME(sha256_load)(&sha256[s], streams[s]->sha256);
    }
    for (size_t at = 0; at < blocks * BLOCK; at += BLOCK) {
        const unaligned *const m = (const unaligned *)(data[0] + at);
        W a = md5[0], b = md5[1], c = md5[2], d = md5[3];
        for (int s = 0; s < count; s++) {
            if (algorithms & ALG_SHA1)
                NAME(sha1_begin)(&sha1[s], data[s] + at);
            if (algorithms & ALG_SHA256)
                NAME(sha256_begin)(&sha256[s], data[s] + at);
        }
        FIVE_GROUPS(0);
        FIVE_GROUPS(5);
        FIVE_GROUPS(10);
        FIVE_GROUPS(15);
        md5[0] += a;
        md5[1] += b;
        md5[2] += c;
        md5[3] += d;
        for (int s = 0; s < count; s++) {
            if (algorithms & ALG_SHA1)
                NAME(sha1_end)(&sha1[s]);
            if (algorithms & ALG_SHA256)
                NAME(sha256_end)(&sha256[s]);
        }
    }
    if (algorithms & ALG_MD5)
        for (int i = 0; i < 4; i++)
            __builtin_memcpy(&streams[0]->md5[i], &md5[i], 4);
    for (int s = 0; s < count; s++) {
        if (algorithms & ALG_SHA1)
            NAME(sha1_store)(&sha1[s], streams[s]->sha1);
        if (algorithms & ALG_SHA256)
            NAME(sha256_store)(&sha256[s], streams[s]->sha256);
    }
}

TARGET void FUNCTION(struct digester *const streams[], const uint8_t *const data[], unsigned count, unsigned algorithms,
                     size_t blocks)
{
    switch (algorithms + (count == 2 ? 8 : 0)) {
#define CASE(count, algorithms) \
    case (algorithms) + ((count) == 2 ? 8 : 0): \
        NAME(weave)(streams, data, count, algorithms, blocks); \
        break
        CASE(1, ALG_MD5);
        CASE(1, ALG_SHA1);
        CASE(1, ALG_MD5 | ALG_SHA1);
        CASE(1, ALG_SHA256);
        CASE(1, ALG_MD5 | ALG_SHA256);
        CASE(1, ALG_SHA1 | ALG_SHA256);
        CASE(1, ALG_ALL);
        CASE(2, ALG_SHA1);
        CASE(2, ALG_SHA256);
#undef CASE
    }
}
