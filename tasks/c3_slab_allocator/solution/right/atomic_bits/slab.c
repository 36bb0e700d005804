/*
 * Blocks are taken and freed by atomic operations on bits, under a lock that excludes only growing and trimming.
 * Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#define _POSIX_C_SOURCE 200809L
#include "slab.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    size_t taken;
    uintptr_t first;
    atomic_size_t used;
    _Atomic uint64_t bits[]; /* Two words for 64 blocks: those that are live and those that ever were. */
} group;

struct slab {
    slab_source source;
    size_t stride;
    size_t alignment;
    size_t limit;
    size_t per_group;
    pthread_rwlock_t shape;
    atomic_size_t live;
    atomic_size_t guess; /* The group where there was room last. */
    group **groups;
    size_t count;
    size_t room;
};

slab *slab_create(size_t size, size_t alignment, size_t limit, const slab_source *source) {
    bool is_power = alignment > 0 && (alignment & (alignment - 1)) == 0;
    if (size - 1 >= SLAB_SIZE_MAX || !is_power || alignment > SLAB_ALIGNMENT_MAX || limit == 0) {
        return NULL;
    }
    slab *pool = source->take(source->context, sizeof *pool);
    if (pool == NULL) {
        return NULL;
    }
    memset(pool, 0, sizeof *pool);
    pool->source = *source;
    pool->stride = (size + alignment - 1) & ~(alignment - 1);
    pool->alignment = alignment;
    pool->limit = limit;
    pool->per_group = 48 * 1024 / (pool->stride > 16 ? pool->stride : 16);
    if (pool->per_group == 0) {
        pool->per_group = 1;
    }
    atomic_init(&pool->live, 0);
    atomic_init(&pool->guess, 0);
    pthread_rwlock_init(&pool->shape, NULL);
    return pool;
}

size_t slab_destroy(slab *pool) {
    if (pool == NULL) {
        return 0;
    }
    slab_source source = pool->source;
    size_t live = atomic_load(&pool->live);
    for (size_t i = 0; i < pool->count; i++) {
        source.give(source.context, pool->groups[i], pool->groups[i]->taken);
    }
    if (pool->groups != NULL) {
        source.give(source.context, pool->groups, pool->room * sizeof *pool->groups);
    }
    pthread_rwlock_destroy(&pool->shape);
    source.give(source.context, pool, sizeof *pool);
    return live;
}

static void *take_bit(slab *pool, group *g) {
    for (size_t base = 0; base < pool->per_group; base += 64) {
        _Atomic uint64_t *word = &g->bits[base / 64 * 2];
        uint64_t known = atomic_load(word);
        for (size_t bit = 0; bit < 64 && base + bit < pool->per_group;) {
            uint64_t mask = (uint64_t)1 << bit;
            if (known == UINT64_MAX) {
                break;
            }
            if ((known & mask) != 0) {
                bit++;
            } else if (atomic_compare_exchange_weak(word, &known, known | mask)) {
                atomic_fetch_or(word + 1, mask);
                atomic_fetch_add(&g->used, 1);
                return (void *)(g->first + (base + bit) * pool->stride);
            }
        }
    }
    return NULL;
}

static void *find_room(slab *pool) {
    size_t start = atomic_load(&pool->guess);
    for (size_t i = 0; i < pool->count; i++) {
        size_t index = (start + i) % pool->count;
        group *g = pool->groups[index];
        if (atomic_load(&g->used) < pool->per_group) {
            void *block = take_bit(pool, g);
            if (block != NULL) {
                atomic_store(&pool->guess, index);
                return block;
            }
        }
    }
    return NULL;
}

/* How many groups begin at or below an address. */
static size_t rank(const slab *pool, uintptr_t address) {
    size_t from = 0, to = pool->count;
    while (from != to) {
        size_t middle = (from + to) / 2;
        if (address < pool->groups[middle]->first) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    return from;
}

static bool grow(slab *pool) {
    const slab_source *source = &pool->source;
    if (pool->count == pool->room) {
        size_t room = 2 * pool->room + 8;
        group **groups = source->take(source->context, room * sizeof *groups);
        if (groups == NULL) {
            return false;
        }
        if (pool->groups != NULL) {
            memcpy(groups, pool->groups, pool->count * sizeof *groups);
            source->give(source->context, pool->groups, pool->room * sizeof *groups);
        }
        pool->groups = groups;
        pool->room = room;
    }
    size_t words = (pool->per_group + 63) / 64 * 2;
    size_t head = sizeof(group) + words * sizeof(uint64_t);
    size_t size = head + pool->alignment + pool->per_group * pool->stride;
    group *made = source->take(source->context, size);
    if (made == NULL) {
        return false;
    }
    made->taken = size;
    made->first = ((uintptr_t)made + head + pool->alignment - 1) & ~(uintptr_t)(pool->alignment - 1);
    atomic_init(&made->used, 0);
    for (size_t i = 0; i < words; i++) {
        atomic_init(&made->bits[i], 0);
    }
    size_t place = rank(pool, made->first);
    for (size_t i = pool->count++; i > place; i--) {
        pool->groups[i] = pool->groups[i - 1];
    }
    pool->groups[place] = made;
    atomic_store(&pool->guess, place);
    return true;
}

void *slab_alloc(slab *pool) {
    size_t live = atomic_load(&pool->live);
    do {
        if (live >= pool->limit) {
            return NULL;
        }
    } while (!atomic_compare_exchange_weak(&pool->live, &live, live + 1));
    pthread_rwlock_rdlock(&pool->shape);
    void *block = find_room(pool);
    pthread_rwlock_unlock(&pool->shape);
    if (block == NULL) {
        pthread_rwlock_wrlock(&pool->shape);
        block = find_room(pool);
        if (block == NULL && grow(pool)) {
            block = find_room(pool);
        }
        pthread_rwlock_unlock(&pool->shape);
    }
    if (block == NULL) {
        atomic_fetch_sub(&pool->live, 1);
    }
    return block;
}

slab_status slab_free(slab *pool, void *block) {
    if (block == NULL) {
        return SLAB_OK;
    }
    uintptr_t address = (uintptr_t)block;
    slab_status status = SLAB_INVALID;
    pthread_rwlock_rdlock(&pool->shape);
    size_t place = rank(pool, address);
    if (place > 0) {
        group *g = pool->groups[place - 1];
        size_t index = (address - g->first) / pool->stride;
        if ((address - g->first) % pool->stride == 0 && index < pool->per_group) {
            uint64_t mask = (uint64_t)1 << index % 64;
            _Atomic uint64_t *word = &g->bits[index / 64 * 2];
            if ((atomic_fetch_and(word, ~mask) & mask) != 0) {
                atomic_fetch_sub(&g->used, 1);
                atomic_fetch_sub(&pool->live, 1);
                status = SLAB_OK;
            } else if ((atomic_load(word + 1) & mask) != 0) {
                status = SLAB_DOUBLE_FREE;
            }
        }
    }
    pthread_rwlock_unlock(&pool->shape);
    return status;
}

size_t slab_live(slab *pool) {
    return atomic_load(&pool->live);
}

void slab_trim(slab *pool) {
    pthread_rwlock_wrlock(&pool->shape);
    size_t kept = 0;
    for (size_t i = 0; i < pool->count; i++) {
        group *g = pool->groups[i];
        if (atomic_load(&g->used) == 0) {
            pool->source.give(pool->source.context, g, g->taken);
        } else {
            pool->groups[kept++] = g;
        }
    }
    pool->count = kept;
    pthread_rwlock_unlock(&pool->shape);
}
