/* Sixteen, eight or four streams with AVX-512: rotations and functions of three bits in one instruction each. */
#if defined(__x86_64__)

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))
#define TERNARY

#define LANES 16
#define X86 _mm512_
#define FUNCTION lanes_avx512_16
#include "lanes_template.h"
#undef LANES
#undef X86
#undef FUNCTION

#define LANES 8
#define X86 _mm256_
#define FUNCTION lanes_avx512_8
#include "lanes_template.h"
#undef LANES
#undef X86
#undef FUNCTION

#define LANES 4
#define X86 _mm_
#define FUNCTION lanes_avx512_4
#include "lanes_template.h"

#endif
