/* The engine as Python sees it: batches in, results out. */
#include "files.h"

#include <errno.h>

enum { MOST_THREADS = 256 };

static int engine_init(Engine *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"algorithms", "threads", "read_size", "result", "explain", NULL};
    unsigned algorithms, threads;
    Py_ssize_t read_size;
    PyObject *result, *explain;
    int error;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "$O&InO!O", names, algorithms_from, &algorithms, &threads,
                                     &read_size, &PyType_Type, &result, &explain))
        return -1;
    if (self->engine || !threads || threads > MOST_THREADS || read_size < BLOCK || read_size % BLOCK ||
        !PyType_IsSubtype((PyTypeObject *)result, &PyTuple_Type)) {
        PyErr_SetString(PyExc_ValueError, "an engine is made once, of 1 to 256 threads, whole blocks to read, and a "
                                          "kind of tuple for results");
        return -1;
    }
    self->engine = PyMem_RawMalloc(sizeof *self->engine);
    if (!self->engine) {
        PyErr_NoMemory();
        return -1;
    }
    self->result = (PyTypeObject *)Py_NewRef(result);
    self->explain = Py_NewRef(explain);
    error = engine_start(self->engine, algorithms, threads, (size_t)read_size);
    if (error) {
        PyMem_RawFree(self->engine);
        self->engine = NULL;
        errno = error;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return 0;
}

static void engine_end(Engine *self, double seconds)
{
    struct engine *engine = self->engine;
    bool ended;
    if (!engine)
        return;
    self->engine = NULL;
    Py_BEGIN_ALLOW_THREADS
    ended = engine_stop(engine, seconds);
    Py_END_ALLOW_THREADS
    if (!ended)
        return; /* A thread that hangs in a read may yet come back and look at what it was given. */
    PyMem_RawFree(engine);
    while (self->asked)
        asked_free(self, self->asked);
}

static PyObject *engine_close(Engine *self, PyObject *seconds)
{
    double patience = PyFloat_AsDouble(seconds);
    if (patience == -1.0 && PyErr_Occurred())
        return NULL;
    if (self->taking) {
        PyErr_SetString(PyExc_RuntimeError, "another thread is taking results");
        return NULL;
    }
    engine_end(self, patience);
    Py_RETURN_NONE;
}

static void engine_dealloc(Engine *self)
{
    PyTypeObject *type = Py_TYPE(self);
    engine_end(self, 0);
    Py_XDECREF(self->result);
    Py_XDECREF(self->explain);
    type->tp_free(self);
    Py_DECREF(type);
}

static bool is_open(const Engine *self)
{
    if (!self->engine)
        PyErr_SetString(PyExc_ValueError, "the engine is closed");
    return self->engine != NULL;
}

static PyObject *engine_submit_batch(Engine *self, PyObject *args)
{
    PyObject *ticket, *names, *device, *most_bytes, *sizes;
    int directory, defer_links;
    struct asked *asked;
    if (!PyArg_ParseTuple(args, "OiO!OpOO", &ticket, &directory, &PyTuple_Type, &names, &device, &defer_links,
                          &most_bytes, &sizes) ||
        !is_open(self))
        return NULL;
    if (!PyTuple_GET_SIZE(names))
        Py_RETURN_NONE;
    asked = asked_new(self, ticket, directory, names, device, defer_links, most_bytes, sizes);
    if (!asked)
        return NULL;
    engine_submit(self->engine, &asked->batch);
    Py_RETURN_NONE;
}

static PyObject *engine_take_results(Engine *self, PyObject *args)
{
    unsigned wanted;
    double seconds;
    struct file *done;
    struct engine *engine = self->engine;
    PyObject *answers;
    bool whole = true;
    if (!PyArg_ParseTuple(args, "Id", &wanted, &seconds) || !is_open(self))
        return NULL;
    if (self->taking) {
        PyErr_SetString(PyExc_RuntimeError, "another thread is taking results");
        return NULL;
    }
    self->taking = true;
    Py_BEGIN_ALLOW_THREADS
    done = engine_take(engine, wanted, seconds);
    Py_END_ALLOW_THREADS
    self->taking = false;
    answers = PyList_New(0);
    for (struct file *file = done; file && answers && whole; file = file->next)
        whole = answer(self, file, answers);
    answered(self, done);
    if (!whole)
        Py_CLEAR(answers);
    return answers;
}

static PyObject *engine_bytes_read(Engine *self, void *Py_UNUSED(closure))
{
    return is_open(self) ? PyLong_FromUnsignedLongLong(atomic_load(&self->engine->bytes_read)) : NULL;
}

static PyMethodDef methods[] = {
    {"submit", (PyCFunction)engine_submit_batch, METH_VARARGS,
     "submit(ticket, directory, names, device, defer_links, max_bytes, sizes)\n--\n\n"
     "Queue the named files of an open directory, of which the engine keeps a descriptor of its own."},
    {"take", (PyCFunction)engine_take_results, METH_VARARGS,
     "take(wanted, seconds)\n--\n\n"
     "Wait until that many files are done, or all are, or for that long; return (ticket, results) pairs."},
    {"close", (PyCFunction)engine_close, METH_O, "close(seconds)\n--\n\nEnd the threads; what is queued is dropped."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"bytes_read", (getter)engine_bytes_read, NULL, "Content bytes read so far, of files that are not done too.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Reads and hashes files on threads of its own; used by one Python thread at a time."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, engine_init},
    {Py_tp_dealloc, engine_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "hashmatch.hashing._native.Engine",
    .basicsize = sizeof(Engine),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

int files_register(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&spec);
    int failed = !type || PyModule_AddObjectRef(module, "Engine", type) < 0;
    Py_XDECREF(type);
    return failed ? -1 : 0;
}
