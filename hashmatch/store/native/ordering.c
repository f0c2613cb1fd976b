/* Sealed keys in the order in which a store has them, so that what is asked one after the other lies side by side. */

#include <stdlib.h>

#include "gathering.h"
#include "words.h"

struct place {
    uint64_t leading;
    uint64_t trailing;
    size_t position;
};

static int compare(const void *left, const void *right)
{
    const struct place *a = left, *b = right;

    if (a->leading != b->leading)
        return a->leading < b->leading ? -1 : 1;
    if (a->trailing != b->trailing)
        return a->trailing < b->trailing ? -1 : 1;
    return (a->position > b->position) - (a->position < b->position);
}

static struct place *ordered(struct gathered *gathered, const Py_buffer *state)
{
    struct place *places = PyMem_Malloc((gathered->count ? gathered->count : 1) * sizeof *places);

    if (places == NULL)
        return (struct place *)PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS
    gathered_seal(gathered, state, 0);
    for (size_t i = 0; i < gathered->count; i++) {
        const uint8_t *sealed = gathered->sealed + i * SEALED_SIZE;
        places[i] = (struct place){load_big(sealed), load_big(sealed + 8), i};
    }
    qsort(places, gathered->count, sizeof *places, compare);
    Py_END_ALLOW_THREADS
    return places;
}

/* Put the keys and positions into the two lists. They are made in this order, so they lie in memory in this order. */
static int put_all(PyObject *keys, PyObject *positions, const struct place *places, const struct gathered *gathered,
                   const Py_buffer *prefix)
{
    for (size_t i = 0; i < gathered->count; i++) {
        PyObject *key = PyBytes_FromStringAndSize(NULL, prefix->len + SEALED_SIZE);
        PyObject *position = PyLong_FromSize_t(places[i].position);
        if (key == NULL || position == NULL) {
            Py_XDECREF(key);
            Py_XDECREF(position);
            return -1;
        }
        char *octets = PyBytes_AS_STRING(key);
        memcpy(octets, prefix->buf, (size_t)prefix->len);
        memcpy(octets + prefix->len, gathered->sealed + places[i].position * SEALED_SIZE, SEALED_SIZE);
        PyList_SET_ITEM(keys, (Py_ssize_t)i, key);
        PyList_SET_ITEM(positions, (Py_ssize_t)i, position);
    }
    return 0;
}

static PyObject *lists(struct gathered *gathered, const Py_buffer *state, const Py_buffer *prefix)
{
    struct place *places = ordered(gathered, state);
    PyObject *keys = places == NULL ? NULL : PyList_New((Py_ssize_t)gathered->count);
    PyObject *positions = keys == NULL ? NULL : PyList_New((Py_ssize_t)gathered->count);
    PyObject *result = NULL;

    if (positions != NULL && put_all(keys, positions, places, gathered, prefix) == 0)
        result = PyTuple_Pack(2, keys, positions);
    Py_XDECREF(positions);
    Py_XDECREF(keys);
    PyMem_Free(places);
    return result;
}

PyObject *py_order(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer state, prefix;
    PyObject *messages, *result = NULL;
    struct gathered gathered;

    if (!PyArg_ParseTuple(arguments, "y*y*O", &state, &prefix, &messages))
        return NULL;
    if (check_state(&state) == 0 && gathered_take(&gathered, &prefix, messages) == 0) {
        result = lists(&gathered, &state, &prefix);
        gathered_free(&gathered);
    }
    PyBuffer_Release(&prefix);
    PyBuffer_Release(&state);
    return result;
}
