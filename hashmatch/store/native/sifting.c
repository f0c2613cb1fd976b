/*
 * Of many digests those that may be listed, sealed, in the order in which a store has its keys: what is asked one after
 * the other lies side by side.
 */

#include <stdlib.h>

#include "lists.h"
#include "words.h"

enum {
    FEW = 8,           /* keys that are put in order by moving them up one by one */
    BUCKET_BITS = 20,  /* at most; more buckets than fit the processor's cache are slower than what they save */
};

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

static void sort(struct place *places, size_t count)
{
    if (count > FEW) {
        qsort(places, count, sizeof *places, compare);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        const struct place moving = places[i];
        size_t at = i;
        for (; at > 0 && compare(&places[at - 1], &moving) > 0; at--)
            places[at] = places[at - 1];
        places[at] = moving;
    }
}

static int bits_for(size_t count)
{
    int bits = 1;

    while (bits < BUCKET_BITS && count >> (bits + 1))
        bits++;
    return bits;
}

/*
 * Put the marked keys in order. Sealed keys are evenly spread, so buckets by their first bits hold about one each; a
 * digest that is asked for often makes a larger bucket, which is sorted as such. `ends` has room for all buckets.
 */
static size_t order(const struct gathered *gathered, const uint8_t *marks, struct place *places, size_t *ends, int bits)
{
    size_t count = 0;

    for (size_t i = 0; i < gathered->count; i++)
        if (marks[i])
            ends[load_big(gathered->sealed + i * SEALED_SIZE) >> (64 - bits)]++;
    for (size_t bucket = 0; bucket < (size_t)1 << bits; bucket++) {
        const size_t size = ends[bucket];
        ends[bucket] = count;
        count += size;
    }
    for (size_t i = 0; i < gathered->count; i++) {
        const uint8_t *sealed = gathered->sealed + i * SEALED_SIZE;
        if (marks[i])
            places[ends[load_big(sealed) >> (64 - bits)]++] = (struct place){load_big(sealed), load_big(sealed + 8), i};
    }
    for (size_t bucket = 0, start = 0; bucket < (size_t)1 << bits; start = ends[bucket++])
        sort(places + start, ends[bucket] - start);
    return count;
}

static PyObject *written(const struct place *places, size_t count, const struct gathered *gathered,
                         const Py_buffer *prefix)
{
    const size_t width = (size_t)prefix->len + SEALED_SIZE;
    PyObject *keys = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * width));
    PyObject *positions = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof(uint32_t)));
    PyObject *result = NULL;

    if (keys != NULL && positions != NULL) {
        char *key = PyBytes_AS_STRING(keys), *position = PyBytes_AS_STRING(positions);
        for (size_t i = 0; i < count; i++, key += width, position += sizeof(uint32_t)) {
            const uint32_t at = (uint32_t)places[i].position;
            memcpy(key, prefix->buf, (size_t)prefix->len);
            memcpy(key + prefix->len, gathered->sealed + places[i].position * SEALED_SIZE, SEALED_SIZE);
            memcpy(position, &at, sizeof at);
        }
        result = PyTuple_Pack(2, keys, positions);
    }
    Py_XDECREF(positions);
    Py_XDECREF(keys);
    return result;
}

/* Seal, mark and order; `lists` is NULL where no filter can rule anything out. */
static PyObject *sift(const Py_buffer *state, const Py_buffer *prefix, struct gathered *gathered,
                      const struct lists *lists)
{
    const struct lists none = {NULL, 0};
    const int bits = bits_for(gathered->count);
    uint8_t *marks = PyMem_Calloc(gathered->count + 1, 1);
    struct place *places = PyMem_Malloc((gathered->count + 1) * sizeof *places);
    size_t *ends = PyMem_Calloc((size_t)1 << bits, sizeof *ends);
    PyObject *result = NULL;

    if (marks == NULL || places == NULL || ends == NULL) {
        PyErr_NoMemory();
    } else {
        if (lists == NULL)
            memset(marks, 1, gathered->count);
        if (lists_ask(lists == NULL ? &none : lists, state, gathered, marks) == 0) {
            size_t count;
            Py_BEGIN_ALLOW_THREADS
            count = order(gathered, marks, places, ends, bits);
            Py_END_ALLOW_THREADS
            result = written(places, count, gathered, prefix);
        }
    }
    PyMem_Free(ends);
    PyMem_Free(places);
    PyMem_Free(marks);
    return result;
}

static PyObject *sift_octets(const Py_buffer *state, const Py_buffer *prefix, const Py_buffer *octets, Py_ssize_t size,
                             const struct lists *lists)
{
    struct gathered gathered;
    PyObject *result;

    if (gathered_make(&gathered, (size_t)(octets->len / size), (size_t)(prefix->len + size)) < 0)
        return NULL;
    for (size_t i = 0; i < gathered.count; i++)
        gathered_put(&gathered, i, prefix, (const uint8_t *)octets->buf + i * (size_t)size, (size_t)size);
    result = sift(state, prefix, &gathered, lists);
    gathered_free(&gathered);
    return result;
}

PyObject *py_sift(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer state, prefix, octets;
    PyObject *sections, *result = NULL;
    Py_ssize_t size;
    struct lists lists;

    if (!PyArg_ParseTuple(arguments, "y*y*y*nO", &state, &prefix, &octets, &size, &sections))
        return NULL;
    if (size < 1 || prefix.len + size > BLAKE2B_BLOCK || octets.len % size || octets.len / size > (Py_ssize_t)UINT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "expected whole digests that fit a block, and not too many");
    } else if (check_state(&state) == 0) {
        if (sections == Py_None) {
            result = sift_octets(&state, &prefix, &octets, size, NULL);
        } else if ((sections = PySequence_Fast(sections, "expected a sequence of sections")) != NULL) {
            if (lists_take(&lists, sections) == 0) {
                result = sift_octets(&state, &prefix, &octets, size, &lists);
                lists_release(&lists);
            }
            Py_DECREF(sections);
        }
    }
    PyBuffer_Release(&octets);
    PyBuffer_Release(&prefix);
    PyBuffer_Release(&state);
    return result;
}
