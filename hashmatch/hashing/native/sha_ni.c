/* One stream, or a digest of two, with the SHA instructions; MD5 in plain integers. */
#if defined(__x86_64__)

#define TARGET __attribute__((target("sha,sse4.1")))
#define LANES 1
#define FUNCTION stream_sha_ni
#include "sha_ni_template.h"

#endif
