/*
 * Runs calls by several threads at once and sends how often each result came; knows nothing of the right answers.
 *
 * Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#define _POSIX_C_SOURCE 200809L
#include "common.h"

#include <pthread.h>
#include <sched.h>

enum { THREADS_MAX = 8, EXCHANGE = 32, HELD_MAX = 16 };

typedef struct {
    slab *pool;
    size_t size;
    size_t threads;
    size_t rounds;
    size_t holds;
    _Atomic(unsigned char *) exchange[EXCHANGE];
    atomic_size_t ready;
    atomic_size_t finished;
    atomic_size_t next_thread;
    _Atomic(void *) block;
    atomic_size_t made, failed, corrupted, live, most_live, most_in_round;
    atomic_size_t statuses[3];
} shared;

static void add(atomic_size_t *counter, size_t count) {
    atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}

static void raise_to(atomic_size_t *most, size_t value) {
    size_t known = atomic_load_explicit(most, memory_order_relaxed);
    while (value > known &&
           !atomic_compare_exchange_weak_explicit(most, &known, value, memory_order_relaxed, memory_order_relaxed)) {
    }
}

/* Waits until all threads have come here as often as this one. The places to meet have counters of their own: a thread
 * that is late at the first must not be ordered behind what another one did between the first and the second. */
static void meet(const shared *all, atomic_size_t *arrived, size_t times) {
    atomic_fetch_add(arrived, 1);
    while (atomic_load(arrived) < times * all->threads) {
        sched_yield();
    }
}

static void check_and_free(shared *all, unsigned char *block) {
    size_t different = 0;
    for (size_t i = 1; i < all->size; i++) {
        different += block[i] != block[0];
    }
    add(&all->corrupted, different);
    slab_status status = slab_free(all->pool, block);
    add(&all->statuses[status == SLAB_OK ? 0 : status == SLAB_DOUBLE_FREE ? 1 : 2], 1);
}

/* Fills blocks and passes them on: most are freed by another thread than the one that allocated them. The first thread
 * only counts; nothing but the pool's own care orders its calls and those of the others. */
static void *pass_on(void *argument) {
    shared *all = argument;
    size_t own = atomic_fetch_add(&all->next_thread, 1);
    uint64_t random = own + 1;
    meet(all, &all->ready, 1);
    for (size_t round = 0; round < all->rounds && own == 0; round++) {
        raise_to(&all->most_live, slab_live(all->pool));
        sched_yield();
    }
    for (size_t round = 0; round < all->rounds && own > 0; round++) {
        unsigned char *block = slab_alloc(all->pool);
        if (block == NULL) {
            add(&all->failed, 1);
            continue;
        }
        add(&all->made, 1);
        memset(block, (int)(next_random(&random) & 255), all->size);
        unsigned char *other = atomic_exchange(&all->exchange[next_random(&random) % EXCHANGE], block);
        if (other != NULL) {
            check_and_free(all, other);
        }
        if (own == 1 && round % 64 == 0) {
            slab_trim(all->pool);
        }
    }
    return NULL;
}

/* All threads free one block at once. */
static void *race(void *argument) {
    shared *all = argument;
    size_t own = atomic_fetch_add(&all->next_thread, 1);
    for (size_t round = 0; round < all->rounds; round++) {
        size_t before = 0;
        if (own == 0) {
            before = atomic_load(&all->statuses[0]);
            atomic_store(&all->block, slab_alloc(all->pool));
            add(&all->made, atomic_load(&all->block) != NULL);
        }
        meet(all, &all->ready, round + 1);
        slab_status status = slab_free(all->pool, atomic_load(&all->block));
        add(&all->statuses[status == SLAB_OK ? 0 : status == SLAB_DOUBLE_FREE ? 1 : 2], 1);
        meet(all, &all->finished, round + 1);
        if (own == 0) {
            raise_to(&all->most_in_round, atomic_load(&all->statuses[0]) - before);
        }
    }
    return NULL;
}

/* Each thread holds up to so many blocks at a time. */
static void *crowd(void *argument) {
    shared *all = argument;
    uint64_t random = atomic_fetch_add(&all->next_thread, 1) + 1;
    void *blocks[HELD_MAX];
    size_t count = 0;
    meet(all, &all->ready, 1);
    for (size_t round = 0; round < all->rounds; round++) {
        if (count < all->holds && next_random(&random) % 3 != 0) {
            blocks[count] = slab_alloc(all->pool);
            if (blocks[count] == NULL) {
                add(&all->failed, 1);
            } else {
                raise_to(&all->most_live, atomic_fetch_add_explicit(&all->live, 1, memory_order_relaxed) + 1);
                add(&all->made, 1);
                count++;
            }
        } else if (count > 0) {
            atomic_fetch_sub_explicit(&all->live, 1, memory_order_relaxed);
            slab_status status = slab_free(all->pool, blocks[--count]);
            add(&all->statuses[status == SLAB_OK ? 0 : status == SLAB_DOUBLE_FREE ? 1 : 2], 1);
        }
    }
    while (count > 0) {
        atomic_fetch_sub_explicit(&all->live, 1, memory_order_relaxed);
        slab_free(all->pool, blocks[--count]);
    }
    return NULL;
}

static bool run_script(void) {
    char operation[32];
    if (scanf("%31s", operation) != 1 || strcmp(operation, "end") == 0) {
        return false;
    }
    static shared all;
    memset(&all, 0, sizeof all);
    all.size = scan_number();
    size_t alignment = scan_number();
    size_t limit = scan_number();
    all.threads = scan_number() % (THREADS_MAX + 1);
    all.rounds = scan_number();
    all.holds = scan_number() % (HELD_MAX + 1);
    all.pool = slab_create(all.size, alignment, limit, &source);
    if (all.pool == NULL) {
        give_up("slab_create returned NULL for valid arguments");
    }
    void *(*work)(void *) = operation[0] == 'p' ? pass_on : operation[0] == 'r' ? race : crowd;
    pthread_t threads[THREADS_MAX];
    for (size_t t = 0; t < all.threads; t++) {
        if (pthread_create(&threads[t], NULL, work, &all) != 0) {
            give_up("a thread cannot be started");
        }
    }
    for (size_t t = 0; t < all.threads; t++) {
        pthread_join(threads[t], NULL);
    }
    for (size_t i = 0; i < EXCHANGE; i++) {
        if (all.exchange[i] != NULL) {
            check_and_free(&all, all.exchange[i]);
        }
    }
    fprintf(answers, "%zu %zu\n%zu %zu %zu\n%zu %zu %zu\n", all.made, all.failed, all.statuses[0], all.statuses[1],
            all.statuses[2], all.corrupted, all.most_live, all.most_in_round);
    size_t live = slab_live(all.pool);
    size_t destroyed = slab_destroy(all.pool);
    fprintf(answers, "%zu %zu\n%zu %zu\n", live, destroyed, atomic_load(&held), atomic_load(&wrong_gives));
    fflush(answers);
    return strcmp(scan_word(), "next") == 0;
}

int main(void) {
    return serve(run_script);
}
