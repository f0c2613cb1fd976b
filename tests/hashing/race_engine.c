/* The engine's threads under a race detector: reads a directory's files again and again, on one thread and on several,
 * and compares what comes of them. Without Python, whose own threads would drown it out. Built by `make races`. */
#define _GNU_SOURCE
#include "engine.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_FILES = 4096, EVERY = 7 };

static char *names[MOST_FILES];
static unsigned count;

static void list(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    if (!directory)
        exit(2);
    while ((entry = readdir(directory)) && count < MOST_FILES)
        if (entry->d_type == DT_REG)
            names[count++] = strdup(entry->d_name);
    closedir(directory);
}

/* Read all files in batches of a few; `stop_early` ends the engine in the midst of it. */
static void read_all(int directory, unsigned threads, struct outcome *found, bool stop_early)
{
    struct engine engine;
    struct batch *batches = calloc(count / EVERY + 1, sizeof *batches);
    struct file *files = calloc(count, sizeof *files);
    unsigned done = 0;
    if (!batches || !files || engine_start(&engine, ALG_ALL, threads, 4096))
        exit(2);
    for (unsigned first = 0; first < count; first += EVERY) {
        struct batch *batch = &batches[first / EVERY];
        *batch = (struct batch){.directory = directory, .files = files + first};
        batch->rules.most_bytes = UINT64_MAX;
        batch->count = count - first < EVERY ? count - first : EVERY;
        for (unsigned i = first; i < first + batch->count; i++)
            files[i] = (struct file){.batch = batch, .name = names[i]};
        engine_submit(&engine, batch);
    }
    while (done < (stop_early ? count / 2 : count))
        for (struct file *file = engine_take(&engine, 16, 1.0); file; file = file->next)
            done++;
    if (!engine_stop(&engine, 60))
        exit(3);
    for (unsigned i = 0; found && i < count; i++)
        found[i] = files[i].outcome;
    free(files);
    free(batches);
}

int main(int arguments, char **values)
{
    int rounds = arguments > 2 ? atoi(values[2]) : 3, directory;
    struct outcome *one = calloc(MOST_FILES, sizeof *one), *many = calloc(MOST_FILES, sizeof *many);
    if (arguments < 2 || !one || !many)
        return 2;
    list(values[1]);
    directory = open(values[1], O_RDONLY | O_DIRECTORY);
    read_all(directory, 1, one, false);
    for (int round = 0; round < rounds; round++) {
        read_all(directory, 2 + (unsigned)round % 3, many, false);
        for (unsigned i = 0; i < count; i++)
            if (one[i].failure != many[i].failure || memcmp(one[i].digests, many[i].digests, sizeof one[i].digests)) {
                fprintf(stderr, "file %u: another outcome on several threads\n", i);
                return 1;
            }
        read_all(directory, 3, NULL, true);
    }
    printf("%u files, %d rounds\n", count, rounds);
    return 0;
}
