/* What waits, what is done, and who is told. */
#define _GNU_SOURCE
#include "engine.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct timespec after(clockid_t clock, double seconds)
{
    struct timespec at;
    clock_gettime(clock, &at);
    long nanoseconds = at.tv_nsec + (long)((seconds - (long)seconds) * 1e9);
    at.tv_sec += (long)seconds + nanoseconds / 1000000000;
    at.tv_nsec = nanoseconds % 1000000000;
    return at;
}

/* Start a thread that takes no signals: one that broke off the opening of a file would seem to be the file's fault. */
static int start_thread(struct engine *engine, pthread_t *thread)
{
    sigset_t all, before;
    int error;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(thread, NULL, worker_run, engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

int engine_start(struct engine *engine, unsigned algorithms, unsigned threads, size_t read_size)
{
    pthread_condattr_t monotonic;
    memset(engine, 0, sizeof *engine);
    engine->algorithms = algorithms;
    engine->read_size = read_size;
    pthread_mutex_init(&engine->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&engine->work, &monotonic);
    pthread_cond_init(&engine->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    engine->thread = calloc(threads, sizeof *engine->thread);
    if (!engine->thread)
        return ENOMEM;
    for (; engine->threads < threads; engine->threads++) {
        int error = start_thread(engine, &engine->thread[engine->threads]);
        if (error) {
            engine_stop(engine, 10);
            return error;
        }
    }
    return 0;
}

static void abandon_resumed(struct engine *engine)
{
    while (engine->resumed) {
        struct stream *next = engine->resumed->follower;
        stream_abandon(engine->resumed);
        engine->resumed = next;
    }
}

bool engine_stop(struct engine *engine, double seconds)
{
    struct timespec deadline;
    bool ended = true;
    pthread_mutex_lock(&engine->lock);
    atomic_store(&engine->stopping, true);
    pthread_cond_broadcast(&engine->work);
    pthread_mutex_unlock(&engine->lock);
    deadline = after(CLOCK_REALTIME, seconds);
    for (unsigned i = 0; i < engine->threads; i++)
        if (pthread_timedjoin_np(engine->thread[i], NULL, &deadline)) {
            pthread_detach(engine->thread[i]);
            ended = false;
        }
    engine->threads = 0;
    if (ended) {
        abandon_resumed(engine);
        share_abandon(engine);
        free(engine->thread);
        engine->thread = NULL;
    }
    return ended;
}

void engine_submit(struct engine *engine, struct batch *batch)
{
    pthread_mutex_lock(&engine->lock);
    batch->next = NULL;
    if (engine->last)
        engine->last->next = batch;
    else
        engine->first = batch;
    engine->last = batch;
    engine->unfinished += batch->count;
    atomic_fetch_add(&engine->waiting, batch->count);
    queue_wake(engine);
    pthread_mutex_unlock(&engine->lock);
}

struct file *engine_take(struct engine *engine, unsigned wanted, double seconds)
{
    struct timespec deadline = after(CLOCK_MONOTONIC, seconds);
    struct file *found;
    pthread_mutex_lock(&engine->lock);
    engine->wanted = wanted;
    while (engine->done_count < wanted && engine->unfinished && !engine->stopping)
        if (pthread_cond_timedwait(&engine->done, &engine->lock, &deadline) == ETIMEDOUT)
            break;
    found = engine->done_first;
    engine->done_first = engine->done_last = NULL;
    engine->done_count = 0;
    engine->wanted = 0;
    pthread_mutex_unlock(&engine->lock);
    return found;
}

struct file *queue_next(struct engine *engine)
{
    struct file *file = NULL;
    if (!atomic_load_explicit(&engine->waiting, memory_order_relaxed))
        return NULL;
    pthread_mutex_lock(&engine->lock);
    if (engine->first && !engine->stopping) {
        struct batch *batch = engine->first;
        file = &batch->files[batch->begun++];
        atomic_fetch_sub(&engine->waiting, 1);
        if (batch->begun == batch->count) {
            engine->first = batch->next;
            if (!engine->first)
                engine->last = NULL;
        }
    }
    pthread_mutex_unlock(&engine->lock);
    return file;
}

struct stream *queue_resumed(struct engine *engine)
{
    struct stream *stream;
    if (!atomic_load_explicit(&engine->waiting, memory_order_relaxed))
        return NULL;
    pthread_mutex_lock(&engine->lock);
    stream = engine->resumed;
    if (stream) {
        engine->resumed = stream->follower;
        atomic_fetch_sub(&engine->waiting, 1);
    }
    pthread_mutex_unlock(&engine->lock);
    return stream;
}

void queue_resume(struct engine *engine, struct stream *stream)
{
    pthread_mutex_lock(&engine->lock);
    stream->follower = engine->resumed;
    engine->resumed = stream;
    atomic_fetch_add(&engine->waiting, 1);
    queue_wake(engine);
    pthread_mutex_unlock(&engine->lock);
}

void queue_done(struct engine *engine, struct file *file)
{
    pthread_mutex_lock(&engine->lock);
    file->next = NULL;
    if (engine->done_last)
        engine->done_last->next = file;
    else
        engine->done_first = file;
    engine->done_last = file;
    engine->unfinished--;
    if (++engine->done_count == engine->wanted || !engine->unfinished)
        pthread_cond_signal(&engine->done);
    pthread_mutex_unlock(&engine->lock);
}

void queue_wake(struct engine *engine)
{
    if (atomic_load_explicit(&engine->idle, memory_order_relaxed))
        pthread_cond_broadcast(&engine->work);
}
