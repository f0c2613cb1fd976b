/* Python's byte strings copied out, so that the rest can run without the interpreter's lock. */

#ifndef HASHMATCH_GATHERING_H
#define HASHMATCH_GATHERING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "blake2b.h"

/* Messages with room for their results, in one allocation that begins at `slots`. */
struct gathered {
    uint8_t *slots;
    uint8_t *lengths;
    uint8_t *sealed;
    size_t stride;
    size_t count;
};

/* Make room for `count` messages of at most `longest` bytes; every slot holds one zero byte until it is put. */
int gathered_make(struct gathered *gathered, size_t count, size_t longest);

void gathered_put(struct gathered *gathered, size_t index, const Py_buffer *prefix, const void *message, size_t length);

/* Seal all of them; needs no lock. */
void gathered_seal(struct gathered *gathered, const Py_buffer *state, int lanes);

void gathered_free(struct gathered *gathered);

/* Copy a sequence of bytes, of which none is longer than a block with the prefix; what is None is left out. */
int gathered_take(struct gathered *gathered, const Py_buffer *prefix, PyObject *sequence);

int check_state(const Py_buffer *state);

/* Functions that the module shows to Python. */
PyObject *py_sift(PyObject *module, PyObject *arguments);
PyObject *py_probe(PyObject *module, PyObject *arguments);

#endif
