/* A file between its first byte and its digests. */
#define _GNU_SOURCE
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct stream *stream_new(size_t room)
{
    struct stream *stream = malloc(sizeof *stream);
    uint8_t *buffer = stream ? aligned_alloc(BLOCK, room + BLOCK) : NULL;
    if (!buffer) {
        free(stream);
        return NULL;
    }
    stream->buffer = buffer;
    stream->room = room;
    return stream;
}

struct stream *stream_open(struct engine *engine, struct file *file, struct stream **spare)
{
    struct stream *stream = *spare ? *spare : stream_new(engine->read_size);
    *spare = NULL;
    if (!stream) {
        memset(&file->outcome, 0, sizeof file->outcome);
        file->outcome.failure = OPEN_ERROR;
        file->outcome.error = ENOMEM;
    } else if (source_open(&stream->source, file->batch->directory, file->name, &file->batch->rules, &file->outcome)) {
        stream->file = file;
        stream->blocks = stream->rest_length = 0;
        digester_start(&stream->running);
        return stream;
    }
    *spare = stream;
    queue_done(engine, file);
    return NULL;
}

size_t stream_read(struct engine *engine, struct stream *stream, uint8_t *to)
{
    size_t held = stream->rest_length, blocks;
    /* The rest of the last read goes before the new bytes, so that blocks are whole wherever reads end. */
    memcpy(to, stream->rest, held);
    do {
        ssize_t got = source_read(&stream->source, to + held, stream->room, &stream->file->outcome);
        if (got < 0) {
            stream->rest_length = 0;
            return 0;
        }
        atomic_fetch_add_explicit(&engine->bytes_read, (unsigned long long)got, memory_order_relaxed);
        held += (size_t)got;
    } while (held < BLOCK && !stream->source.ended);
    blocks = held / BLOCK;
    stream->rest_length = held % BLOCK;
    memcpy(stream->rest, to + blocks * BLOCK, stream->rest_length);
    return blocks;
}

void stream_fill(struct engine *engine, struct stream *stream)
{
    stream->next = stream->buffer;
    stream->blocks = stream_read(engine, stream, stream->buffer);
}

void stream_finish(struct engine *engine, struct stream *stream)
{
    struct file *file = stream->file;
    source_close(&stream->source, &file->outcome);
    if (file->outcome.failure == FINE && file->outcome.size) {
        digester_blocks(&stream->running, engine->algorithms, stream->next, stream->blocks);
        stream->running.length = stream->source.done - stream->rest_length;
        digester_finish(&stream->running, engine->algorithms, stream->rest, stream->rest_length, file->outcome.digests);
    }
    queue_done(engine, file);
}

void stream_free(struct stream *stream)
{
    if (stream)
        free(stream->buffer);
    free(stream);
}

void stream_abandon(struct stream *stream)
{
    close(stream->source.descriptor);
    stream_free(stream);
}
