/* Keyed BLAKE2b (RFC 7693) of many short messages at once: what the store seals digests with. */

#ifndef HASHMATCH_BLAKE2B_H
#define HASHMATCH_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>

enum {
    BLAKE2B_BLOCK = 128,  /* bytes; a message must fit into one */
    BLAKE2B_STATE = 8,    /* words */
    SEALED_SIZE = 16,     /* bytes of each result */
    LANES_MOST = 8,       /* messages that the widest code takes at once */
};

/*
 * Messages in slots of equal size, each filled up with zeros. `stride` is a multiple of 8 and at most a block; room is
 * for `count` rounded up to LANES_MOST, and what lies behind the last message is hashed and thrown away.
 */
struct messages {
    const uint8_t *slots;
    const uint8_t *lengths; /* 1 to `stride` bytes each: with a key, an empty message would be another construction */
    size_t stride;
    size_t count;
};

/* The state after the block that holds the key, the same for every message. */
void blake2b_key_state(const uint8_t *key, size_t length, uint64_t state[BLAKE2B_STATE]);

/*
 * Write the SEALED_SIZE bytes of each message to `sealed`, which has room for the rounded count. `lanes` is 2, 4 or 8,
 * or 0 for what this processor does best; it must be one that `blake2b_can` allows.
 */
void blake2b_seal(const uint64_t state[BLAKE2B_STATE], const struct messages *messages, uint8_t *sealed, int lanes);

int blake2b_can(int lanes);

#endif
