/* Results as Python gets them: hashmatch.hashing.engine.FileResult. */
#include "files.h"

enum { FIELDS = 14 };

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
        PyBytes_FromStringAndSize((const char *)outcome->times, sizeof outcome->times),
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

bool answer(Engine *self, struct file *file, PyObject *answers)
{
    struct asked *asked = (struct asked *)file->batch;
    PyObject *result;
    bool kept;
    if (!asked->results) {
        PyObject *pair;
        asked->results = PyList_New(0);
        pair = asked->results ? PyTuple_Pack(2, asked->ticket, asked->results) : NULL;
        kept = pair && PyList_Append(answers, pair) == 0;
        Py_XDECREF(pair);
        if (!kept)
            return false;
    }
    result = result_of(self, file);
    kept = result && PyList_Append(asked->results, result) == 0;
    Py_XDECREF(result);
    return kept;
}

void answered(Engine *self, struct file *done)
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
