/* Stream: digests of bytes that come in pieces; update_streams: pieces of many streams at a time. */
#include "module.h"

#include <structmember.h>

struct stream {
    PyObject_HEAD
    unsigned algorithms;
    int busy; /* some thread is in it without the GIL; read and written under the GIL */
    struct digester digester;
    uint8_t held[BLOCK]; /* bytes that make no whole block yet */
    size_t holding;
};

/* One stream and the piece it is given. */
struct piece {
    struct stream *stream;
    Py_buffer content;
    const uint8_t *data;
    size_t left;
};

static void hold(struct piece *piece, size_t bytes)
{
    if (bytes)
        memcpy(piece->stream->held + piece->stream->holding, piece->data, bytes);
    piece->stream->holding += bytes;
    piece->data += bytes;
    piece->left -= bytes;
}

/* Fills the block that is held; returns whether it is whole. */
static int fill(struct piece *piece)
{
    const size_t room = BLOCK - piece->stream->holding;
    hold(piece, piece->left < room ? piece->left : room);
    return piece->stream->holding == BLOCK;
}

/* Feeds the pieces of the streams that compute `algorithms`; the held blocks that become whole go first. */
static void advance(struct piece *pieces, struct stretch *stretches, size_t count, unsigned algorithms)
{
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        struct stream *const stream = pieces[i].stream;
        if (stream->algorithms == algorithms && stream->holding && fill(&pieces[i])) {
            stretches[chosen++] = (struct stretch){&stream->digester, stream->held, 1};
            stream->digester.length += BLOCK;
            stream->holding = 0;
        }
    }
    stretches_advance(stretches, chosen, algorithms);
    chosen = 0;
    for (size_t i = 0; i < count; i++) {
        struct stream *const stream = pieces[i].stream;
        const size_t blocks = pieces[i].left / BLOCK;
        if (stream->algorithms != algorithms)
            continue;
        stretches[chosen++] = (struct stretch){&stream->digester, pieces[i].data, blocks};
        stream->digester.length += blocks * BLOCK;
        pieces[i].data += blocks * BLOCK;
        pieces[i].left -= blocks * BLOCK;
        hold(&pieces[i], pieces[i].left);
    }
    stretches_advance(stretches, chosen, algorithms);
}

/* Marks the streams as in use, so that no other thread comes in while the GIL is released; all of them or none. */
static int enter(struct piece *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].stream->busy) {
            while (i--)
                pieces[i].stream->busy = 0;
            PyErr_SetString(PyExc_RuntimeError, "a stream is in use: by another thread, or twice in one call");
            return -1;
        }
        pieces[i].stream->busy = 1;
    }
    return 0;
}

/* Feeds every stream its piece. */
static int feed(struct piece *pieces, struct stretch *stretches, size_t count)
{
    size_t bytes = 0;
    unsigned sets = 0; /* bit n: some stream computes the set of algorithms n */
    for (size_t i = 0; i < count; i++) {
        pieces[i].data = pieces[i].content.buf;
        pieces[i].left = (size_t)pieces[i].content.len;
        bytes += pieces[i].left;
        sets |= 1u << pieces[i].stream->algorithms;
    }
    if (enter(pieces, count) < 0)
        return -1;
    PyThreadState *const thread = bytes < GIL_WORTH ? NULL : PyEval_SaveThread();
    for (; sets; sets &= sets - 1)
        advance(pieces, stretches, count, (unsigned)__builtin_ctz(sets));
    if (thread)
        PyEval_RestoreThread(thread);
    for (size_t i = 0; i < count; i++)
        pieces[i].stream->busy = 0;
    return 0;
}

static PyObject *stream_new(PyTypeObject *type, PyObject *arguments, PyObject *named)
{
    static char *names[] = {"algorithms", NULL};
    unsigned algorithms;
    if (!PyArg_ParseTupleAndKeywords(arguments, named, "O&:Stream", names, algorithms_from, &algorithms))
        return NULL;
    struct stream *const stream = (struct stream *)type->tp_alloc(type, 0);
    if (!stream)
        return NULL;
    stream->algorithms = algorithms;
    digester_start(&stream->digester);
    return (PyObject *)stream;
}

