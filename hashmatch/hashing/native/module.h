/* The Python side of hashmatch.hashing._native: what its files share. */
#ifndef HASHMATCH_MODULE_H
#define HASHMATCH_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "kernels.h"

/* Below so many bytes, letting other threads run costs more than hashing does. */
enum { GIL_WORTH = 2048 };

/* PyArg converter ("O&") from a Python integer to a set of algorithms (unsigned); ValueError for none or unknown ones. */
int algorithms_from(PyObject *number, void *algorithms);

/* A tuple of the digests of `algorithms`, in the order of their bits. */
PyObject *digests_tuple(unsigned algorithms, uint8_t digests[ALGORITHMS][MOST_DIGEST]);

/* Each adds its part to the module; -1 with an exception set on failure. */
int buffers_register(PyObject *module);
int streams_register(PyObject *module);
int files_register(PyObject *module);

#endif
