/*
 * One stream with the SHA instructions of x86. They do four rounds of SHA-1, or two of SHA-256, over four words of the
 * schedule; which words they want in which order is in Intel's Software Developer's Manual, volume 2, SHA1RNDS4 to
 * SHA256RNDS2. MD5 has no such instructions and goes in plain integers.
 */
#if defined(__x86_64__)

#include <immintrin.h>

#include "constants.h"
#include "kernel.h"

#define TARGET __attribute__((target("sha,sse4.1")))

/* Rounds 4g to 4g + 3; w is a ring of the last sixteen words of the schedule. */
#define SHA1_ROUNDS(g) \
    do { \
        const __m128i sum = (g) == 0 ? _mm_add_epi32(e, w[0]) : _mm_sha1nexte_epu32(e, w[(g) & 3]); \
        e = abcd; \
        abcd = _mm_sha1rnds4_epu32(abcd, sum, (g) / 5); \
        if ((g) < 16) \
            w[(g) & 3] = _mm_sha1msg2_epu32( \
                _mm_xor_si128(_mm_sha1msg1_epu32(w[(g) & 3], w[((g) + 1) & 3]), w[((g) + 2) & 3]), w[((g) + 3) & 3]); \
    } while (0)

TARGET static void sha1_blocks(uint32_t state[5], const uint8_t *data, size_t blocks)
{
    const __m128i reversed = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0x1B);
    __m128i e = _mm_set_epi32((int)state[4], 0, 0, 0);
    for (; blocks; blocks--, data += BLOCK) {
        const __m128i abcd_before = abcd, e_before = e;
        __m128i w[4];
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)data + i), reversed);
        SHA1_ROUNDS(0);
        SHA1_ROUNDS(1);
        SHA1_ROUNDS(2);
        SHA1_ROUNDS(3);
        SHA1_ROUNDS(4);
        SHA1_ROUNDS(5);
        SHA1_ROUNDS(6);
        SHA1_ROUNDS(7);
        SHA1_ROUNDS(8);
        SHA1_ROUNDS(9);
        SHA1_ROUNDS(10);
        SHA1_ROUNDS(11);
        SHA1_ROUNDS(12);
        SHA1_ROUNDS(13);
        SHA1_ROUNDS(14);
        SHA1_ROUNDS(15);
        SHA1_ROUNDS(16);
        SHA1_ROUNDS(17);
        SHA1_ROUNDS(18);
        SHA1_ROUNDS(19);
        e = _mm_sha1nexte_epu32(e, e_before);
        abcd = _mm_add_epi32(abcd, abcd_before);
    }
    _mm_storeu_si128((__m128i *)state, _mm_shuffle_epi32(abcd, 0x1B));
    state[4] = (uint32_t)_mm_extract_epi32(e, 3);
}

/* Rounds 4g to 4g + 3, likewise. */
#define SHA256_ROUNDS(g) \
    do { \
        const __m128i sum = _mm_add_epi32(w[(g) & 3], _mm_load_si128((const __m128i *)k + (g))); \
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum); \
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E)); \
        if ((g) < 12) \
            w[(g) & 3] = _mm_sha256msg2_epu32( \
                _mm_add_epi32(_mm_sha256msg1_epu32(w[(g) & 3], w[((g) + 1) & 3]), \
                              _mm_alignr_epi8(w[((g) + 3) & 3], w[((g) + 2) & 3], 4)), \
                w[((g) + 3) & 3]); \
    } while (0)

TARGET static void sha256_blocks(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    static const _Alignas(16) uint32_t k[64] = SHA256_CONSTANTS;
    const __m128i reversed = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    const __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
    const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state + 1), 0x1B);
    __m128i abef = _mm_alignr_epi8(badc, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, badc, 0xF0);
    for (; blocks; blocks--, data += BLOCK) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4];
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)data + i), reversed);
        SHA256_ROUNDS(0);
        SHA256_ROUNDS(1);
        SHA256_ROUNDS(2);
        SHA256_ROUNDS(3);
        SHA256_ROUNDS(4);
        SHA256_ROUNDS(5);
        SHA256_ROUNDS(6);
        SHA256_ROUNDS(7);
        SHA256_ROUNDS(8);
        SHA256_ROUNDS(9);
        SHA256_ROUNDS(10);
        SHA256_ROUNDS(11);
        SHA256_ROUNDS(12);
        SHA256_ROUNDS(13);
        SHA256_ROUNDS(14);
        SHA256_ROUNDS(15);
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)state + 1, _mm_alignr_epi8(dchg, feba, 8));
}

void stream_sha_ni(struct digester *digester, unsigned algorithms, const uint8_t *data, size_t blocks)
{
    if (algorithms & ALG_MD5)
        stream_scalar(digester, ALG_MD5, data, blocks);
    if (algorithms & ALG_SHA1)
        sha1_blocks(digester->sha1, data, blocks);
    if (algorithms & ALG_SHA256)
        sha256_blocks(digester->sha256, data, blocks);
}

#endif
