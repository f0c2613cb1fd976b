/* Numbers for what values say; store/portable.py has the same. */

#ifndef HASHMATCH_ASKING_H
#define HASHMATCH_ASKING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define NUMBER_SHORT (UINT32_C(1) << 24)
#define NUMBER_LONG (UINT32_C(2) << 24)

PyObject *py_ask(PyObject *module, PyObject *arguments);

#endif
