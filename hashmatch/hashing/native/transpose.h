/*
 * Loads one block of each of LANES streams, turned so that word i of all of them stands in m[i].
 *
 * Streams come four to a quarter (128 bits): row i holds 16 bytes of the streams i, i + 4, i + 8 and i + 12, and four
 * rows are turned by two rounds of interleaving, which x86 does within quarters at every width.
 */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are loaded as little-endian; other machines use hashlib"
#endif

#if LANES == 1

INLINE void NAME(load_block)(W m[16], const uint8_t *const data[], size_t at)
{
    __builtin_memcpy(m, data[0] + at, BLOCK);
}

INLINE W NAME(swap_bytes)(W x)
{
    return __builtin_bswap32(x);
}

#else

#ifdef X86

INLINE W NAME(load_row)(const uint8_t *const data[], int i, size_t at)
{
#define QUARTER(q) _mm_loadu_si128((const __m128i *)(data[i + 4 * (q)] + at))
#if LANES == 4
    return (W)QUARTER(0);
#elif LANES == 8
    return (W)_mm256_inserti128_si256(_mm256_castsi128_si256(QUARTER(0)), QUARTER(1), 1);
#else
    __m512i row = _mm512_castsi128_si512(QUARTER(0));
    row = _mm512_inserti32x4(row, QUARTER(1), 1);
    row = _mm512_inserti32x4(row, QUARTER(2), 2);
    return (W)_mm512_inserti32x4(row, QUARTER(3), 3);
#endif
#undef QUARTER
}

#define ZIP(x, y, half, bits) ((W)INTRINSIC(unpack##half##_epi##bits)((REGISTER)(x), (REGISTER)(y)))

INLINE W NAME(swap_bytes)(W x)
{
    const __m128i reversed = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
#if LANES == 4
    return (W)_mm_shuffle_epi8((__m128i)x, reversed);
#elif LANES == 8
    return (W)_mm256_shuffle_epi8((__m256i)x, _mm256_broadcastsi128_si256(reversed));
#else
    return (W)_mm512_shuffle_epi8((__m512i)x, _mm512_broadcast_i32x4(reversed));
#endif
}

#else

_Static_assert(LANES == 4, "portable code goes by one quarter");

INLINE W NAME(load_row)(const uint8_t *const data[], int i, size_t at)
{
    W row;
    __builtin_memcpy(&row, data[i] + at, sizeof row);
    return row;
}

#define ZIP(x, y, half, bits) ZIP_##half##_##bits(x, y)
#define ZIP_lo_32(x, y) ((W){(x)[0], (y)[0], (x)[1], (y)[1]})
#define ZIP_hi_32(x, y) ((W){(x)[2], (y)[2], (x)[3], (y)[3]})
#define ZIP_lo_64(x, y) ((W){(x)[0], (x)[1], (y)[0], (y)[1]})
#define ZIP_hi_64(x, y) ((W){(x)[2], (x)[3], (y)[2], (y)[3]})

INLINE W NAME(swap_bytes)(W x)
{
    return (ROTATE(x, 8) & 0x00ff00ff) | (ROTATE(x, 24) & 0xff00ff00);
}

#endif

INLINE void NAME(load_block)(W m[16], const uint8_t *const data[], size_t at)
{
    for (int i = 0; i < 16; i += 4) {
        const size_t from = at + 4 * i;
        const W row0 = NAME(load_row)(data, 0, from), row1 = NAME(load_row)(data, 1, from);
        const W row2 = NAME(load_row)(data, 2, from), row3 = NAME(load_row)(data, 3, from);
        const W low01 = ZIP(row0, row1, lo, 32), low23 = ZIP(row2, row3, lo, 32);
        const W high01 = ZIP(row0, row1, hi, 32), high23 = ZIP(row2, row3, hi, 32);
        m[i] = ZIP(low01, low23, lo, 64);
        m[i + 1] = ZIP(low01, low23, hi, 64);
        m[i + 2] = ZIP(high01, high23, lo, 64);
        m[i + 3] = ZIP(high01, high23, hi, 64);
    }
}

#undef ZIP

#endif
