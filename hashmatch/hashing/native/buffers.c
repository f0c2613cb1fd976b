/* digest_buffers: many whole buffers at a time. */
#include "module.h"

/* One buffer on its way to its digests. */
struct whole {
    Py_buffer content;
    struct digester digester;
    uint8_t digests[ALGORITHMS][MOST_DIGEST];
};

struct batch {
    Py_ssize_t count;
    struct whole *wholes;
    struct stretch *stretches;
    struct ending *endings;
};

static void release(struct batch *batch)
{
    for (Py_ssize_t i = 0; i < batch->count; i++)
        PyBuffer_Release(&batch->wholes[i].content);
    PyMem_Free(batch->wholes);
    PyMem_Free(batch->stretches);
    PyMem_Free(batch->endings);
}

/* Takes hold of every buffer of a sequence. */
static int hold(struct batch *batch, PyObject *sequence)
{
    const Py_ssize_t count = PySequence_Fast_GET_SIZE(sequence);
    *batch = (struct batch){
        .wholes = PyMem_New(struct whole, (size_t)count),
        .stretches = PyMem_New(struct stretch, (size_t)count),
        .endings = PyMem_New(struct ending, (size_t)count),
    };
    if (!batch->wholes || !batch->stretches || !batch->endings) {
        PyErr_NoMemory();
        return -1;
    }
    for (; batch->count < count; batch->count++) {
        PyObject *const item = PySequence_Fast_GET_ITEM(sequence, batch->count);
        if (PyObject_GetBuffer(item, &batch->wholes[batch->count].content, PyBUF_SIMPLE) < 0)
            return -1;
    }
    return 0;
}

static void digest(struct batch *batch, unsigned algorithms)
{
    for (Py_ssize_t i = 0; i < batch->count; i++) {
        struct whole *const whole = &batch->wholes[i];
        const size_t blocks = (size_t)whole->content.len / BLOCK, rest = (size_t)whole->content.len % BLOCK;
        const uint8_t *const data = whole->content.buf;
        digester_start(&whole->digester);
        whole->digester.length = blocks * BLOCK;
        batch->stretches[i] = (struct stretch){&whole->digester, data, blocks};
        batch->endings[i] = (struct ending){&whole->digester, data + blocks * BLOCK, rest, whole->digests};
    }
    stretches_advance(batch->stretches, (size_t)batch->count, algorithms);
    endings_finish(batch->endings, (size_t)batch->count, algorithms);
}

static PyObject *results(const struct batch *batch, unsigned algorithms)
{
    PyObject *const list = PyList_New(batch->count);
    for (Py_ssize_t i = 0; list && i < batch->count; i++) {
        PyObject *const digests = digests_tuple(algorithms, batch->wholes[i].digests);
        if (!digests) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, i, digests);
    }
    return list;
}

static PyObject *digest_buffers(PyObject *module, PyObject *arguments)
{
    (void)module;
    unsigned algorithms;
    PyObject *buffers;
    if (!PyArg_ParseTuple(arguments, "O&O:digest_buffers", algorithms_from, &algorithms, &buffers))
        return NULL;
    /* A list of its own, because getting a buffer may run code that changes the caller's. */
    PyObject *const sequence = PySequence_Tuple(buffers);
    if (!sequence)
        return NULL;
    struct batch batch;
    PyObject *list = NULL;
    if (hold(&batch, sequence) == 0) {
        Py_BEGIN_ALLOW_THREADS
        digest(&batch, algorithms);
        Py_END_ALLOW_THREADS
        list = results(&batch, algorithms);
    }
    release(&batch);
    Py_DECREF(sequence);
    return list;
}

static PyMethodDef methods[] = {
    {"digest_buffers", digest_buffers, METH_VARARGS,
     "digest_buffers(algorithms, buffers) -> list of tuples of digests, in the order of the algorithms' bits."},
    {NULL, NULL, 0, NULL},
};

int buffers_register(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
