/* hashmatch.hashing._native: assembles the module from its parts. */
#include "module.h"

int algorithms_from(PyObject *number, void *algorithms)
{
    const unsigned long mask = PyLong_AsUnsignedLong(number);
    if (mask == (unsigned long)-1 && PyErr_Occurred())
        return 0;
    if (mask == 0 || mask > ALG_ALL) {
        PyErr_Format(PyExc_ValueError, "expected a set of algorithms from 1 to %d, got %lu", ALG_ALL, mask);
        return 0;
    }
    *(unsigned *)algorithms = (unsigned)mask;
    return 1;
}

PyObject *digests_tuple(unsigned algorithms, uint8_t digests[ALGORITHMS][MOST_DIGEST])
{
    PyObject *const tuple = PyTuple_New(__builtin_popcount(algorithms));
    if (!tuple)
        return NULL;
    Py_ssize_t place = 0;
    for (int i = 0; i < ALGORITHMS; i++) {
        if (!(algorithms >> i & 1))
            continue;
        PyObject *const digest =
            PyBytes_FromStringAndSize((const char *)digests[i], (Py_ssize_t)digest_size(1u << i));
        if (!digest) {
            Py_DECREF(tuple);
            return NULL;
        }
        PyTuple_SET_ITEM(tuple, place++, digest);
    }
    return tuple;
}

static PyObject *kernels(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    PyObject *const list = PyList_New(0);
    if (!list)
        return NULL;
    for (const char *const *name = kernel_names(); *name; name++) {
        PyObject *const text = PyUnicode_FromString(*name);
        if (!text || PyList_Append(list, text) < 0) {
            Py_XDECREF(text);
            Py_DECREF(list);
            return NULL;
        }
        Py_DECREF(text);
    }
    PyObject *const tuple = PyList_AsTuple(list);
    Py_DECREF(list);
    return tuple;
}

static PyObject *use_kernel(PyObject *module, PyObject *name)
{
    (void)module;
    const char *const text = PyUnicode_AsUTF8(name);
    if (!text)
        return NULL;
    if (!kernel_use(text))
        return PyErr_Format(PyExc_ValueError, "this processor runs no kernel named %R", name);
    Py_RETURN_NONE;
}

static PyObject *kernel(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    return PyUnicode_FromString(kernel_name());
}

static PyObject *description(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    return PyUnicode_FromString(kernel_description());
}

static PyMethodDef methods[] = {
    {"kernels", kernels, METH_NOARGS, "Names of the kernels this processor runs, the fastest first."},
    {"use_kernel", use_kernel, METH_O, "Use the kernel of this name; not while other threads hash."},
    {"kernel", kernel, METH_NOARGS, "Name of the kernel in use."},
    {"description", description, METH_NOARGS, "What the kernel in use is, for reports."},
    {NULL, NULL, 0, NULL},
};

static int assemble(PyObject *module)
{
    if (buffers_register(module) < 0 || streams_register(module) < 0)
        return -1;
    return files_register(module);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, assemble}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "hashmatch.hashing._native",
    .m_doc = "MD5, SHA-1 and SHA-256 of many streams side by side.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
