/* Ask a database for many keys, and say of each value by one number what it says. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "asking.h"

/* The lengths of values with one posting, and where in them what is said begins; see store/postings.py. */
enum { SHORT = 7, LONG = 15, SAID = 4 };

/* Return the number of what a value with one posting says; 0 for any other value. */
static uint32_t number_of(const uint8_t *value, Py_ssize_t length)
{
    if (length != SHORT && length != LONG)
        return 0;
    const uint32_t said = (uint32_t)value[SAID] << 16 | (uint32_t)value[SAID + 1] << 8 | value[SAID + 2];
    return (length == LONG ? NUMBER_LONG : NUMBER_SHORT) | said;
}

static int append_other(PyObject *others, uint32_t position, PyObject *value)
{
    PyObject *pair = Py_BuildValue("(IO)", (unsigned int)position, value);
    const int result = pair == NULL ? -1 : PyList_Append(others, pair);

    Py_XDECREF(pair);
    return result;
}

/* Take in the value found for the key of `position`; -1 with an exception. */
static int take(PyObject *value, uint32_t position, const Py_buffer *numbers, PyObject *others)
{
    if (value == Py_None)
        return 0;
    if (!PyBytes_Check(value) || position >= (size_t)numbers->len / sizeof(uint32_t)) {
        PyErr_SetString(PyExc_TypeError, "expected bytes or None for every key, and a number for every position");
        return -1;
    }
    const uint32_t number = number_of((const uint8_t *)PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
    if (number == 0)
        return append_other(others, position, value);
    memcpy((char *)numbers->buf + position * sizeof number, &number, sizeof number);
    return 0;
}

static int ask(PyObject *get, PyObject *names, const Py_buffer *keys, Py_ssize_t width, const Py_buffer *positions,
               const Py_buffer *numbers, PyObject *others)
{
    const char *key = keys->buf;

    for (Py_ssize_t i = 0; i < keys->len / width; i++) {
        PyObject *words[] = {PyBytes_FromStringAndSize(key + i * width, width), Py_True};
        if (words[0] == NULL)
            return -1;
        PyObject *value = PyObject_Vectorcall(get, words, 1, names);
        Py_DECREF(words[0]);
        if (value == NULL)
            return -1;
        uint32_t position;
        memcpy(&position, (const char *)positions->buf + (size_t)i * sizeof position, sizeof position);
        const int taken = take(value, position, numbers, others);
        Py_DECREF(value);
        if (taken < 0)
            return -1;
    }
    return 0;
}

PyObject *py_ask(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *get, *name, *names = NULL, *others = NULL;
    Py_buffer keys, positions, numbers;
    Py_ssize_t width;

    if (!PyArg_ParseTuple(arguments, "OUy*ny*w*", &get, &name, &keys, &width, &positions, &numbers))
        return NULL;
    if (width < 1 || keys.len % width || positions.len != keys.len / width * (Py_ssize_t)sizeof(uint32_t)) {
        PyErr_SetString(PyExc_ValueError, "expected whole keys and a position for each");
    } else if ((names = PyTuple_Pack(1, name)) != NULL && (others = PyList_New(0)) != NULL) {
        if (ask(get, names, &keys, width, &positions, &numbers, others) < 0)
            Py_CLEAR(others);
    }
    Py_XDECREF(names);
    PyBuffer_Release(&numbers);
    PyBuffer_Release(&positions);
    PyBuffer_Release(&keys);
    return others;
}
