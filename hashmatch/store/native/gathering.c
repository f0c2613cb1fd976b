#include "gathering.h"
#include "words.h"

int check_state(const Py_buffer *state)
{
    if (state->len == BLAKE2B_STATE * (Py_ssize_t)sizeof(uint64_t))
        return 0;
    PyErr_SetString(PyExc_TypeError, "expected a state that key_state gave");
    return -1;
}

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

void gathered_put(struct gathered *gathered, size_t index, const Py_buffer *prefix, const void *message, size_t length)
{
    uint8_t *slot = gathered->slots + index * gathered->stride;

    memcpy(slot, prefix->buf, (size_t)prefix->len);
    memcpy(slot + prefix->len, message, length);
    gathered->lengths[index] = (uint8_t)((size_t)prefix->len + length);
}

/* Return the longest message, or -1 with an exception where one is neither bytes nor None, or empty, or too long. */
static Py_ssize_t longest_of(PyObject *const *messages, Py_ssize_t count, Py_ssize_t prefix)
{
    Py_ssize_t longest = 0;

    for (Py_ssize_t i = 0; i < count; i++) {
        if (messages[i] == Py_None)
            continue;
        if (!PyBytes_Check(messages[i])) {
            PyErr_SetString(PyExc_TypeError, "expected bytes or None for every message");
            return -1;
        }
        const Py_ssize_t length = prefix + PyBytes_GET_SIZE(messages[i]);
        if (length < 1 || length > BLAKE2B_BLOCK) {
            PyErr_SetString(PyExc_ValueError, "expected messages of 1 to 128 bytes");
            return -1;
        }
        if (length > longest)
            longest = length;
    }
    return longest;
}

int gathered_take(struct gathered *gathered, const Py_buffer *prefix, PyObject *sequence)
{
    PyObject *fast = PySequence_Fast(sequence, "expected a sequence of messages");
    int result = -1;
    size_t put = 0;

    if (fast == NULL)
        return -1;
    PyObject *const *messages = PySequence_Fast_ITEMS(fast);
    const Py_ssize_t count = PySequence_Fast_GET_SIZE(fast);
    const Py_ssize_t longest = longest_of(messages, count, prefix->len);
    if (longest >= 0 && gathered_make(gathered, (size_t)count, (size_t)longest) == 0) {
        for (Py_ssize_t i = 0; i < count; i++)
            if (messages[i] != Py_None)
                gathered_put(gathered, put++, prefix, PyBytes_AS_STRING(messages[i]),
                             (size_t)PyBytes_GET_SIZE(messages[i]));
        gathered->count = put;
        result = 0;
    }
    Py_DECREF(fast);
    return result;
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
