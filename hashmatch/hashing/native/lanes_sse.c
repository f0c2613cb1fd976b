/* Four streams with SSE4.1, which every x86-64 processor since 2008 has. */
#if defined(__x86_64__)

#define TARGET __attribute__((target("sse4.1")))
#define LANES 4
#define X86 _mm_
#define FUNCTION lanes_sse_4
#include "lanes_template.h"

#endif
