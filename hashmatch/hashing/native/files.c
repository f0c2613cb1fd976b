/* The engine as Python sees it: batches in, results out. The only file of the reading half that touches Python. */
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

enum { MOST_THREADS = 256, FIELDS = 13 };

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

static void asked_free(Engine *self, struct asked *asked)
{
    if (asked->before)
        asked->before->after = asked->after;
    else if (self->asked == asked)
        self->asked = asked->after;
    if (asked->after)
        asked->after->before = asked->before;
    if (asked->batch.directory >= 0)
        close(asked->batch.directory);
    Py_XDECREF(asked->ticket);
    Py_XDECREF(asked->names);
    Py_XDECREF(asked->sizes);
    Py_XDECREF(asked->device);
    Py_XDECREF(asked->results);
    PyMem_RawFree(asked);
}

static int engine_init(Engine *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"algorithms", "threads", "read_size", "result", "explain", NULL};
    unsigned algorithms, threads;
    Py_ssize_t read_size;
    PyObject *result, *explain;
    int error;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "$O&InO!O", names, algorithms_from, &algorithms, &threads, &read_size, &PyType_Type,
                                     &result, &explain))
        return -1;
    if (self->engine || !threads || threads > MOST_THREADS ||
        read_size < BLOCK || read_size % BLOCK || !PyType_IsSubtype((PyTypeObject *)result, &PyTuple_Type)) {
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

static bool set_names(struct asked *asked)
{
    for (unsigned i = 0; i < asked->batch.count; i++) {
        PyObject *name = PyTuple_GET_ITEM(asked->names, i);
        char *octets;
        /* Without a length to fill in, a name with a NUL in it is refused. */
        if (PyBytes_AsStringAndSize(name, &octets, NULL) < 0)
            return false;
        asked->files[i].batch = &asked->batch;
        asked->files[i].name = octets;
    }
    return true;
}

static bool set_rules(struct asked *asked, PyObject *device, int defer_links, PyObject *most_bytes, PyObject *sizes)
{
    struct rules *rules = &asked->batch.rules;
    rules->defer_links = defer_links;
    rules->one_device = device != Py_None;
    rules->device = rules->one_device ? (dev_t)PyLong_AsUnsignedLongLong(device) : 0;
    rules->most_bytes = most_bytes == Py_None ? UINT64_MAX : PyLong_AsUnsignedLongLong(most_bytes);
    if (PyErr_Occurred())
        return false;
    if (sizes == Py_None)
        return true;
    if (!PyBytes_Check(sizes) || PyBytes_GET_SIZE(sizes) % 8) {
        PyErr_SetString(PyExc_ValueError, "sizes: expected bytes, eight for each size");
        return false;
    }
    asked->sizes = Py_NewRef(sizes);
    rules->sizes = (const uint64_t *)(const void *)PyBytes_AS_STRING(sizes);
    rules->sizes_count = (size_t)PyBytes_GET_SIZE(sizes) / 8;
    return true;
}

static PyObject *engine_submit_batch(Engine *self, PyObject *args)
{
    PyObject *ticket, *names, *device, *most_bytes, *sizes;
    int directory, defer_links;
    struct asked *asked;
    Py_ssize_t count;
    if (!PyArg_ParseTuple(args, "OiO!OpOO", &ticket, &directory, &PyTuple_Type, &names, &device, &defer_links,
                          &most_bytes, &sizes) ||
        !is_open(self))
        return NULL;
    count = PyTuple_GET_SIZE(names);
    if (!count)
        Py_RETURN_NONE;
    asked = PyMem_RawCalloc(1, sizeof *asked + (size_t)count * sizeof *asked->files);
    if (!asked)
        return PyErr_NoMemory();
    asked->batch.directory = -1;
    asked->batch.files = asked->files;
    asked->batch.count = asked->unreported = (unsigned)count;
    asked->ticket = Py_NewRef(ticket);
    asked->names = Py_NewRef(names);
    asked->device = Py_NewRef(device);
    if (!set_names(asked) || !set_rules(asked, device, defer_links, most_bytes, sizes)) {
        asked_free(self, asked);
        return NULL;
    }
    asked->batch.directory = fcntl(directory, F_DUPFD_CLOEXEC, 0);
    if (asked->batch.directory < 0) {
        if (errno == EINVAL)
            errno = EMFILE; /* The limit is lower than any number. */
        PyErr_SetFromErrno(PyExc_OSError);
        asked_free(self, asked);
        return NULL;
    }
    asked->after = self->asked;
    if (self->asked)
        self->asked->before = asked;
    self->asked = asked;
    engine_submit(self->engine, &asked->batch);
    Py_RETURN_NONE;
}

static PyObject *digests_of(struct outcome *outcome, unsigned algorithms)
{
    if (outcome->failure == FINE && outcome->size && !outcome->deferred && !outcome->unlisted_size)
        return digests_tuple(algorithms, outcome->digests);
    return PyTuple_New(0);
}

static PyObject *failure_of(const Engine *self, const struct outcome *outcome)
{
    if (outcome->failure == FINE)
        Py_RETURN_NONE;
    return PyObject_CallFunction(self->explain, "ii", (int)outcome->failure, outcome->error);
}

static PyObject *device_of(const struct asked *asked, uint64_t device)
{
    if (asked->device != Py_None && asked->batch.rules.device == device)
        return Py_NewRef(asked->device);
    return PyLong_FromUnsignedLongLong(device);
}

/* Make a hashmatch.hashing.engine.FileResult. */
static PyObject *result_of(const Engine *self, struct file *file)
{
    const struct asked *asked = (const struct asked *)file->batch;
    struct outcome *outcome = &file->outcome;
    PyObject *fields[FIELDS] = {
        Py_NewRef(PyTuple_GET_ITEM(asked->names, file - asked->files)),
        failure_of(self, outcome),
        digests_of(outcome, self->engine->algorithms),
        PyLong_FromUnsignedLongLong(outcome->size),
        PyLong_FromUnsignedLongLong(outcome->inode),
        device_of(asked, outcome->device),
        PyLong_FromUnsignedLongLong(outcome->bytes_read),
        outcome->error ? PyLong_FromLong(outcome->error) : Py_NewRef(Py_None),
        outcome->has_offset ? PyLong_FromUnsignedLongLong(outcome->offset) : Py_NewRef(Py_None),
        PyBool_FromLong(outcome->deferred),
        PyBool_FromLong(outcome->atime_risked),
        PyLong_FromUnsignedLongLong(outcome->allocated),
        PyBool_FromLong(outcome->unlisted_size),
    };
    bool whole = true;
    PyObject *result;
    for (int i = 0; i < FIELDS; i++)
        whole = whole && fields[i];
    result = whole ? self->result->tp_alloc(self->result, FIELDS) : NULL;
    for (int i = 0; i < FIELDS; i++)
        if (result)
            PyTuple_SET_ITEM(result, i, fields[i]);
        else
            Py_XDECREF(fields[i]);
    return result;
}

static bool gather(Engine *self, struct file *file, PyObject *answers)
{
    struct asked *asked = (struct asked *)file->batch;
    PyObject *result;
    bool kept;
    if (!asked->results) {
        PyObject *answer;
        asked->results = PyList_New(0);
        answer = asked->results ? PyTuple_Pack(2, asked->ticket, asked->results) : NULL;
        kept = answer && PyList_Append(answers, answer) == 0;
        Py_XDECREF(answer);
        if (!kept)
            return false;
    }
    result = result_of(self, file);
    kept = result && PyList_Append(asked->results, result) == 0;
    Py_XDECREF(result);
    return kept;
}

/* Let go of the gathered lists, and of batches that are reported whole. */
static void settle(Engine *self, struct file *done)
{
    struct file *next;
    for (; done; done = next) {
        struct asked *asked = (struct asked *)done->batch;
        next = done->next;
        Py_CLEAR(asked->results);
        if (!--asked->unreported)
            asked_free(self, asked);
    }
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
        whole = gather(self, file, answers);
    settle(self, done);
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
