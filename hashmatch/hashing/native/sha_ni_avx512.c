/*
 * One stream, or a digest of two, with the SHA instructions; MD5 in one lane of a vector, where AVX-512 does in four
 * instructions, one after the other, what takes five in integers.
 */
#if defined(__x86_64__)

#define TARGET __attribute__((target("sha,avx512f,avx512bw,avx512vl")))
#define TERNARY
#define LANES 4
#define X86 _mm_
#define FUNCTION stream_sha_ni_avx512
#include "sha_ni_template.h"

#endif
