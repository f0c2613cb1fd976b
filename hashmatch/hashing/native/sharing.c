/* Large files on several threads: where few streams are left, lanes would stand empty and a digest is a serial chain.
 *
 * A shared stream has a ring of slots. One thread at a time reads the next slot; MD5 and the SHAs run over the slots in
 * their own time, on whichever thread is free. The MD5 of several files goes side by side, the two SHAs of one file are
 * woven into each other. A turn is a slot long, so that threads never wait for one another for more than a fraction of
 * a millisecond.
 */
#define _GNU_SOURCE
#include "engine.h"

#include <stdlib.h>

enum {
    SLOTS = 4,
    SLOT = 256 << 10, /* bytes */
    MOST_SHARED = 16,
    PARTS = 2,
};

/* What one thread computes of a slot at a time. Two SHAs together take three quarters of the time they take apart. */
static const unsigned parts[PARTS] = {ALG_MD5, ALG_SHA1 | ALG_SHA256};

struct shared {
    struct stream *stream;
    uint8_t *slots;
    size_t blocks[SLOTS];
    uint64_t filled;        /* slots read so far; the n-th lies at n % SLOTS */
    uint64_t hashed[PARTS]; /* how many of them, by part */
    bool reading, hashing[PARTS];
    struct shared *next;
};

static uint8_t *slot_of(const struct shared *shared, uint64_t number)
{
    return shared->slots + (number % SLOTS) * (SLOT + BLOCK);
}

static void shared_free(struct shared *shared)
{
    free(shared->slots);
    free(shared);
}

bool share(struct engine *engine, struct stream *stream)
{
    struct shared *shared;
    bool placed = false;
    shared = calloc(1, sizeof *shared);
    if (!shared)
        return false;
    shared->slots = aligned_alloc(BLOCK, SLOTS * (SLOT + BLOCK));
    pthread_mutex_lock(&engine->lock);
    if (shared->slots && engine->shared_count < MOST_SHARED) {
        stream->room = SLOT;
        shared->stream = stream;
        shared->next = engine->shared;
        engine->shared = shared;
        engine->shared_count++;
        queue_wake(engine);
        placed = true;
    }
    pthread_mutex_unlock(&engine->lock);
    if (!placed)
        shared_free(shared);
    return placed;
}

/* The slots that some part has yet to hash. */
static uint64_t backlog(const struct engine *engine, const struct shared *shared)
{
    uint64_t most = 0;
    for (unsigned part = 0; part < PARTS; part++)
        if (engine->algorithms & parts[part] && shared->filled - shared->hashed[part] > most)
            most = shared->filled - shared->hashed[part];
    return most;
}

static bool busy(const struct shared *shared)
{
    return shared->reading || shared->hashing[0] || shared->hashing[1];
}

static bool finish_turn(struct engine *engine)
{
    for (struct shared **at = &engine->shared; *at; at = &(*at)->next) {
        struct shared *shared = *at;
        if (busy(shared) || !shared->stream->source.ended || backlog(engine, shared))
            continue;
        *at = shared->next;
        engine->shared_count--;
        pthread_mutex_unlock(&engine->lock);
        shared->stream->blocks = 0;
        stream_finish(engine, shared->stream);
        stream_free(shared->stream);
        shared_free(shared);
        pthread_mutex_lock(&engine->lock);
        return true;
    }
    return false;
}

/* Read a slot of a stream that has fewer than `enough` waiting. */
static bool read_turn(struct engine *engine, uint64_t enough)
{
    struct shared *shared;
    size_t blocks;
    for (shared = engine->shared; shared; shared = shared->next)
        if (!shared->reading && !shared->stream->source.ended && backlog(engine, shared) < enough)
            break;
    if (!shared)
        return false;
    shared->reading = true;
    pthread_mutex_unlock(&engine->lock);
    blocks = stream_read(engine, shared->stream, slot_of(shared, shared->filled));
    pthread_mutex_lock(&engine->lock);
    shared->reading = false;
    shared->blocks[shared->filled % SLOTS] = blocks;
    shared->filled += blocks > 0;
    return true;
}

