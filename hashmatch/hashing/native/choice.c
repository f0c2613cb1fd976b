/* The kernels there are, and which one this processor gets. */
#include "kernel.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

/*
 * Fastest first. A lane function takes the same time however many of its lanes are used, so from how many streams on it
 * pays follows from the figures of benchmarks/kernels.py for 1, 2, 4, 8 and 16 streams.
 */
static const struct kernel kernels[] = {
#if defined(__x86_64__)
    {
        "avx512+sha",
        "AVX-512, 16 lanes; SHA-NI",
        {{lanes_avx512_16, 16, {9, 9, 9}}, {lanes_avx512_8, 8, {5, 5, 5}}, {lanes_avx512_4, 4, {2, 4, NEVER}}},
        stream_sha_ni_avx512,
        ALG_SHA1 | ALG_SHA256,
    },
    {
        "avx512",
        "AVX-512, 16 lanes",
        {{lanes_avx512_16, 16, {9, 9, 9}}, {lanes_avx512_8, 8, {5, 5, 5}}, {lanes_avx512_4, 4, {1, 1, 1}}},
        stream_scalar,
        0,
    },
    {
        "avx2+sha",
        "AVX2, 8 lanes; SHA-NI",
        {{lanes_avx2_8, 8, {5, 5, NEVER}}, {lanes_avx2_4, 4, {2, NEVER, NEVER}}},
        stream_sha_ni,
        ALG_SHA1 | ALG_SHA256,
    },
    {
        "avx2",
        "AVX2, 8 lanes",
        {{lanes_avx2_8, 8, {5, 5, 5}}, {lanes_avx2_4, 4, {2, 2, 2}}},
        stream_scalar,
        0,
    },
    {
        "sse+sha",
        "SSE4.1, 4 lanes; SHA-NI",
        {{lanes_sse_4, 4, {2, NEVER, NEVER}}},
        stream_sha_ni,
        ALG_SHA1 | ALG_SHA256,
    },
    {"sse", "SSE4.1, 4 lanes", {{lanes_sse_4, 4, {2, 2, 2}}}, stream_scalar, 0},
#endif
    {"generic", "portable C, 4 lanes", {{lanes_generic_4, 4, {2, 3, 2}}}, stream_scalar, 0},
    {"scalar", "portable C, one stream", {{0}}, stream_scalar, 0},
};

enum { KERNELS = sizeof kernels / sizeof *kernels };

/* Until a choice is made, what runs anywhere. */
const struct kernel *kernel_in_use = &kernels[KERNELS - 1];

static const char *usable_names[KERNELS + 1];

#if defined(__x86_64__)
/* CPUID leaf 7, EBX bit 29; __builtin_cpu_supports knows no "sha" in the compilers of today's stable distributions. */
static int has_sha(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
}
#endif

static int usable(const struct kernel *kernel)
{
#if defined(__x86_64__)
    if (kernel->in_pairs && !(has_sha() && __builtin_cpu_supports("sse4.1")))
        return 0;
    lane_function *const lanes = kernel->widths[0].advance;
    if (lanes == lanes_avx512_16)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl");
    if (lanes == lanes_avx2_8)
        return __builtin_cpu_supports("avx2");
    if (lanes == lanes_sse_4)
        return __builtin_cpu_supports("sse4.1");
#endif
    (void)kernel;
    return 1;
}

__attribute__((constructor)) static void choose(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
    const char **name = usable_names;
    for (int i = 0; i < KERNELS; i++)
        if (usable(&kernels[i]))
            *name++ = kernels[i].name;
    kernel_use(usable_names[0]);
}

const char *const *kernel_names(void)
{
    return usable_names;
}

int kernel_use(const char *name)
{
    for (int i = 0; i < KERNELS; i++)
        if (strcmp(kernels[i].name, name) == 0 && usable(&kernels[i])) {
            kernel_in_use = &kernels[i];
            return 1;
        }
    return 0;
}

const char *kernel_name(void)
{
    return kernel_in_use->name;
}

const char *kernel_description(void)
{
    return kernel_in_use->description;
}
