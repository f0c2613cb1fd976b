#include "lists.h"

enum { AHEAD = 16 }; /* keys whose blocks are fetched from memory before the first of them is looked at */

struct damage {
    const struct list *list;
    uint64_t block;
};

static int take_one(struct list *list, PyObject *item)
{
    unsigned long long first, blocks, salt;

    if (!PyTuple_Check(item)) {
        PyErr_SetString(PyExc_TypeError, "expected a tuple for every section");
        return -1;
    }
    if (!PyArg_ParseTuple(item, "Uy*KKK", &list->name, &list->view, &first, &blocks, &salt))
        return -1;
    if (blocks < 1 || blocks > UINT32_MAX || first > UINT32_MAX ||
        (first + blocks) * FILTER_BLOCK > (uint64_t)list->view.len) {
        PyBuffer_Release(&list->view);
        PyErr_SetString(PyExc_TypeError, "expected at least one block, and all within the filter");
        return -1;
    }
    const uint8_t *start = (const uint8_t *)list->view.buf + first * FILTER_BLOCK;
    list->section = (struct section){start, first, blocks, salt};
    return 0;
}

int lists_take(struct lists *lists, PyObject *fast)
{
    const Py_ssize_t count = PySequence_Fast_GET_SIZE(fast);

    *lists = (struct lists){PyMem_Calloc(count ? (size_t)count : 1, sizeof *lists->list), 0};
    if (lists->list == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (; lists->count < count; lists->count++) {
        if (take_one(&lists->list[lists->count], PySequence_Fast_GET_ITEM(fast, lists->count)) < 0) {
            lists_release(lists);
            return -1;
        }
    }
    return 0;
}

void lists_release(struct lists *lists)
{
    for (int i = 0; i < lists->count; i++)
        PyBuffer_Release(&lists->list[i].view);
    PyMem_Free(lists->list);
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

int lists_ask(const struct lists *lists, const Py_buffer *state, struct gathered *gathered, uint8_t *marks)
{
    struct damage damage = {NULL, 0};

    Py_BEGIN_ALLOW_THREADS
    gathered_seal(gathered, state, 0);
    for (int i = 0; i < lists->count && damage.list == NULL; i++)
        ask(&lists->list[i], gathered, marks, &damage);
    Py_END_ALLOW_THREADS
    if (damage.list == NULL)
        return 0;
    PyErr_Format(PyExc_ValueError, "%U: block %llu is not what was written", damage.list->name,
                 (unsigned long long)damage.block);
    return -1;
}
