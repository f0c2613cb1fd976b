/*
 * The word W that the algorithms are written over: LANES 32-bit words side by side, and the operations on them.
 *
 * Included once for every instance, so without a guard, by a file that has defined
 *   LANES   how many streams go side by side; 1 for plain integers
 *   TARGET  the attribute that allows the instructions, or nothing
 *   X86     on x86, the prefix of the intrinsics of this width (_mm256_); undefined for portable code
 *   TERNARY where any function of three bits is one instruction (AVX-512)
 */
#include <stdint.h>
#ifdef X86
#include <immintrin.h>
#endif

#undef JOINED
#undef JOINED_
#undef NAME
#undef W
#undef INLINE
#define JOINED_(name, lanes) name##_##lanes
#define JOINED(name, lanes) JOINED_(name, lanes)
#define NAME(name) JOINED(name, LANES)
#define W NAME(word)
#define INLINE TARGET static inline __attribute__((always_inline))

#if LANES == 1
typedef uint32_t W;
#else
typedef uint32_t W __attribute__((vector_size(4 * LANES)));
#endif

#undef INTRINSIC
#undef INTRINSIC_
#undef REGISTER
#ifdef X86
#define INTRINSIC_(prefix, name) prefix##name
#define INTRINSIC__(prefix, name) INTRINSIC_(prefix, name)
#define INTRINSIC(name) INTRINSIC__(X86, name)
#if LANES == 16
#define REGISTER __m512i
#elif LANES == 8
#define REGISTER __m256i
#else
#define REGISTER __m128i
#endif
#endif

#undef ROTATE
#undef CHOOSE
#undef MAJORITY
#undef PARITY
#undef MD5_I
#ifdef TERNARY
/* The table's bit 4x + 2y + z is the result for bits x, y, z. */
#define LOGIC(x, y, z, table) \
    ((W)INTRINSIC(ternarylogic_epi32)((REGISTER)(x), (REGISTER)(y), (REGISTER)(z), table))
#define ROTATE(x, by) ((W)INTRINSIC(rol_epi32)((REGISTER)(x), by))
#define CHOOSE(x, y, z) LOGIC(x, y, z, 0xCA)
#define MAJORITY(x, y, z) LOGIC(x, y, z, 0xE8)
#define PARITY(x, y, z) LOGIC(x, y, z, 0x96)
#define MD5_I(x, y, z) LOGIC(x, y, z, 0x39)
#else
#define ROTATE(x, by) (((x) << (by)) | ((x) >> (32 - (by))))
#define CHOOSE(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define MAJORITY(x, y, z) (((x) & (y)) | ((z) & ((x) | (y))))
#define PARITY(x, y, z) ((x) ^ (y) ^ (z))
#define MD5_I(x, y, z) ((y) ^ ((x) | ~(z)))
#endif

/*
 * SETTLE computes x now: compilers reorder sums, and would add the latest term first, a whole step later. OPAQUE keeps
 * them from folding a table into the code, where AVX-512 would build each constant instead of adding it from memory.
 */
#undef SETTLE
#undef OPAQUE
#define OPAQUE(pointer) __asm__("" : "+r"(pointer))
#if LANES == 1
#define SETTLE(x) __asm__("" : "+r"(x))
#elif defined(__x86_64__)
#define SETTLE(x) __asm__("" : "+v"(x))
#elif defined(__aarch64__)
#define SETTLE(x) __asm__("" : "+w"(x))
#else
#define SETTLE(x) ((void)0)
#endif
