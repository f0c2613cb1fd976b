#include "gathering.h"
#include "words.h"

int gathered_make(struct gathered *gathered, size_t count, size_t longest)
{
    const size_t rounded = (count + LANES_MOST - 1) / LANES_MOST * LANES_MOST;

    gathered->stride = (longest + 7) / 8 * 8;
    gathered->count = count;
    gathered->slots = PyMem_Calloc(rounded ? rounded : 1, gathered->stride + 1 + SEALED_SIZE);
    if (gathered->slots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    gathered->lengths = gathered->slots + rounded * gathered->stride;
    gathered->sealed = gathered->lengths + rounded;
    memset(gathered->lengths, 1, rounded);
    return 0;
}

void gathered_put(struct gathered *gathered, size_t index, const Py_buffer *prefix, PyObject *message)
{
    uint8_t *slot = gathered->slots + index * gathered->stride;
    const size_t length = (size_t)PyBytes_GET_SIZE(message);

    memcpy(slot, prefix->buf, (size_t)prefix->len);
    memcpy(slot + prefix->len, PyBytes_AS_STRING(message), length);
    gathered->lengths[index] = (uint8_t)((size_t)prefix->len + length);
}

void gathered_seal(struct gathered *gathered, const Py_buffer *state, int lanes)
{
    const struct messages messages = {gathered->slots, gathered->lengths, gathered->stride, gathered->count};
    uint64_t words[BLAKE2B_STATE];

    memcpy(words, state->buf, sizeof words);
    blake2b_seal(words, &messages, gathered->sealed, lanes);
}

void gathered_free(struct gathered *gathered)
{
    PyMem_Free(gathered->slots);
}
