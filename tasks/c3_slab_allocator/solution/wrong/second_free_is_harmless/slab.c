/*
 * Wrong: freeing what was freed before is taken for done already.
 * Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#include "slab.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { CHUNK_BYTES = 32768, BITS = 64 };

typedef struct chunk {
    struct chunk *before; /* Among the chunks with room. */
    struct chunk *after;
    size_t taken; /* Bytes from the source; the chunk itself is their beginning. */
    uintptr_t first;
    size_t used;
    size_t hint;    /* No word before this one has room. */
    uint64_t words[]; /* Live blocks, then blocks that were live at some time. */
} chunk;

struct slab {
    slab_source source;
    size_t stride;
    size_t alignment;
    size_t limit;
    size_t per_chunk;
    size_t word_count;
    pthread_mutex_t lock;
    size_t live;
    chunk *with_room;
    chunk **chunks; /* By address. */
    size_t count;
    size_t room;
};

static void *take(slab *pool, size_t size) {
    return pool->source.take(pool->source.context, size);
}

static void give(slab *pool, void *memory, size_t size) {
    if (memory != NULL) {
        pool->source.give(pool->source.context, memory, size);
    }
}

static size_t rounded(size_t size, size_t alignment) {
    return (size + alignment - 1) / alignment * alignment;
}

slab *slab_create(size_t size, size_t alignment, size_t limit, const slab_source *source) {
    if (size == 0 || size > SLAB_SIZE_MAX || alignment == 0 || alignment > SLAB_ALIGNMENT_MAX ||
        (alignment & (alignment - 1)) != 0 || limit == 0) {
        return NULL;
    }
    slab *pool = source->take(source->context, sizeof *pool);
    if (pool == NULL) {
        return NULL;
    }
    size_t stride = rounded(size, alignment);
    size_t per_chunk = CHUNK_BYTES / (stride < 16 ? 16 : stride);
    *pool = (slab){.source = *source, .stride = stride, .alignment = alignment, .limit = limit};
    pool->per_chunk = per_chunk == 0 ? 1 : per_chunk;
    pool->word_count = (pool->per_chunk + BITS - 1) / BITS;
    if (pthread_mutex_init(&pool->lock, NULL) != 0) {
        give(pool, pool, sizeof *pool);
        return NULL;
    }
    return pool;
}

size_t slab_destroy(slab *pool) {
    if (pool == NULL) {
        return 0;
    }
    for (size_t i = 0; i < pool->count; i++) {
        give(pool, pool->chunks[i], pool->chunks[i]->taken);
    }
    give(pool, pool->chunks, pool->room * sizeof *pool->chunks);
    pthread_mutex_destroy(&pool->lock);
    size_t live = pool->live;
    slab_source source = pool->source;
    source.give(source.context, pool, sizeof *pool);
    return live;
}

static void link_chunk(slab *pool, chunk *c) {
    c->before = NULL;
    c->after = pool->with_room;
    if (c->after != NULL) {
        c->after->before = c;
    }
    pool->with_room = c;
}

static void unlink_chunk(slab *pool, chunk *c) {
    *(c->before == NULL ? &pool->with_room : &c->before->after) = c->after;
    if (c->after != NULL) {
        c->after->before = c->before;
    }
}

/* How many chunks begin at or below an address. */
static size_t chunks_up_to(const slab *pool, uintptr_t address) {
    size_t low = 0, high = pool->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pool->chunks[middle]->first <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static chunk *add_chunk(slab *pool) {
    if (pool->count == pool->room) {
        size_t room = pool->room == 0 ? 16 : 2 * pool->room;
        chunk **chunks = take(pool, room * sizeof *chunks);
        if (chunks == NULL) {
            return NULL;
        }
        if (pool->count > 0) {
            memcpy(chunks, pool->chunks, pool->count * sizeof *chunks);
        }
        give(pool, pool->chunks, pool->room * sizeof *chunks);
        pool->chunks = chunks;
        pool->room = room;
    }
    size_t head = sizeof(chunk) + 2 * pool->word_count * sizeof(uint64_t);
    size_t taken = head + pool->alignment - 1 + pool->per_chunk * pool->stride;
    chunk *made = take(pool, taken);
    if (made == NULL) {
        return NULL;
    }
    memset(made, 0, head);
    made->taken = taken;
    made->first = rounded((uintptr_t)made + head, pool->alignment);
    size_t place = chunks_up_to(pool, made->first);
    memmove(pool->chunks + place + 1, pool->chunks + place, (pool->count - place) * sizeof *pool->chunks);
    pool->chunks[place] = made;
    pool->count++;
    link_chunk(pool, made);
    return made;
}

static void *alloc_locked(slab *pool) {
    if (pool->live == pool->limit) {
        return NULL;
    }
    chunk *c = pool->with_room != NULL ? pool->with_room : add_chunk(pool);
    if (c == NULL) {
        return NULL;
    }
    while (c->words[c->hint] == UINT64_MAX) {
        c->hint++;
    }
    size_t bit = 0;
    while (c->words[c->hint] >> bit & 1) {
        bit++;
    }
    c->words[c->hint] |= (uint64_t)1 << bit;
    c->words[pool->word_count + c->hint] |= (uint64_t)1 << bit;
    pool->live++;
    if (++c->used == pool->per_chunk) {
        unlink_chunk(pool, c);
    }
    return (void *)(c->first + (c->hint * BITS + bit) * pool->stride);
}

void *slab_alloc(slab *pool) {
    pthread_mutex_lock(&pool->lock);
    void *block = alloc_locked(pool);
    pthread_mutex_unlock(&pool->lock);
    return block;
}

static slab_status free_locked(slab *pool, uintptr_t address) {
    size_t place = chunks_up_to(pool, address);
    if (place == 0) {
        return SLAB_INVALID;
    }
    chunk *c = pool->chunks[place - 1];
    size_t offset = address - c->first;
    size_t index = offset / pool->stride;
    if (offset % pool->stride != 0 || index >= pool->per_chunk) {
        return SLAB_INVALID;
    }
    size_t word = index / BITS;
    uint64_t bit = (uint64_t)1 << index % BITS;
    if ((c->words[word] & bit) == 0) {
        return (c->words[pool->word_count + word] & bit) == 0 ? SLAB_INVALID : SLAB_OK;
    }
    c->words[word] &= ~bit;
    c->hint = word < c->hint ? word : c->hint;
    if (c->used-- == pool->per_chunk) {
        link_chunk(pool, c);
    }
    pool->live--;
    return SLAB_OK;
}

slab_status slab_free(slab *pool, void *block) {
    if (block == NULL) {
        return SLAB_OK;
    }
    pthread_mutex_lock(&pool->lock);
    slab_status status = free_locked(pool, (uintptr_t)block);
    pthread_mutex_unlock(&pool->lock);
    return status;
}

size_t slab_live(slab *pool) {
    pthread_mutex_lock(&pool->lock);
    size_t live = pool->live;
    pthread_mutex_unlock(&pool->lock);
    return live;
}

void slab_trim(slab *pool) {
    pthread_mutex_lock(&pool->lock);
    size_t kept = 0;
    for (size_t i = 0; i < pool->count; i++) {
        chunk *c = pool->chunks[i];
        if (c->used > 0) {
            pool->chunks[kept++] = c;
        } else {
            unlink_chunk(pool, c);
            give(pool, c, c->taken);
        }
    }
    pool->count = kept;
    if (kept == 0) {
        give(pool, pool->chunks, pool->room * sizeof *pool->chunks);
        pool->chunks = NULL;
        pool->room = 0;
    }
    pthread_mutex_unlock(&pool->lock);
}
