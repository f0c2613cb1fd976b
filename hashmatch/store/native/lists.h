/* The filters of several lists, as Python hands them over, asked for many sealed keys. */

#ifndef HASHMATCH_LISTS_H
#define HASHMATCH_LISTS_H

#include "filter.h"
#include "gathering.h"

struct list {
    struct section section;
    Py_buffer view;
    PyObject *name; /* borrowed: the caller's tuple holds it */
};

struct lists {
    struct list *list;
    int count;
};

/* Take the filters from their Python form; -1 with an exception. The sequence must outlive what is taken from it. */
int lists_take(struct lists *lists, PyObject *fast);

void lists_release(struct lists *lists);

/*
 * Seal what was gathered and mark what some list may hold; what is marked already is not asked for. Runs without the
 * interpreter's lock; -1 with an exception where a block that was looked at is damaged.
 */
int lists_ask(const struct lists *lists, const Py_buffer *state, struct gathered *gathered, uint8_t *marks);

#endif
