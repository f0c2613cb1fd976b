/*
 * Fuzzes the kernels against the plainest of them, which the tests hold to hashlib: `make fuzz`.
 *
 * An input says which kernel, which algorithms, which lanes and how long each stream is. Contents are of exactly that
 * length, so that the address sanitizer sees a read past their end; what was not asked for must not change.
 */
#include "kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_STREAMS = 40, MOST_BYTES = 700 };

struct input {
    const uint8_t *bytes;
    size_t left;
};

static unsigned next(struct input *input)
{
    if (!input->left)
        return 0;
    input->left--;
    return *input->bytes++;
}

static void must(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", kernel_name(), what);
    abort();
}

static const char *pick_kernel(struct input *input)
{
    unsigned count = 0;
    while (kernel_names()[count])
        count++;
    return kernel_names()[next(input) % count];
}

/* Memory that ends where the content ends, filled from a few bytes of the input. */
static uint8_t *make_content(struct input *input, size_t length)
{
    uint8_t *const content = malloc(length ? length : 1);
    uint32_t state = next(input) * 2654435761u + 1;
    for (size_t i = 0; i < length; i++) {
        state = state * 1664525u + 1013904223u;
        content[i] = (uint8_t)(state >> 24);
    }
    return content;
}

static struct digester make_digester(struct input *input)
{
    struct digester digester;
    digester_start(&digester);
    digester.md5[next(input) & 3] ^= next(input);
    digester.sha1[next(input) & 3] ^= next(input) << 24;
    digester.sha256[next(input) & 7] ^= next(input) << 13;
    return digester;
}

static void fuzz_lanes(struct input *input, const char *kernel)
{
    const unsigned algorithms = next(input) % ALG_ALL + 1;
    const uint32_t mask = (next(input) | next(input) << 8), active = mask ? mask : 1;
    const size_t blocks = next(input) % 5;
    struct digester before[MOST_LANES], expected[MOST_LANES];
    uint8_t *contents[MOST_LANES];
    struct lanes lanes;
    for (unsigned lane = 0; lane < MOST_LANES; lane++) {
        const int used = active >> lane & 1;
        before[lane] = make_digester(input);
        expected[lane] = before[lane];
        lanes_put(&lanes, lane, &before[lane], ALG_ALL);
        contents[lane] = used ? make_content(input, blocks * BLOCK) : NULL;
        lanes.data[lane] = contents[lane];
        kernel_use("scalar");
        if (used)
            digester_blocks(&expected[lane], algorithms, contents[lane], blocks);
    }
    kernel_use(kernel);
    lanes_advance(&lanes, active, algorithms, blocks);
    for (unsigned lane = 0; lane < MOST_LANES; lane++) {
        struct digester found = before[lane];
        lanes_take(&lanes, lane, &found, ALG_ALL);
        must(memcmp(&found, &expected[lane], sizeof found) == 0, "lanes_advance differs");
        if (contents[lane])
            must(lanes.data[lane] == contents[lane] + blocks * BLOCK, "lanes_advance leaves data elsewhere");
        free(contents[lane]);
    }
}

static void fuzz_many(struct input *input, const char *kernel)
{
    const unsigned algorithms = next(input) % ALG_ALL + 1, count = next(input) % MOST_STREAMS;
    struct digester digesters[MOST_STREAMS];
    struct stretch stretches[MOST_STREAMS];
    struct ending endings[MOST_STREAMS];
    uint8_t *contents[MOST_STREAMS];
    uint8_t expected[MOST_STREAMS][ALGORITHMS][MOST_DIGEST], found[MOST_STREAMS][ALGORITHMS][MOST_DIGEST];
    memset(expected, 0, sizeof expected);
    memset(found, 0, sizeof found);
    for (unsigned i = 0; i < count; i++) {
        const size_t length = (next(input) | next(input) << 8) % MOST_BYTES, blocks = length / BLOCK;
        contents[i] = make_content(input, length);
        digester_start(&digesters[i]);
        kernel_use("scalar");
        digester_finish(&digesters[i], algorithms, contents[i], length, expected[i]);
        stretches[i] = (struct stretch){&digesters[i], contents[i], blocks};
        endings[i] = (struct ending){&digesters[i], contents[i] + blocks * BLOCK, length % BLOCK, found[i]};
    }
    kernel_use(kernel);
    stretches_advance(stretches, count, algorithms);
    for (unsigned i = 0; i < count; i++)
        stretches[i].stream->length = stretches[i].blocks * BLOCK;
    endings_finish(endings, count, algorithms);
    must(memcmp(found, expected, sizeof found) == 0, "digests of many streams differ");
    for (unsigned i = 0; i < count; i++)
        free(contents[i]);
}

static void fuzz(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, size};
    const char *const kernel = pick_kernel(&input);
    if (next(&input) & 1)
        fuzz_lanes(&input, kernel);
    else
        fuzz_many(&input, kernel);
}

/* usage: fuzz_kernels SECONDS [SEED]: random inputs; a seed that failed fails again. */
int main(int count, char **arguments)
{
    const time_t end = time(NULL) + (count > 1 ? atoi(arguments[1]) : 60);
    const unsigned seed = count > 2 ? (unsigned)atoi(arguments[2]) : (unsigned)time(NULL);
    printf("seed %u\n", seed);
    fflush(stdout);
    srandom(seed);
    unsigned long inputs = 0;
    do {
        uint8_t bytes[200];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)random();
        fuzz(bytes, sizeof bytes);
        inputs++;
    } while (time(NULL) < end);
    printf("%lu inputs, no difference\n", inputs);
    return 0;
}