static void stream_dealloc(PyObject *self)
{
    PyTypeObject *const type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *stream_update(PyObject *self, PyObject *buffer)
{
    struct piece piece = {.stream = (struct stream *)self};
    struct stretch stretch;
    if (PyObject_GetBuffer(buffer, &piece.content, PyBUF_SIMPLE) < 0)
        return NULL;
    const int fed = feed(&piece, &stretch, 1);
    PyBuffer_Release(&piece.content);
    if (fed < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *stream_digests(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    struct piece piece = {.stream = (struct stream *)self};
    struct stream *const stream = piece.stream;
    uint8_t digests[ALGORITHMS][MOST_DIGEST];
    if (enter(&piece, 1) < 0)
        return NULL;
    digester_finish(&stream->digester, stream->algorithms, stream->held, stream->holding, digests);
    stream->busy = 0;
    return digests_tuple(stream->algorithms, digests);
}

static PyMethodDef stream_methods[] = {
    {"update", stream_update, METH_O, "Take the next bytes."},
    {"digests", stream_digests, METH_NOARGS, "Digests of the bytes so far, in the order of the algorithms' bits."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot stream_slots[] = {
    {Py_tp_doc, "Stream(algorithms): digests of bytes that come in pieces."},
    {Py_tp_new, stream_new},
    {Py_tp_dealloc, stream_dealloc},
    {Py_tp_methods, stream_methods},
    {0, NULL},
};

static PyType_Spec stream_spec = {
    .name = "hashmatch.hashing._native.Stream",
    .basicsize = sizeof(struct stream),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = stream_slots,
};

/* Pairs streams with buffers, `*held` counting the buffers that must be released. */
static int pair(struct piece *pieces, size_t *held, PyObject *streams, PyObject *buffers)
{
    const Py_ssize_t count = PyTuple_GET_SIZE(streams);
    for (Py_ssize_t i = 0; i < count; i++, ++*held) {
        PyObject *const stream = PyTuple_GET_ITEM(streams, i);
        /* The type is final, so what frees an object tells its type. */
        if (Py_TYPE(stream)->tp_dealloc != stream_dealloc) {
            PyErr_Format(PyExc_TypeError, "expected a Stream, got %s", Py_TYPE(stream)->tp_name);
            return -1;
        }
        pieces[i].stream = (struct stream *)stream;
        if (PyObject_GetBuffer(PyTuple_GET_ITEM(buffers, i), &pieces[i].content, PyBUF_SIMPLE) < 0)
            return -1;
    }
    return 0;
}

static int update_all(PyObject *streams, PyObject *buffers)
{
    const size_t count = (size_t)PyTuple_GET_SIZE(streams);
    if (count != (size_t)PyTuple_GET_SIZE(buffers)) {
        PyErr_Format(PyExc_ValueError, "expected a buffer for each of %zu streams, got %zd", count,
                     PyTuple_GET_SIZE(buffers));
        return -1;
    }
    struct piece *const pieces = PyMem_New(struct piece, count);
    struct stretch *const stretches = PyMem_New(struct stretch, count);
    size_t held = 0;
    int failed = -1;
    if (!pieces || !stretches)
        PyErr_NoMemory();
    else if (pair(pieces, &held, streams, buffers) == 0)
        failed = feed(pieces, stretches, count);
    while (held--)
        PyBuffer_Release(&pieces[held].content);
    PyMem_Free(stretches);
    PyMem_Free(pieces);
    return failed;
}

static PyObject *update_streams(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *streams, *buffers;
    if (!PyArg_ParseTuple(arguments, "OO:update_streams", &streams, &buffers))
        return NULL;
    /* Tuples of our own, because getting a buffer may run code that changes the caller's sequences. */
    streams = PySequence_Tuple(streams);
    buffers = streams ? PySequence_Tuple(buffers) : NULL;
    const int failed = buffers ? update_all(streams, buffers) : -1;
    Py_XDECREF(buffers);
    Py_XDECREF(streams);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"update_streams", update_streams, METH_VARARGS,
     "update_streams(streams, buffers): give every stream its next bytes, all at once; no stream may appear twice."},
    {NULL, NULL, 0, NULL},
};

int streams_register(PyObject *module)
{
    PyObject *const type = PyType_FromModuleAndSpec(module, &stream_spec, NULL);
    if (!type)
        return -1;
    const int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed < 0 ? -1 : PyModule_AddFunctions(module, methods);
}
