/* A thread of the engine: as many files side by side as there are lanes, each replaced as it ends. */
#define _GNU_SOURCE
#include "engine.h"

#include <stdlib.h>

enum {
    ALONE = 4,              /* blocks; shorter files are hashed at once, by themselves */
    FEW = 4,                /* lanes; so few large files are better shared by all threads */
    SHARED_LEAST = 4 << 20, /* bytes that must be left of a file to share it */
    HANDED_LEAST = 1 << 20, /* bytes that must be left of a file to hand it over */
    AHEAD = 32,             /* files that are asked for from a slow device before they are read */
};

struct worker {
    struct lanes lanes;
    struct engine *engine;
    struct stream *stream[MOST_LANES];
    uint32_t active;
    struct stream *spare;
    struct stream *ahead[AHEAD];
    unsigned ahead_begin, ahead_count;
    bool cold; /* the last file was not in the page cache */
};

static void look_ahead(struct worker *worker)
{
    struct file *file;
    while (worker->ahead_count < AHEAD && (file = queue_next(worker->engine))) {
        struct stream *stream = stream_open(worker->engine, file, &worker->spare);
        if (stream) {
            source_hint(&stream->source);
            worker->ahead[(worker->ahead_begin + worker->ahead_count++) % AHEAD] = stream;
        }
    }
}

/* Return an open file with bytes of it in its buffer, or NULL when there are none waiting. */
static struct stream *next_stream(struct worker *worker)
{
    struct engine *engine = worker->engine;
    struct stream *stream = queue_resumed(engine);
    if (worker->cold && !stream)
        look_ahead(worker);
    if (!stream && worker->ahead_count) {
        stream = worker->ahead[worker->ahead_begin];
        worker->ahead_begin = (worker->ahead_begin + 1) % AHEAD;
        worker->ahead_count--;
    }
    while (!stream) {
        struct file *file = queue_next(engine);
        if (!file)
            return NULL;
        stream = stream_open(engine, file, &worker->spare);
    }
    stream_fill(engine, stream);
    return stream;
}

static void finish(struct worker *worker, struct stream *stream)
{
    worker->cold = stream->source.cold;
    stream_finish(worker->engine, stream);
    if (worker->spare)
        stream_free(stream);
    else
        worker->spare = stream;
}

/* Lanes pay where there is more to hash than the few blocks after which they would be free again. */
static bool worth_a_lane(const struct stream *stream)
{
    return !stream->source.ended || stream->blocks > ALONE;
}

static bool occupy(struct worker *worker, unsigned lane)
{
    struct stream *stream;
    while ((stream = next_stream(worker))) {
        if (worth_a_lane(stream)) {
            worker->stream[lane] = stream;
            worker->active |= 1u << lane;
            atomic_fetch_add(&worker->engine->active, 1);
            lanes_put(&worker->lanes, lane, &stream->running, worker->engine->algorithms);
            worker->lanes.data[lane] = stream->next;
            return true;
        }
        finish(worker, stream);
    }
    return false;
}

static struct stream *vacate(struct worker *worker, unsigned lane)
{
    struct stream *stream = worker->stream[lane];
    lanes_take(&worker->lanes, lane, &stream->running, worker->engine->algorithms);
    worker->active &= ~(1u << lane);
    atomic_fetch_sub(&worker->engine->active, 1);
    return stream;
}

/* When nothing waits any more, the threads divide what is left. */
static bool give_away(struct worker *worker, unsigned lane)
{
    struct engine *engine = worker->engine;
    unsigned own = (unsigned)__builtin_popcount(worker->active);
    uint64_t left = stream_left(worker->stream[lane]);
    if (engine->threads < 2 || left < HANDED_LEAST || worker->ahead_count || atomic_load(&engine->waiting))
        return false;
    if (own <= FEW && left >= SHARED_LEAST) {
        struct stream *stream = vacate(worker, lane);
        if (share(engine, stream))
            return true;
        worker->stream[lane] = stream;
        worker->active |= 1u << lane;
        atomic_fetch_add(&engine->active, 1);
        return false;
    }
    if (atomic_load(&engine->idle) && own > 1 + atomic_load(&engine->active) / engine->threads) {
        queue_resume(engine, vacate(worker, lane));
        return true;
    }
    return false;
}

/* The blocks of a lane are used up: read on, or end it. */
static void go_on(struct worker *worker, unsigned lane)
{
    struct stream *stream = worker->stream[lane];
    if (!stream->source.ended) {
        if (give_away(worker, lane))
            return;
        stream_fill(worker->engine, stream);
        if (worth_a_lane(stream)) {
            worker->lanes.data[lane] = stream->next;
            return;
        }
    }
    finish(worker, vacate(worker, lane));
}

static void advance(struct worker *worker)
{
    uint32_t lanes;
    size_t step = SIZE_MAX;
    for (lanes = worker->active; lanes; lanes &= lanes - 1) {
        size_t blocks = worker->stream[__builtin_ctz(lanes)]->blocks;
        step = blocks < step ? blocks : step;
    }
    lanes_advance(&worker->lanes, worker->active, worker->engine->algorithms, step);
    for (lanes = worker->active; lanes; lanes &= lanes - 1) {
        unsigned lane = (unsigned)__builtin_ctz(lanes);
        worker->stream[lane]->blocks -= step;
        if (!worker->stream[lane]->blocks)
            go_on(worker, lane);
    }
}

/* Work until nothing is waiting, neither in the queue nor opened ahead. */
static void run_lanes(struct worker *worker)
{
    while (!atomic_load(&worker->engine->stopping)) {
        uint32_t empty = ~worker->active & ((1u << MOST_LANES) - 1);
        while (empty && occupy(worker, (unsigned)__builtin_ctz(empty)))
            empty &= empty - 1;
        if (!worker->active)
            return;
        advance(worker);
    }
}

static void abandon(struct worker *worker)
{
    for (; worker->active; worker->active &= worker->active - 1)
        stream_abandon(worker->stream[__builtin_ctz(worker->active)]);
    for (; worker->ahead_count; worker->ahead_count--)
        stream_abandon(worker->ahead[(worker->ahead_begin + worker->ahead_count - 1) % AHEAD]);
    stream_free(worker->spare);
}

void *worker_run(void *argument)
{
    struct engine *engine = argument;
    struct worker worker = {.engine = engine};
    while (!atomic_load(&engine->stopping)) {
        run_lanes(&worker);
        pthread_mutex_lock(&engine->lock);
        if (!atomic_load(&engine->waiting) && !share_turn(engine) && !atomic_load(&engine->stopping)) {
            atomic_fetch_add(&engine->idle, 1);
            pthread_cond_wait(&engine->work, &engine->lock);
            atomic_fetch_sub(&engine->idle, 1);
        }
        pthread_mutex_unlock(&engine->lock);
    }
    abandon(&worker);
    return NULL;
}
