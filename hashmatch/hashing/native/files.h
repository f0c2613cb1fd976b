/* What the Python side of the reading half shares: the engine's object, batches asked for, results made of them. */
#ifndef HASHMATCH_FILES_H
#define HASHMATCH_FILES_H

#include "module.h"

#include "engine.h"

/* A batch, and what keeps alive the memory that its files point to. */
struct asked {
    struct batch batch; /* first, so that a pointer to one is a pointer to the other */
    PyObject *ticket, *names, *sizes, *device;
    PyObject *results; /* being gathered */
    unsigned unreported;
    struct asked *before, *after;
    struct file files[];
};

typedef struct {
    PyObject_HEAD
    struct engine *engine; /* NULL once closed */
    struct asked *asked;
    PyTypeObject *result;
    PyObject *explain;
    bool taking; /* a thread is inside `take`, where it does not hold the GIL */
} Engine;

/* asked.c */
/* Make a batch of a tuple of names and the rules for reading them; NULL with an exception set. */
struct asked *asked_new(Engine *, PyObject *ticket, int directory, PyObject *names, PyObject *device, int defer_links,
                        PyObject *most_bytes, PyObject *sizes);
void asked_free(Engine *, struct asked *);

/* results.c */
/* Add what came of a file to its batch's answer in a list of (ticket, results); false with an exception set. */
bool answer(Engine *, struct file *, PyObject *answers);
/* Let go of the answers of files, linked by `next`, and of the batches that are answered whole. */
void answered(Engine *, struct file *);

#endif
