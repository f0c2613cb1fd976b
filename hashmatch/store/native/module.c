/* hashmatch.store._native: what Python calls. Each function's equal in Python stands in store/inner_loops.py. */

#include "asking.h"
#include "filter.h"
#include "gathering.h"

static PyObject *py_key_state(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer key;
    uint64_t state[BLAKE2B_STATE];

    if (!PyArg_ParseTuple(arguments, "y*", &key))
        return NULL;
    if (key.len < 1 || key.len > 64) {
        PyBuffer_Release(&key);
        PyErr_SetString(PyExc_ValueError, "expected a key of 1 to 64 bytes");
        return NULL;
    }
    blake2b_key_state(key.buf, (size_t)key.len, state);
    PyBuffer_Release(&key);
    return PyBytes_FromStringAndSize((const char *)state, sizeof state);
}

static PyObject *py_seal(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer state, prefix;
    PyObject *messages, *result = NULL;
    struct gathered gathered;
    int lanes = 0;

    if (!PyArg_ParseTuple(arguments, "y*y*O|i", &state, &prefix, &messages, &lanes))
        return NULL;
    if (lanes != 0 && !blake2b_can(lanes)) {
        PyErr_SetString(PyExc_ValueError, "this processor, or this code, has no such lanes");
    } else if (check_state(&state) == 0 && gathered_take(&gathered, &prefix, messages) == 0) {
        Py_BEGIN_ALLOW_THREADS
        gathered_seal(&gathered, &state, lanes);
        Py_END_ALLOW_THREADS
        result = PyBytes_FromStringAndSize((const char *)gathered.sealed, (Py_ssize_t)(gathered.count * SEALED_SIZE));
        gathered_free(&gathered);
    }
    PyBuffer_Release(&prefix);
    PyBuffer_Release(&state);
    return result;
}

static PyObject *py_fill(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer blocks, keys;
    unsigned long long first, count;
    int width, outside = 0;

    if (!PyArg_ParseTuple(arguments, "w*KKy*i", &blocks, &first, &count, &keys, &width))
        return NULL;
    const uint8_t *key = keys.buf, *end = key + keys.len;
    if (width >= SEALED_SIZE && keys.len % width == 0) {
        for (key += width - SEALED_SIZE; key < end && !outside; key += width) {
            const uint64_t at = filter_block(key, count) - first;
            if (at >= (uint64_t)blocks.len / FILTER_BLOCK)
                outside = 1;
            else
                filter_add((uint8_t *)blocks.buf + at * FILTER_BLOCK, key);
        }
    } else {
        outside = 1;
    }
    PyBuffer_Release(&keys);
    PyBuffer_Release(&blocks);
    if (outside) {
        PyErr_SetString(PyExc_ValueError, "expected whole keys of these blocks");
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *py_close(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer blocks;
    unsigned long long first, salt;

    if (!PyArg_ParseTuple(arguments, "w*KK", &blocks, &first, &salt))
        return NULL;
    for (Py_ssize_t at = 0; at + FILTER_BLOCK <= blocks.len; at += FILTER_BLOCK)
        filter_close((uint8_t *)blocks.buf + at, first + (uint64_t)at / FILTER_BLOCK, salt);
    PyBuffer_Release(&blocks);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"key_state", py_key_state, METH_VARARGS, "key_state(key): the keyed state that seal and probe begin with."},
    {"seal", py_seal, METH_VARARGS,
     "seal(state, prefix, messages, lanes=0): 16 bytes for each message that is not None, end to end."},
    {"sift", py_sift, METH_VARARGS,
     "sift(state, prefix, octets, size, sections): keys that some section may hold, ascending, and whose each is."},
    {"ask", py_ask, METH_VARARGS,
     "ask(get, name, keys, width, positions, numbers): number what is said of each key; return other values."},
    {"probe", py_probe, METH_VARARGS,
     "probe(state, prefix, rows, position, size, sections, marks): mark the rows that some section may hold."},
    {"fill", py_fill, METH_VARARGS, "fill(blocks, first, count, keys, width): set the bits of keys."},
    {"close", py_close, METH_VARARGS, "close(blocks, first, salt): write the check values."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", "Inner loops of the store.", 0, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void)
{
    PyObject *module = PyModule_Create(&definition);
    PyObject *lanes = module == NULL ? NULL : PyTuple_New(0);

    for (int width = 2; lanes != NULL && width <= LANES_MOST; width *= 2) {
        if (!blake2b_can(width))
            continue;
        const Py_ssize_t end = PyTuple_GET_SIZE(lanes);
        if (_PyTuple_Resize(&lanes, end + 1) == 0)
            PyTuple_SET_ITEM(lanes, end, PyLong_FromLong(width));
    }
    if (lanes == NULL || PyModule_AddObjectRef(module, "LANES", lanes) < 0)
        Py_CLEAR(module);
    Py_XDECREF(lanes);
    return module;
}
