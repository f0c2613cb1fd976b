/*
 * The kernel FUNCTION: some lanes advance together, LANES at most. Included after the definitions that words.h asks for,
 * once for every width.
 *
 * `which` names the lanes; where they are fewer than the width, spare places go over the first lane's bytes and their
 * state is thrown away.
 */
#include "kernels.h"
#include "words.h"

#include "md5.h"
#include "sha1.h"
#include "sha256.h"
#include "transpose.h"

TARGET static void NAME(gather)(W words[], const uint32_t (*rows)[MOST_LANES], const uint8_t which[], int rowcount)
{
    for (int row = 0; row < rowcount; row++) {
        uint32_t column[LANES];
        for (int i = 0; i < LANES; i++)
            column[i] = rows[row][which[i]];
        __builtin_memcpy(&words[row], column, sizeof column);
    }
}

TARGET static void NAME(scatter)(const W words[], uint32_t (*rows)[MOST_LANES], const uint8_t which[], unsigned count,
                                 int rowcount)
{
    for (int row = 0; row < rowcount; row++) {
        uint32_t column[LANES];
        __builtin_memcpy(column, &words[row], sizeof column);
        for (unsigned i = 0; i < count; i++)
            rows[row][which[i]] = column[i];
    }
}

TARGET void FUNCTION(struct lanes *lanes, const uint8_t which[], unsigned count, unsigned algorithms, size_t blocks)
{
    uint8_t places[LANES];
    const uint8_t *data[LANES];
    for (unsigned i = 0; i < LANES; i++) {
        places[i] = which[i < count ? i : 0];
        data[i] = lanes->data[places[i]];
    }
    W md5[4] = {0}, sha1[5] = {0}, sha256[8] = {0}, m[16];
    if (algorithms & ALG_MD5)
        NAME(gather)(md5, lanes->md5, places, 4);
    if (algorithms & ALG_SHA1)
        NAME(gather)(sha1, lanes->sha1, places, 5);
    if (algorithms & ALG_SHA256)
        NAME(gather)(sha256, lanes->sha256, places, 8);
    for (size_t at = 0; at < blocks * BLOCK; at += BLOCK) {
        NAME(load_block)(m, data, at);
        if (algorithms & ALG_MD5)
            NAME(md5)(md5, m);
        if (algorithms & (ALG_SHA1 | ALG_SHA256))
            for (int i = 0; i < 16; i++)
                m[i] = NAME(swap_bytes)(m[i]);
        if (algorithms & ALG_SHA1)
            NAME(sha1)(sha1, m);
        if (algorithms & ALG_SHA256)
            NAME(sha256)(sha256, m);
    }
    if (algorithms & ALG_MD5)
        NAME(scatter)(md5, lanes->md5, which, count, 4);
    if (algorithms & ALG_SHA1)
        NAME(scatter)(sha1, lanes->sha1, which, count, 5);
    if (algorithms & ALG_SHA256)
        NAME(scatter)(sha256, lanes->sha256, which, count, 8);
}
