/* One stream in plain integers: any machine, and MD5 where nothing goes side by side. */
#include "kernel.h"

#define TARGET
#define LANES 1
#include "words.h"

#include "md5.h"
#include "sha1.h"
#include "sha256.h"
#include "transpose.h"

void stream_scalar(struct digester *const streams[], const uint8_t *const data[], unsigned count, unsigned algorithms,
                   size_t blocks)
{
    (void)count;
    struct digester *const digester = streams[0];
    uint32_t m[16];
    for (size_t at = 0; at < blocks * BLOCK; at += BLOCK) {
        NAME(load_block)(m, data, at);
        if (algorithms & ALG_MD5)
            NAME(md5)(digester->md5, m);
        if (algorithms & (ALG_SHA1 | ALG_SHA256))
            for (int i = 0; i < 16; i++)
                m[i] = NAME(swap_bytes)(m[i]);
        if (algorithms & ALG_SHA1)
            NAME(sha1)(digester->sha1, m);
        if (algorithms & ALG_SHA256)
            NAME(sha256)(digester->sha256, m);
    }
}
