/* Eight or four streams with AVX2. */
#if defined(__x86_64__)

#define TARGET __attribute__((target("avx2")))

#define LANES 8
#define X86 _mm256_
#define FUNCTION lanes_avx2_8
#include "lanes_template.h"
#undef LANES
#undef X86
#undef FUNCTION

#define LANES 4
#define X86 _mm_
#define FUNCTION lanes_avx2_4
#include "lanes_template.h"

#endif
