/*
 * The header as the task gives it out; a copy the agent changed is not used.
 * Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#ifndef RING_BUFFER_H
#define RING_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Largest capacity a ring buffer can have, in bytes. */
#define RING_BUFFER_CAPACITY_MAX ((size_t)1 << 24)

typedef struct ring_buffer ring_buffer;

ring_buffer *ring_buffer_create(size_t capacity);
void ring_buffer_destroy(ring_buffer *ring);

size_t ring_buffer_capacity(const ring_buffer *ring);
size_t ring_buffer_size(const ring_buffer *ring);

size_t ring_buffer_write(ring_buffer *ring, const uint8_t *bytes, size_t count);
size_t ring_buffer_overwrite(ring_buffer *ring, const uint8_t *bytes, size_t count);
size_t ring_buffer_read(ring_buffer *ring, uint8_t *out, size_t count);
size_t ring_buffer_peek(const ring_buffer *ring, size_t offset, uint8_t *out, size_t count);
size_t ring_buffer_discard(ring_buffer *ring, size_t count);
bool ring_buffer_resize(ring_buffer *ring, size_t capacity);

#endif
