/*
 * A state for each block and a stack of the indices of unused ones in each chunk; the chunks are in a list, and the one
 * that was used last is asked first.
 * Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#include "slab.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

enum { NEVER, LIVE, FREED };

typedef struct part {
    struct part *next;
    size_t bytes;
    unsigned char *blocks;
    unsigned char *states;
    size_t unused;
    uint16_t stack[];
} part;

struct slab {
    pthread_mutex_t mutex;
    slab_source source;
    size_t width;
    size_t alignment;
    size_t limit;
    size_t live;
    size_t each; /* Blocks in a part; below 65536. */
    part *parts;
};

slab *slab_create(size_t size, size_t alignment, size_t limit, const slab_source *source) {
    if (size < 1 || size > SLAB_SIZE_MAX || limit < 1) {
        return NULL;
    }
    size_t power = 1;
    while (power < alignment && power < SLAB_ALIGNMENT_MAX) {
        power *= 2;
    }
    slab *pool = power == alignment ? source->take(source->context, sizeof *pool) : NULL;
    if (pool == NULL) {
        return NULL;
    }
    memset(pool, 0, sizeof *pool);
    pthread_mutex_init(&pool->mutex, NULL);
    pool->source = *source;
    pool->width = (size + alignment - 1) / alignment * alignment;
    pool->alignment = alignment;
    pool->limit = limit;
    pool->each = pool->width >= 65536 ? 1 : pool->width < 16 ? 4096 : 65536 / pool->width;
    return pool;
}

static part *give_part(slab *pool, part *gone) {
    part *next = gone->next;
    pool->source.give(pool->source.context, gone, gone->bytes);
    return next;
}

size_t slab_destroy(slab *pool) {
    if (pool == NULL) {
        return 0;
    }
    while (pool->parts != NULL) {
        pool->parts = give_part(pool, pool->parts);
    }
    size_t live = pool->live;
    slab_source source = pool->source;
    pthread_mutex_destroy(&pool->mutex);
    source.give(source.context, pool, sizeof *pool);
    return live;
}

static part *add_part(slab *pool) {
    size_t front = sizeof(part) + pool->each * (sizeof(uint16_t) + 1);
    size_t bytes = front + pool->alignment + pool->each * pool->width;
    part *made = pool->source.take(pool->source.context, bytes);
    if (made == NULL) {
        return NULL;
    }
    made->bytes = bytes;
    made->states = (unsigned char *)(made->stack + pool->each);
    memset(made->states, NEVER, pool->each);
    unsigned char *end = made->states + pool->each;
    made->blocks = end + (pool->alignment - (uintptr_t)end % pool->alignment) % pool->alignment;
    made->unused = pool->each;
    for (size_t i = 0; i < pool->each; i++) {
        made->stack[i] = (uint16_t)(pool->each - 1 - i);
    }
    made->next = pool->parts;
    pool->parts = made;
    return made;
}

/* Moves the part that a link leads to to the front. */
static part *use_next(slab *pool, part **link) {
    part *found = *link;
    *link = found->next;
    found->next = pool->parts;
    pool->parts = found;
    return found;
}

void *slab_alloc(slab *pool) {
    void *block = NULL;
    pthread_mutex_lock(&pool->mutex);
    if (pool->live < pool->limit) {
        part **link = &pool->parts;
        while (*link != NULL && (*link)->unused == 0) {
            link = &(*link)->next;
        }
        part *found = *link == NULL ? add_part(pool) : use_next(pool, link);
        if (found != NULL) {
            size_t index = found->stack[--found->unused];
            found->states[index] = LIVE;
            pool->live++;
            block = found->blocks + index * pool->width;
        }
    }
    pthread_mutex_unlock(&pool->mutex);
    return block;
}

static slab_status free_in(slab *pool, uintptr_t address) {
    for (part **link = &pool->parts; *link != NULL; link = &(*link)->next) {
        uintptr_t first = (uintptr_t)(*link)->blocks;
        if (address < first || address - first >= pool->each * pool->width) {
            continue;
        }
        size_t index = (address - first) / pool->width;
        if (address != first + index * pool->width || (*link)->states[index] == NEVER) {
            return SLAB_INVALID;
        }
        if ((*link)->states[index] == FREED) {
            return SLAB_DOUBLE_FREE;
        }
        part *owner = use_next(pool, link);
        owner->states[index] = FREED;
        owner->stack[owner->unused++] = (uint16_t)index;
        pool->live--;
        return SLAB_OK;
    }
    return SLAB_INVALID;
}

slab_status slab_free(slab *pool, void *block) {
    if (block == NULL) {
        return SLAB_OK;
    }
    pthread_mutex_lock(&pool->mutex);
    slab_status status = free_in(pool, (uintptr_t)block);
    pthread_mutex_unlock(&pool->mutex);
    return status;
}

size_t slab_live(slab *pool) {
    pthread_mutex_lock(&pool->mutex);
    size_t live = pool->live;
    pthread_mutex_unlock(&pool->mutex);
    return live;
}

void slab_trim(slab *pool) {
    pthread_mutex_lock(&pool->mutex);
    part **link = &pool->parts;
    while (*link != NULL) {
        if ((*link)->unused == pool->each) {
            *link = give_part(pool, *link);
        } else {
            link = &(*link)->next;
        }
    }
    pthread_mutex_unlock(&pool->mutex);
}
