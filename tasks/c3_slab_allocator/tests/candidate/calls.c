/*
 * Runs scripts of calls by one thread and sends what each returned; knows nothing of the right answers.
 *
 * Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#define _POSIX_C_SOURCE 200809L
#include "common.h"

enum { POOLS = 4, BLOCKS = 4096 };

typedef struct {
    slab *pool;
    size_t size;
} slot;

static slot pools[POOLS];
static unsigned char *blocks[BLOCKS];
static size_t sizes[BLOCKS];
/* What was held when the script began: nothing, unless an earlier one's pools kept something. */
static size_t held_before;

static const char *name_of(slab_status status) {
    switch (status) {
    case SLAB_OK:
        return "ok";
    case SLAB_DOUBLE_FREE:
        return "double";
    case SLAB_INVALID:
        return "invalid";
    }
    return "unknown";
}

static size_t scan_block(void) {
    return scan_number() % BLOCKS;
}

static void create(slot *own) {
    size_t size = scan_number();
    size_t alignment = scan_number();
    size_t limit = scan_number();
    own->size = size;
    own->pool = slab_create(size, alignment, limit, &source);
    fprintf(answers, "%s\n", own->pool == NULL ? "null" : "pool");
}

/* Every byte of the block is written: AddressSanitizer sees what lies outside the source's memory. */
static void alloc(slot *own) {
    size_t block = scan_block();
    uint64_t random = scan_number();
    unsigned char *made = slab_alloc(own->pool);
    if (made == NULL) {
        fprintf(answers, "null\n");
        return;
    }
    blocks[block] = made;
    sizes[block] = own->size;
    for (size_t i = 0; i < own->size; i++) {
        made[i] = (unsigned char)next_random(&random);
    }
    fprintf(answers, "%llu\n", (unsigned long long)(uintptr_t)made);
}

static void send_content(void) {
    size_t block = scan_block();
    uint32_t digest = 0;
    for (size_t i = 0; i < sizes[block]; i++) {
        digest = digest * 31 + blocks[block][i];
    }
    fprintf(answers, "%lu\n", (unsigned long)digest);
}

/* Pointers that are no block of any pool. */
static void free_foreign(slab *pool) {
    static unsigned char own[4096];
    unsigned char local[64] = {0};
    unsigned char *other = malloc(256);
    uintptr_t wrong[] = {(uintptr_t)own, (uintptr_t)local, (uintptr_t)other, (uintptr_t)(other + 64), 16, 4096,
                         UINTPTR_MAX, UINTPTR_MAX - 4095, (uintptr_t)pool};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fprintf(answers, "%s%s", i == 0 ? "" : " ", name_of(slab_free(pool, (void *)wrong[i])));
    }
    fprintf(answers, "\n");
    free(other);
}

/* Allocates many blocks and frees them in random order; twice, so that memory is used again. */
static void many(slab *pool) {
    size_t count = scan_number();
    uint64_t random = 1;
    void **all = malloc(count * sizeof *all);
    size_t made = 0, freed = 0;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < count; i++) {
            all[i] = slab_alloc(pool);
            made += all[i] != NULL;
        }
        for (size_t i = count; i > 0; i--) {
            size_t chosen = next_random(&random) % i;
            freed += all[chosen] != NULL && slab_free(pool, all[chosen]) == SLAB_OK;
            all[chosen] = all[i - 1];
        }
    }
    free(all);
    fprintf(answers, "%zu %zu\n", made, freed);
}

/* A pool whose source runs dry and then has memory again: blocks until the first failure, live blocks then, how many of
 * five more there are later, live blocks at the end, and what is held after all. */
static void scarce(slot *own) {
    size_t size = scan_number();
    size_t alignment = scan_number();
    size_t made = 0, more = 0;
    atomic_store(&takes_left, scan_number());
    size_t before = atomic_load(&held);
    own->pool = slab_create(size, alignment, BLOCKS, &source);
    if (own->pool == NULL) {
        atomic_store(&takes_left, SIZE_MAX);
        fprintf(answers, "null %zu\n", atomic_load(&held) - before);
        return;
    }
    for (void *block; made < BLOCKS && (block = slab_alloc(own->pool)) != NULL; made++) {
        memset(block, 1, size);
    }
    size_t live = slab_live(own->pool);
    atomic_store(&takes_left, SIZE_MAX);
    for (void *block; more < 5 && (block = slab_alloc(own->pool)) != NULL; more++) {
        memset(block, 2, size);
    }
    size_t destroyed = slab_destroy(own->pool);
    own->pool = NULL;
    fprintf(answers, "pool %zu %zu %zu %zu %zu\n", made, live, more, destroyed, atomic_load(&held) - before);
}

static long long printed(void) {
    struct stat file;
    fflush(stdout);
    if (fstat(STDOUT_FILENO, &file) != 0) {
        give_up("the standard output cannot be measured");
    }
    return (long long)file.st_size;
}

static bool perform(const char *operation, slot *own) {
    if (strcmp(operation, "alloc") == 0) {
        alloc(own);
    } else if (strcmp(operation, "free") == 0) {
        size_t block = scan_block();
        size_t offset = scan_number();
        fprintf(answers, "%s\n", name_of(slab_free(own->pool, blocks[block] + offset)));
    } else if (strcmp(operation, "null") == 0) {
        fprintf(answers, "%s\n", name_of(slab_free(own->pool, NULL)));
    } else if (strcmp(operation, "foreign") == 0) {
        free_foreign(own->pool);
    } else if (strcmp(operation, "live") == 0) {
        fprintf(answers, "%zu\n", slab_live(own->pool));
    } else if (strcmp(operation, "trim") == 0) {
        slab_trim(own->pool);
        fprintf(answers, "trimmed\n");
    } else if (strcmp(operation, "many") == 0) {
        many(own->pool);
    } else if (strcmp(operation, "destroy") == 0) {
        fprintf(answers, "%zu\n", slab_destroy(own->pool));
        own->pool = NULL;
    } else {
        return false;
    }
    return true;
}

static bool run_script(void) {
    for (;;) {
        char operation[32];
        if (scanf("%31s", operation) != 1 || strcmp(operation, "end") == 0) {
            return false;
        }
        if (strcmp(operation, "next") == 0) {
            break;
        }
        if (strcmp(operation, "content") == 0) {
            send_content();
        } else if (strcmp(operation, "takes") == 0) {
            atomic_store(&takes_left, scan_number());
            fprintf(answers, "set\n");
        } else if (strcmp(operation, "memory") == 0) {
            fprintf(answers, "%zu %zu %zu %zu\n", atomic_load(&held) - held_before,
                    atomic_load(&most_held) - held_before, atomic_load(&wrong_gives), atomic_load(&own_allocations));
        } else if (strcmp(operation, "printed") == 0) {
            fprintf(answers, "%lld\n", printed());
        } else {
            slot *own = &pools[scan_number() % POOLS];
            if (strcmp(operation, "create") == 0) {
                create(own);
            } else if (strcmp(operation, "scarce") == 0) {
                scarce(own);
            } else if (own->pool == NULL && strcmp(operation, "destroy") != 0) {
                give_up("there is no pool");
            } else if (!perform(operation, own)) {
                give_up("unknown operation");
            }
        }
        fflush(answers);
    }
    for (size_t i = 0; i < POOLS; i++) {
        slab_destroy(pools[i].pool);
        pools[i].pool = NULL;
    }
    held_before = atomic_load(&held);
    atomic_store(&most_held, held_before);
    atomic_store(&takes_left, SIZE_MAX);
    return true;
}

int main(void) {
    return serve(run_script);
}
