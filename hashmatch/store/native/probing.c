/* Ask the filters of many lists for one digest of each of many files. */

#include "lists.h"

/* Copy the digest at `position` of every row. A row that is not of that shape is marked: it cannot be ruled out. */
static void take_digests(struct gathered *gathered, PyObject *const *rows, const Py_buffer *prefix,
                         Py_ssize_t position, Py_ssize_t size, uint8_t *marks)
{
    for (size_t i = 0; i < gathered->count; i++) {
        PyObject *row = rows[i];
        PyObject *digest = PyTuple_Check(row) && position < PyTuple_GET_SIZE(row) ? PyTuple_GET_ITEM(row, position) : NULL;
        if (digest != NULL && PyBytes_Check(digest) && PyBytes_GET_SIZE(digest) == size)
            gathered_put(gathered, i, prefix, PyBytes_AS_STRING(digest), (size_t)size);
        else
            marks[i] = 1;
    }
}

static int probe_rows(const Py_buffer *state, const Py_buffer *prefix, PyObject *rows, Py_ssize_t position,
                      Py_ssize_t size, PyObject *sections, uint8_t *marks)
{
    struct gathered gathered;
    struct lists lists;
    int result = -1;

    if (lists_take(&lists, sections) < 0)
        return -1;
    if (gathered_make(&gathered, (size_t)PySequence_Fast_GET_SIZE(rows), (size_t)(prefix->len + size)) == 0) {
        take_digests(&gathered, PySequence_Fast_ITEMS(rows), prefix, position, size, marks);
        result = lists_ask(&lists, state, &gathered, marks);
        gathered_free(&gathered);
    }
    lists_release(&lists);
    return result;
}

PyObject *py_probe(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer state, prefix, marks;
    PyObject *rows, *sections;
    Py_ssize_t position, size;
    int result = -1;

    if (!PyArg_ParseTuple(arguments, "y*y*OnnOw*", &state, &prefix, &rows, &position, &size, &sections, &marks))
        return NULL;
    rows = PySequence_Fast(rows, "expected a sequence of rows");
    sections = rows == NULL ? NULL : PySequence_Fast(sections, "expected a sequence of sections");
    if (sections != NULL) {
        if (state.len != BLAKE2B_STATE * (Py_ssize_t)sizeof(uint64_t) || marks.len < PySequence_Fast_GET_SIZE(rows) ||
            position < 0 || size < 1 || prefix.len + size > BLAKE2B_BLOCK)
            PyErr_SetString(PyExc_TypeError, "expected a state, a mark for each row, and digests that fit a block");
        else
            result = probe_rows(&state, &prefix, rows, position, size, sections, marks.buf);
    }
    Py_XDECREF(sections);
    Py_XDECREF(rows);
    PyBuffer_Release(&marks);
    PyBuffer_Release(&prefix);
    PyBuffer_Release(&state);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}
