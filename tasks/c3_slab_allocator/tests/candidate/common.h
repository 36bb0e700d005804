/*
 * What the drivers share: their answers, and a source of memory that counts and can run dry.
 *
 * Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#ifndef COMMON_H
#define COMMON_H

#undef malloc
#undef calloc
#undef realloc
#undef aligned_alloc
#undef posix_memalign
#undef free

#include "slab.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static FILE *answers;

/* Relaxed everywhere: what counts here must not order what the code under test does in several threads. */
static atomic_size_t held;
static atomic_size_t most_held;
static atomic_size_t wrong_gives;
static atomic_size_t own_allocations;
static atomic_size_t takes_left = SIZE_MAX;

typedef struct {
    size_t size;
    size_t mark;
} head;

#define MARK ((size_t)0x51ab51ab)

/* Before the memory is a head; the memory is aligned to 16 and to no more, and ends where its block does. */
static void *source_take(void *context, size_t size) {
    void *block = NULL;
    size_t left = atomic_load_explicit(&takes_left, memory_order_relaxed);
    if (context != &held || left == 0 || posix_memalign(&block, 32, size + sizeof(head)) != 0) {
        return NULL;
    }
    if (left != SIZE_MAX) {
        atomic_store_explicit(&takes_left, left - 1, memory_order_relaxed);
    }
    *(head *)block = (head){size, MARK};
    memset((char *)block + sizeof(head), 0xa5, size);
    size_t now = atomic_fetch_add_explicit(&held, size, memory_order_relaxed) + size;
    size_t most = atomic_load_explicit(&most_held, memory_order_relaxed);
    while (now > most &&
           !atomic_compare_exchange_weak_explicit(&most_held, &most, now, memory_order_relaxed, memory_order_relaxed)) {
    }
    return (char *)block + sizeof(head);
}

static void source_give(void *context, void *memory, size_t size) {
    head *block = (head *)((char *)memory - sizeof(head));
    if (context != &held || block->mark != MARK || block->size != size) {
        atomic_fetch_add_explicit(&wrong_gives, 1, memory_order_relaxed);
        return;
    }
    block->mark = 0;
    atomic_fetch_sub_explicit(&held, size, memory_order_relaxed);
    free(block);
}

static const slab_source source = {source_take, source_give, &held};

/* What the code under test calls instead of the functions that it must not call. */
void *driver_malloc(size_t size) {
    atomic_fetch_add_explicit(&own_allocations, 1, memory_order_relaxed);
    return malloc(size);
}

void *driver_calloc(size_t count, size_t size) {
    atomic_fetch_add_explicit(&own_allocations, 1, memory_order_relaxed);
    return calloc(count, size);
}

void *driver_realloc(void *block, size_t size) {
    atomic_fetch_add_explicit(&own_allocations, 1, memory_order_relaxed);
    return realloc(block, size);
}

void *driver_aligned_alloc(size_t alignment, size_t size) {
    atomic_fetch_add_explicit(&own_allocations, 1, memory_order_relaxed);
    return aligned_alloc(alignment, size);
}

int driver_posix_memalign(void **block, size_t alignment, size_t size) {
    atomic_fetch_add_explicit(&own_allocations, 1, memory_order_relaxed);
    return posix_memalign(block, alignment, size);
}

void driver_free(void *block) {
    free(block);
}

static _Noreturn void give_up(const char *reason) {
    fprintf(stderr, "the driver gave up: %s\n", reason);
    exit(3);
}

static const char *scan_word(void) {
    static char word[64];
    if (scanf("%63s", word) != 1) {
        give_up("a word is missing");
    }
    return word;
}

static size_t scan_number(void) {
    const char *word = scan_word();
    return strcmp(word, "max") == 0 ? SIZE_MAX : (size_t)strtoull(word, NULL, 10);
}

static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* `run_script` runs one script up to its end; it returns false if there was no more of it. */
static int serve(bool (*run_script)(void)) {
    static char nonce[65];
    const char *pipe = getenv("ANSWER_PIPE");
    if (pipe == NULL || scanf("%64s", nonce) != 1) {
        give_up("no answer pipe or no nonce");
    }
    answers = fdopen(atoi(pipe), "w");
    if (answers == NULL || freopen("printed", "w", stdout) == NULL) {
        give_up("the answer pipe or a file for the output cannot be opened");
    }
    while (run_script()) {
        fprintf(answers, "done %s\n", nonce);
        fflush(answers);
    }
    return fclose(answers) == 0 ? 0 : 3;
}

#endif
