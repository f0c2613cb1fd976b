/* Batches as they come from Python: names and rules, and what must stay alive while threads look at them. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void asked_free(Engine *self, struct asked *asked)
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

static bool keep_directory(struct asked *asked, int directory)
{
    asked->batch.directory = fcntl(directory, F_DUPFD_CLOEXEC, 0);
    if (asked->batch.directory >= 0)
        return true;
    if (errno == EINVAL)
        errno = EMFILE; /* The limit is lower than any number. */
    PyErr_SetFromErrno(PyExc_OSError);
    return false;
}

struct asked *asked_new(Engine *self, PyObject *ticket, int directory, PyObject *names, PyObject *device, int defer_links,
                        PyObject *most_bytes, PyObject *sizes)
{
    size_t count = (size_t)PyTuple_GET_SIZE(names);
    struct asked *asked = PyMem_RawCalloc(1, sizeof *asked + count * sizeof *asked->files);
    if (!asked) {
        PyErr_NoMemory();
        return NULL;
    }
    asked->batch.directory = -1;
    asked->batch.files = asked->files;
    asked->batch.count = asked->unreported = (unsigned)count;
    asked->ticket = Py_NewRef(ticket);
    asked->names = Py_NewRef(names);
    asked->device = Py_NewRef(device);
    if (!set_names(asked) || !set_rules(asked, device, defer_links, most_bytes, sizes) ||
        !keep_directory(asked, directory)) {
        asked_free(self, asked);
        return NULL;
    }
    asked->after = self->asked;
    if (self->asked)
        self->asked->before = asked;
    self->asked = asked;
    return asked;
}