static bool to_hash(const struct shared *shared, unsigned part)
{
    return !shared->hashing[part] && shared->hashed[part] < shared->filled;
}

/* Streams go through MD5 in company: were each taken up as soon as its next slot is read, they would fall out of step,
 * and each take the time that all of them take together. Only a stream whose ring is full waits for no other. */
static bool waits_for_company(const struct engine *engine, const struct shared *stream, unsigned part)
{
    if (parts[part] != ALG_MD5)
        return false;
    for (const struct shared *other = engine->shared; other; other = other->next) {
        if (other->hashing[part])
            return true;
        if (other->hashed[part] == other->filled && (other->reading || !other->stream->source.ended) &&
            stream->filled - stream->hashed[part] < SLOTS)
            return true;
    }
    return false;
}

/* Choose the part that is furthest behind, so that none holds up the reading. */
static struct shared *furthest_behind(const struct engine *engine, unsigned *chosen_part)
{
    struct shared *chosen = NULL;
    uint64_t most = 0;
    for (struct shared *shared = engine->shared; shared; shared = shared->next)
        for (unsigned part = 0; part < PARTS; part++)
            if (engine->algorithms & parts[part] && to_hash(shared, part) && !waits_for_company(engine, shared, part) &&
                shared->filled - shared->hashed[part] > most) {
                most = shared->filled - shared->hashed[part];
                chosen = shared;
                *chosen_part = part;
            }
    return chosen;
}

static size_t blocks_to_hash(const struct shared *shared, unsigned part)
{
    return shared->blocks[shared->hashed[part] % SLOTS];
}

/* Gather streams that go side by side with the chosen one. MD5 gains by company; the SHAs have instructions of
 * their own, and other files are better left for another thread. */
static unsigned gather(const struct engine *engine, struct shared *chosen, unsigned part, struct shared *group[])
{
    unsigned count = 0;
    group[count++] = chosen;
    if (parts[part] != ALG_MD5)
        return count;
    for (struct shared *shared = engine->shared; shared && count < MOST_LANES; shared = shared->next)
        if (shared != chosen && to_hash(shared, part) && blocks_to_hash(shared, part) == blocks_to_hash(chosen, part))
            group[count++] = shared;
    return count;
}

static bool hash_turn(struct engine *engine)
{
    struct shared *group[MOST_LANES];
    struct digester *running[MOST_LANES];
    const uint8_t *data[MOST_LANES];
    unsigned part = 0, count;
    size_t blocks;
    struct shared *chosen = furthest_behind(engine, &part);
    if (!chosen)
        return false;
    blocks = blocks_to_hash(chosen, part);
    count = gather(engine, chosen, part, group);
    for (unsigned i = 0; i < count; i++) {
        group[i]->hashing[part] = true;
        running[i] = &group[i]->stream->running;
        data[i] = slot_of(group[i], group[i]->hashed[part]);
    }
    pthread_mutex_unlock(&engine->lock);
    digesters_advance(running, data, count, engine->algorithms & parts[part], blocks);
    pthread_mutex_lock(&engine->lock);
    for (unsigned i = 0; i < count; i++) {
        group[i]->hashing[part] = false;
        group[i]->hashed[part]++;
    }
    return true;
}

bool share_turn(struct engine *engine)
{
    if (!finish_turn(engine) && !read_turn(engine, 2) && !hash_turn(engine) && !read_turn(engine, SLOTS))
        return false;
    queue_wake(engine);
    return true;
}

void share_abandon(struct engine *engine)
{
    while (engine->shared) {
        struct shared *next = engine->shared->next;
        stream_abandon(engine->shared->stream);
        shared_free(engine->shared);
        engine->shared = next;
    }
}
