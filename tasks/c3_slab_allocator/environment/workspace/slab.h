#ifndef SLAB_H
#define SLAB_H

#include <stddef.h>

#define SLAB_SIZE_MAX ((size_t)65536)
#define SLAB_ALIGNMENT_MAX ((size_t)4096)

typedef enum { SLAB_OK, SLAB_DOUBLE_FREE, SLAB_INVALID } slab_status;

/* Where a pool gets its memory. */
typedef struct {
    /* At least `size` bytes aligned to 16, or NULL. */
    void *(*take)(void *context, size_t size);
    /* Takes back what `take` returned, whole; `size` is what was asked for. */
    void (*give)(void *context, void *memory, size_t size);
    void *context;
} slab_source;

typedef struct slab slab;

slab *slab_create(size_t size, size_t alignment, size_t limit, const slab_source *source);
size_t slab_destroy(slab *pool);
void *slab_alloc(slab *pool);
slab_status slab_free(slab *pool, void *block);
size_t slab_live(slab *pool);
void slab_trim(slab *pool);

#endif
