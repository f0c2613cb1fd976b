/* Four streams in whatever 128-bit vectors the compiler finds on this machine (NEON, SSE2, ...). */
#define TARGET
#define LANES 4
#define FUNCTION lanes_generic_4
#include "lanes_template.h"
