/* Ask the filters of many lists for one digest of each of many files. */

#include "filter.h"
#include "gathering.h"

enum { AHEAD = 16 }; /* keys whose blocks are fetched from memory before the first of them is looked at */

struct list {
    struct section section;
    Py_buffer view;
    PyObject *name; /* borrowed: the caller's tuple holds it */
};

struct damage {
    const struct list *list;
    uint64_t block;
};

/* Take the lists from their Python form; return how many have a view to be released, -1 less that where one is wrong. */
static int take_lists(PyObject *fast, struct list *lists)
{
    const Py_ssize_t count = PySequence_Fast_GET_SIZE(fast);

    for (Py_ssize_t i = 0; i < count; i++) {
        struct list *list = &lists[i];
        unsigned long long first, blocks, salt;
        PyObject *item = PySequence_Fast_GET_ITEM(fast, i);
        if (!PyTuple_Check(item)) {
            PyErr_SetString(PyExc_TypeError, "expected a tuple for every section");
            return -1 - (int)i;
        }
        if (!PyArg_ParseTuple(item, "Uy*KKK", &list->name, &list->view, &first, &blocks, &salt))
            return -1 - (int)i;
        if (blocks < 1 || blocks > UINT32_MAX || first > UINT32_MAX ||
            (first + blocks) * FILTER_BLOCK > (uint64_t)list->view.len) {
            PyErr_SetString(PyExc_TypeError, "expected at least one block, and all within the filter");
            return -2 - (int)i;
        }
        const uint8_t *start = (const uint8_t *)list->view.buf + first * FILTER_BLOCK;
        list->section = (struct section){start, first, blocks, salt};
    }
    return (int)count;
}

/* Copy the digest at `position` of every row. A row that is not of that shape is marked: it cannot be ruled out. */
static void take_digests(struct gathered *gathered, PyObject *const *rows, const Py_buffer *prefix,
                         Py_ssize_t position, Py_ssize_t size, uint8_t *marks)
{
    for (size_t i = 0; i < gathered->count; i++) {
        PyObject *row = rows[i];
        PyObject *digest = PyTuple_Check(row) && position < PyTuple_GET_SIZE(row) ? PyTuple_GET_ITEM(row, position) : NULL;
        if (digest != NULL && PyBytes_Check(digest) && PyBytes_GET_SIZE(digest) == size)
            gathered_put(gathered, i, prefix, digest);
        else
            marks[i] = 1;
    }
}

static int ask(const struct list *list, const struct gathered *gathered, uint8_t *marks, struct damage *damage)
{
    const struct section *section = &list->section;

    for (size_t first = 0; first < gathered->count; first += AHEAD) {
        const size_t end = first + AHEAD < gathered->count ? first + AHEAD : gathered->count;
        const uint8_t *sealed = gathered->sealed;
        for (size_t i = first; i < end; i++)
            __builtin_prefetch(section->blocks + filter_block(sealed + i * SEALED_SIZE, section->count) * FILTER_BLOCK);
        for (size_t i = first; i < end; i++) {
            if (marks[i])
                continue;
            const enum answer answer = filter_ask(section, sealed + i * SEALED_SIZE);
            if (answer == DAMAGED) {
                *damage = (struct damage){list, section->first + filter_block(sealed + i * SEALED_SIZE, section->count)};
                return -1;
            }
            marks[i] = answer == CANDIDATE;
        }
    }
    return 0;
}

static int probe(const Py_buffer *state, struct gathered *gathered, const struct list *lists, int count, uint8_t *marks)
{
    struct damage damage = {NULL, 0};

    Py_BEGIN_ALLOW_THREADS
    gathered_seal(gathered, state, 0);
    for (int i = 0; i < count && damage.list == NULL; i++)
        ask(&lists[i], gathered, marks, &damage);
    Py_END_ALLOW_THREADS
    if (damage.list == NULL)
        return 0;
    PyErr_Format(PyExc_ValueError, "%U: block %llu is not what was written", damage.list->name,
                 (unsigned long long)damage.block);
    return -1;
}

static int probe_rows(const Py_buffer *state, const Py_buffer *prefix, PyObject *rows, Py_ssize_t position,
                      Py_ssize_t size, PyObject *sections, uint8_t *marks)
{
    struct gathered gathered;
    const size_t known = (size_t)PySequence_Fast_GET_SIZE(sections);
    struct list *lists = PyMem_Calloc(known ? known : 1, sizeof *lists);
    int result = -1;

    if (lists == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    const int taken = take_lists(sections, lists);
    if (taken >= 0 &&
        gathered_make(&gathered, (size_t)PySequence_Fast_GET_SIZE(rows), (size_t)(prefix->len + size)) == 0) {
        take_digests(&gathered, PySequence_Fast_ITEMS(rows), prefix, position, size, marks);
        result = probe(state, &gathered, lists, taken, marks);
        gathered_free(&gathered);
    }
    for (int i = 0; i < (taken < 0 ? -1 - taken : taken); i++)
        PyBuffer_Release(&lists[i].view);
    PyMem_Free(lists);
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
