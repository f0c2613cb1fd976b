/* The engine: files of many batches are queued, threads read and hash them side by side, results are taken.
 *
 * One mutex guards the queue, the shared streams and what is done; it is held for some dozens of instructions, never
 * while a file is opened, read or hashed. Python objects are touched in files.c, asked.c and results.c alone, with the GIL.
 */
#ifndef HASHMATCH_ENGINE_H
#define HASHMATCH_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "kernels.h"
#include "source.h"

struct batch;

struct file {
    struct batch *batch;
    const char *name;
    struct outcome outcome;
    struct file *next; /* in the order in which they were done */
};

/* Names of one directory, and how they are read. The Python side adds its own part in front. */
struct batch {
    int directory;
    struct rules rules;
    unsigned count, begun;
    struct batch *next;
    struct file *files;
};

/* A file that is being read: its source, its running digests, and the bytes read but not hashed. */
struct stream {
    struct file *file;
    struct source source;
    struct digester running;
    uint8_t *buffer;
    size_t room;         /* bytes read at a time; buffers have a block more, for the rest of the read before */
    const uint8_t *next; /* whole blocks that wait in `buffer` */
    size_t blocks;
    uint8_t rest[BLOCK]; /* what was read behind the last whole block */
    size_t rest_length;
    struct stream *follower; /* in whatever list it stands */
};

struct shared;

struct engine {
    unsigned algorithms; /* bits */
    size_t read_size;
    unsigned threads;
    pthread_t *thread;

    pthread_mutex_t lock;
    pthread_cond_t work; /* there is something to do, or an end to it */
    pthread_cond_t done; /* there is enough to take */
    struct batch *first, *last;
    struct stream *resumed; /* handed over by a thread that had more than its part */
    struct shared *shared;
    unsigned shared_count;
    struct file *done_first, *done_last;
    unsigned done_count, wanted, unfinished;

    atomic_bool stopping;
    atomic_uint waiting; /* files not begun, and streams handed over */
    atomic_uint idle;    /* threads that wait for work */
    atomic_uint active;  /* lanes in use, over all threads */
    atomic_ullong bytes_read;
};

/* queue.c: what waits, what is done, and who is told. */
int engine_start(struct engine *, unsigned algorithms, unsigned threads, size_t read_size);
/* End the threads, waiting for `seconds` at most. False where one hangs in a read: then nothing may be freed. */
bool engine_stop(struct engine *, double seconds);
void engine_submit(struct engine *, struct batch *);
/* Wait until `wanted` files are done, or all are, or for `seconds`; return those that are, linked by `next`. */
struct file *engine_take(struct engine *, unsigned wanted, double seconds);
struct file *queue_next(struct engine *);
struct stream *queue_resumed(struct engine *);
void queue_resume(struct engine *, struct stream *);
void queue_done(struct engine *, struct file *);
/* Tell waiting threads to look again; with the lock held. */
void queue_wake(struct engine *);

/* stream.c: a file between its first byte and its digests. */
/* Open a file, in `spare` if that is given. NULL where there is nothing to read: the file is done then. */
struct stream *stream_open(struct engine *, struct file *, struct stream **spare);
/* Read on, to `to`, which has `room` bytes and a block: the number of whole blocks that stand there then, 0 at the
 * end. What stands behind them is `rest`. */
size_t stream_read(struct engine *, struct stream *, uint8_t *to);
/* Read on into the stream's own buffer. */
void stream_fill(struct engine *, struct stream *);
/* Hash what was not hashed yet, close, and hand in the result. The stream may be used again. */
void stream_finish(struct engine *, struct stream *);
void stream_free(struct stream *);
/* Close without a result and free: the engine ends. */
void stream_abandon(struct stream *);
static inline uint64_t stream_left(const struct stream *stream)
{
    return stream->source.size - stream->source.done;
}

/* sharing.c: large files on several threads. */
/* Put a stream with an empty buffer where every thread can work on it. False where there is no place. */
bool share(struct engine *, struct stream *);
/* Do one piece of work on a shared stream. With the lock held, which is released meanwhile; false if there is none. */
bool share_turn(struct engine *);
void share_abandon(struct engine *);

/* worker.c: the threads. */
void *worker_run(void *engine);

#endif
